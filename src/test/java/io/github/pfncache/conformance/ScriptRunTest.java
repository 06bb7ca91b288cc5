package io.github.pfncache.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.kvm.Script;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The interpreter sees and says what it should, also what is outside of the recordings' sequential model. */
final class ScriptRunTest {

    private static String run(String script) {
        return ScriptRun.of(Script.parse(script));
    }

    @Test
    void aClockUpdateIsPrintedWithVersionsAndFlags() {
        assertThat(run("slot 1 0x100000 4 A0 -;greg 0 0x100101")).isEqualTo("0 ; ok W@A0+100:aaaaaaaa>aaaaaaac/f3");
    }

    @Test
    void whatIsWrittenWhereNothingIsRegisteredIsStray() {
        assertThat(run("slot 1 0x100000 4 A0 -;msr 0 0x4b564d01 0x100101;run 0"))
                .isEqualTo("0 ; ok ; IOf8 STRAY@A0+100-11f");
    }

    /** A byte of the time is that of the fill for 256 seconds in 65,536: on a live kernel a row differed then. */
    @ParameterizedTest
    @ValueSource(ints = {0xffa, 0xff8, 0xff6})
    void aWallClockIsStrayAsAWholeAlsoWhereItIsTheFill(int offset) {
        for (int fill = 0; fill < 256; fill++) {
            String script = "slot 1 0x100000 4 A0 -;poison A0 4 " + fill + ";gmsr 0 0x4b564d00 0x100" + hex(offset);
            assertThat(run(script))
                    .as("fill %#x", fill)
                    .endsWith(" STRAY@A0+" + hex(offset) + "-fff,STRAY@A1+0-" + hex(offset + 11 - 4096));
        }
    }

    private static String hex(int number) {
        return Integer.toHexString(number);
    }

    @Test
    void aPageMappedTwiceShowsTwice() {
        assertThat(run("mapfile M3 1 7;slot 1 0x100000 4 M3 -;greg 0 0x100101"))
                .isEqualTo("0 ; 0 ; ok W@M3+100:aaaaaaaa>aaaaaaac/f3,W@M7+100:aaaaaaaa>aaaaaaac/f3");
    }

    @Test
    void theRingTakesOneEntryForEachUpdateAndStopsTheVcpu() {
        assertThat(run("ring 4096;slot 1 0x100000 4 A0 l;greg 0 0x102101;clkrun 0 400;dlog 1"))
                .isEqualTo("ok ; 0 ; ok W@A2+100:aaaaaaaa>aaaaaaac/f3"
                        + " ; 190*IOf8 then X31 W@A2+100:aaaaaaac>aaaaac2a/f3 ; ENXIO");
        assertThat(run("ring 65536;slot 1 0x100000 4 A0 l;greg 0 0x102101;clk;run 0;clk;run 0;ringget 0"))
                .endsWith("{1:2 1:2 1:2} reset=3");
    }

    /** As the kernel of the recordings does: one update is one entry, also where the page had to be brought in. */
    @Test
    void stealTimeIsOneEntryOfTheRing() {
        assertThat(run("ring 65536;slot 1 0x100000 4 A0 l;streg 0 0x100041;run 0;ringget 0;run 0;ringget 0"))
                .endsWith("{1:0} reset=1 ; IOf8 S@A0+40:aaaaaaac>aaaaaaae/p0 ; {1:0} reset=1");
        assertThat(run("ring 65536;slot 1 0x100000 4 A0 l;streg 0 0x100041;none A0 1;run 0;ringget 0"))
                .endsWith("IOf8 ; {1:0} reset=1");
    }

    @Test
    void aDebuggerWritesNotToAFileThatIsMappedForReading() {
        assertThat(run("ro M8 1;poke M8+48 202 4;poke A8+48 202 4;ro A8 1;poke A8+48 1 4;mv M8 1 B2;poke B2+0 1 1"))
                .isEqualTo("0 ; fail ; ok ; 0 ; ok ; 0 ; fail");
    }

    @Test
    void aScriptWithAnUnknownOperationDoesNothing() {
        assertThatThrownBy(() -> run("slot 1 0x100000 4 A0 -;enforce"))
                .isInstanceOf(Script.Unreadable.class)
                .hasMessageContaining("enforce");
    }

    @Test
    void numbersPlacesAndFlagsThatAreNoneAreUnreadable() {
        assertThatThrownBy(() -> run("slot 1 0xg 4 A0 -")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("slot 1 0x100000 4 A0 q")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("slot 1 0x100000 4 Z0 -")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("dn A0")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("punch A0 1")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("childpeek A0")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("ringget 0")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("run 7")).isInstanceOf(Script.Unreadable.class);
        assertThatThrownBy(() -> run("run 0;;run 0")).isInstanceOf(Script.Unreadable.class);
    }

    @Test
    void aFailureIsAnObservation() {
        assertThat(run("getmsr 0 1")).contains("Exception");
    }
}
