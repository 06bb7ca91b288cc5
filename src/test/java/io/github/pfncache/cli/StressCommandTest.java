package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StressCommandTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... words) {
        return run(new Interruption(), words);
    }

    private int run(Interruption interruption, String... words) {
        return Main.run(words, new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8), false, interruption);
    }

    private List<String> outLines() {
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private List<String> errLines() {
        return err.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void aCleanLoadReportsItsRulesAndEndsWithItsSummary() {
        assertThat(run("stress", "--ops", "2000", "--seconds", "60", "--seed", "42")).as("%s", outLines()).isZero();
        assertThat(outLines().get(0)).isEqualTo("seed 42: 2 vcpus, 2 devices");
        assertThat(outLines().get(1)).startsWith("Looks for what is lost, torn or broken, with every check on: ")
                .endsWith("no benchmark.");
        assertThat(outLines()).noneMatch(line -> line.contains("per second"))
                .as("a terminal").allMatch(line -> line.length() <= 80 || line.startsWith("stress: "));
        assertThat(outLines()).anyMatch(
                line -> line.matches("accesses: +[0-9,]+, [0-9.]+ % of them without a refresh"));
        assertThat(outLines()).anyMatch(line -> line.startsWith("outcomes: ") && line.contains("BUSY="));
        assertThat(outLines()).anyMatch(line -> line.matches("guest mode: .* pages held, .* pages given back"));
        assertThat(outLines()).as("no column of zeros")
                .anyMatch(line -> line.matches("CacheRule\\.I5_BALANCE +[1-9][0-9]*"));
        assertThat(outLines().get(outLines().size() - 1)).matches(
                "stress: [0-9]+\\.[0-9] seconds, [0-9]+ accesses \\([0-9]+ in guest mode\\), 0 lost, 0 torn,"
                        + " 0 violations");
        assertThat(errLines()).isEmpty();
    }

    @Test
    void forMachinesItIsOneObject() {
        assertThat(run("stress", "--ops", "100", "--seed", "7", "--vcpus", "1", "--rate", "1000", "--json")).isZero();
        assertThat(outLines()).hasSize(1);
        assertThat(outLines().get(0))
                .startsWith("{\"command\":\"stress\",\"seed\":7,\"vcpus\":1,\"devices\":2,")
                .contains("\"caches\":{\"refreshes\":", "\"outcomes\":{\"OK\":")
                .contains("{\"rule\":\"LockRule.ORDER\",\"checks\":")
                .contains("\"lost\":0,\"torn\":0,\"violations\":0,", "\"interrupted\":false,");
    }

    @Test
    void interruptedItReportsWhatItHas() {
        Interruption interruption = new Interruption();
        interruption.finished(); // so that the request does not wait
        interruption.request();
        assertThat(run(interruption, "stress", "--seconds", "60")).isZero();
        assertThat(outLines().get(0)).contains("interrupted");
        assertThat(outLines().get(outLines().size() - 1)).startsWith("stress: ");
    }

    @Test
    void impossibleSizesAreBadInput() {
        assertThat(run("stress", "--seconds", "0")).isEqualTo(2);
        assertThat(run("stress", "--seconds", "99999999999")).isEqualTo(2);
        assertThat(run("stress", "--ops", "-1")).isEqualTo(2);
        assertThat(run("stress", "--ops", "99999999999999999999")).isEqualTo(2);
        assertThat(run("stress", "--vcpus", "1000")).isEqualTo(2);
        assertThat(run("stress", "--rate", "0")).isEqualTo(2);
        assertThat(run("stress", "--seed", "x")).isEqualTo(2);
        assertThat(errLines()).hasSize(7).allMatch(line -> line.endsWith("(see pfncache stress --help)"));
        assertThat(errLines().get(0)).startsWith("--seconds=0 is not in 1..");
        assertThat(outLines()).isEmpty();
    }
}
