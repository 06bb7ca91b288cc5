package io.github.pfncache.trace;

import static io.github.pfncache.trace.TraceTexts.HEADER;
import static io.github.pfncache.trace.TraceTexts.SMALL;
import static io.github.pfncache.trace.TraceTexts.TABLE_HEADER;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ReplayTest {

    private static final String TABLE = TABLE_HEADER
            + "small.tsv\t0\t0x7100\tpc.ram+0x7100\n"
            + "small.tsv\t2\t0x7100\tnone\n";

    /** Keeps all steps. */
    private static class Steps implements ReplayObserver {
        final List<ReplayStep> steps = new ArrayList<>();

        @Override
        public void stepped(ReplayStep step) {
            steps.add(step);
        }

        List<ReplayStep.Difference> differences() {
            List<ReplayStep.Difference> all = new ArrayList<>();
            steps.forEach(step -> all.addAll(step.differences()));
            return all;
        }
    }

    @Test
    void everyBundledBootLandsWhereRealKvmDid() throws Exception {
        List<MemslotTrace> traces = BundledTraces.traces();
        ProbeTable table = BundledTraces.table(traces);
        ReplayResult sum = ReplayResult.none("all");
        for (MemslotTrace trace : traces) {
            Steps steps = new Steps();
            ReplayResult result = Replay.compare(trace, table, steps);
            assertThat(steps.differences()).as(trace.name()).isEmpty();
            assertThat(result.lookupsAvoided()).as(trace.name()).isPositive();
            sum = sum.plus(result);
        }
        assertThat(sum.operations()).isEqualTo(797);
        assertThat(sum.probes()).isEqualTo(9564);
        assertThat(sum.agree()).isEqualTo(9564);
        assertThat(sum.differ()).isZero();
        assertThat(sum.dirtyPages()).isPositive();
    }

    @Test
    void theNumbersAreThoseOfTheTrace() throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(SMALL);
        Steps steps = new Steps();
        ReplayResult result = Replay.compare(trace, TraceTexts.table(TABLE, trace), steps);
        // 3 operations x 2 updates x 12 clocks. Two of the first clock's are served by the cache; a lost one never is.
        assertThat(result).isEqualTo(new ReplayResult("small.tsv", 3, 36, 36, 0, 2, 70, 0, 2));
        assertThat(steps.steps).extracting(step -> step.landings().get(0).toString())
                .containsExactly("pc.ram+0x7100", "pc.ram+0x7100", "none");
        assertThat(steps.steps).extracting(ReplayStep::answer).containsOnly("0");
    }

    @Test
    void aReplayThatIsEndedHasTheResultOfWhatWasDone() throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(SMALL);
        Steps steps = new Steps() {
            @Override
            public boolean goesOn() {
                return steps.size() < 2;
            }
        };
        assertThat(Replay.compare(trace, TraceTexts.table(TABLE, trace), steps))
                .isEqualTo(new ReplayResult("small.tsv", 2, 24, 24, 0, 2, 46, 0, 2));
        assertThat(steps.steps).hasSize(2);
    }

    @Test
    void aTableThatSaysOtherwiseMakesTheProbeDiffer() throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(SMALL);
        for (String wrong : List.of("none", "pc.ram+0x7140", "pc.rom+0x7100")) {
            Steps steps = new Steps();
            String text = TABLE.replace("pc.ram+0x7100", wrong);
            ReplayResult result = Replay.compare(trace, TraceTexts.table(text, trace), steps);
            assertThat(result.differ()).as(wrong).isEqualTo(2);
            assertThat(result.agree()).isEqualTo(34);
            assertThat(steps.differences()).hasSize(4).allSatisfy(each -> assertThat(each)
                    .hasToString("expected " + wrong + ", found pc.ram+0x7100"));
        }
        ReplayResult late = Replay.compare(
                trace, TraceTexts.table(TABLE.replace("v\t2", "v\t1"), trace), ReplayObserver.NONE);
        assertThat(late.differ()).isEqualTo(1);
    }

    @Test
    void anOperationThatEndsOtherwiseMakesAllItsProbesDiffer() throws MalformedInput {
        // Real KVM accepted an overlap, says this trace; and refused a harmless slot.
        MemslotTrace lie = TraceTexts.trace(HEADER
                + "0\t0\tcreate\t0\t0x0\t0x0\t0x10000\tpc.ram\t0x0\t0\n"
                + "1\t0\tcreate\t1\t0x0\t0x0\t0x10000\tpc.ram\t0x0\t0\n"
                + "2\t0\tcreate\t2\t0x0\t0x40000000\t0x1000\tpc.ram\t0x0\t-22\n"
                + "3\t0\tcreate\t3\t0x0\t0x0\t0x1234\tpc.ram\t0x1\t-22\n");
        Steps steps = new Steps();
        ReplayResult result = Replay.observe(lie, steps);
        assertThat(steps.steps).extracting(ReplayStep::answer).containsExactly("0", "EEXIST", "0", "EINVAL");
        assertThat(steps.differences()).extracting(Object::toString).containsExactly(
                "expected result 0, found EEXIST", "expected result -22, found 0");
        assertThat(result.differ()).isEqualTo(24);
    }

    @Test
    void aMoveTakesTheClockAlong() throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(HEADER
                + "0\t0\tcreate\t0\t0x0\t0x0\t0x10000\tpc.ram\t0x0\t0\n"
                + "1\t0\tmove\t0\t0x0\t0x98000\t0x10000\tpc.ram\t0x0\t0\n");
        Steps steps = new Steps();
        Replay.observe(trace, steps);
        assertThat(steps.differences()).isEmpty();
        assertThat(steps.steps.get(1).landings().subList(0, 3))
                .hasToString("[none, pc.ram+0x7140, pc.ram+0x8180]");
    }

    @Test
    void aStrayByteInHostMemoryIsFound() throws MalformedInput {
        assertThat(differencesWhen((vm, step) -> poke(vm, 0x7000)))
                .containsExactly("expected nothing but clocks written, found a byte written at hva 0x1000000007000");
        assertThat(differencesWhen((vm, step) -> poke(vm, 0x1234)))
                .containsExactly(
                        "expected nothing but clocks written, found 2 pages of host memory in use, clocks in 1");
    }

    @Test
    void aChangeBehindTheCachesIsFound() throws MalformedInput {
        // A version that changes behind the caches' back shows as a landing after the slot is gone.
        assertThat(differencesWhen((vm, step) -> poke(vm, 0x7100)))
                .containsExactly("expected none, found pc.ram+0x7100");
    }

    private interface Accident {
        void happen(Vm vm, ReplayStep step);
    }

    /** What differs after the last operation of {@code SMALL} if something happens just before it. */
    private static List<String> differencesWhen(Accident accident) throws MalformedInput {
        MemslotTrace trace = TraceTexts.trace(SMALL);
        Steps steps = new Steps() {
            private Vm machine;

            @Override
            public void started(MemslotTrace started, Vm vm) {
                machine = vm;
            }

            @Override
            public void stepped(ReplayStep step) {
                super.stepped(step);
                if (step.operation().index() == 1) {
                    accident.happen(machine, step);
                }
            }
        };
        Replay.compare(trace, TraceTexts.table(TABLE, trace), steps);
        assertThat(steps.steps.get(0).differences()).isEmpty();
        assertThat(steps.steps.get(1).differences()).isEmpty();
        List<String> found = new ArrayList<>();
        steps.steps.get(2).differences().forEach(each -> found.add(each.toString()));
        return found;
    }

    /** Writes one byte of the slot's host memory as a debugger would. */
    private static void poke(Vm vm, long gpa) {
        vm.host().poke(vm.memslots().table().find(gpa >>> 12).hva() + gpa, new byte[] {(byte) 0x81});
    }
}
