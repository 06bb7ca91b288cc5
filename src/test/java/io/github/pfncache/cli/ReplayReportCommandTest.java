package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.trace.BundledTraces;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code replay --report}. */
final class ReplayReportCommandTest {

    private static final String MICROVM = "microvm_m32.tsv";

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private Path trace;

    @BeforeEach
    void copyTheTrace() throws IOException {
        trace = directory.resolve(MICROVM);
        try (InputStream in = BundledTraces.class.getResourceAsStream(MICROVM)) {
            Files.copy(in, trace);
        }
    }

    private int replay(Path report, Path... expected) {
        Stream<String> options = Stream.of(expected).map(table -> "--expect=" + table);
        String[] args = Stream.concat(Stream.of("replay", trace + "", "--report", report + ""), options)
                .toArray(String[]::new);
        return Main.run(args, new PrintStream(out), new PrintStream(err), false, new Interruption());
    }

    @Test
    void interruptedItSaysHowFarItCame() throws IOException {
        Interruption interruption = new Interruption();
        interruption.finished(); // so that the request does not wait
        interruption.request();
        Path report = directory.resolve("part.html");
        String[] args = {"replay", "--report", report + ""};
        assertThat(Main.run(args, new PrintStream(out), new PrintStream(err), false, interruption)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("interrupted: 0 of 797 operations were replayed");
        assertThat(report).content().contains("interrupted: 0 of 797 operations").doesNotContain("All agree");
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void thePageIsWrittenBesideTheOrdinaryResult() throws IOException {
        Path report = directory.resolve("report.html");
        assertThat(replay(report)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("replay: 1 trace, 6 operations");
        assertThat(report).content()
                .contains("<svg class=\"trace\"", MICROVM, "Nothing contradicts the recording",
                        "Without a table of where")
                .doesNotContain("agree with real KVM");
        assertThat(directory.toFile().list()).containsExactlyInAnyOrder(MICROVM, "report.html");
        assertThat(err()).isEmpty();
    }

    @Test
    void whatDiffersIsOnThePage() throws IOException {
        Path table = Files.writeString(directory.resolve("table.tsv"),
                "trace\tafter_idx\tprobe_gpa\tlands_in\n" + MICROVM + "\t0\t0x7100\tnone\n");
        Path report = directory.resolve("report.html");
        assertThat(replay(report, table)).isEqualTo(1);
        assertThat(report).content().contains("probes differ", "class=\"difference\"", "expected none, found");
    }

    @Test
    void aReportThatCannotBeWrittenIsOneLineAndNothingIsReplayed() {
        assertThat(replay(directory)).isEqualTo(2);
        assertThat(err()).isEqualTo(directory + ": is a directory" + System.lineSeparator());
        err.reset();
        Path absent = directory.resolve("absent/report.html");
        assertThat(replay(absent)).isEqualTo(2);
        assertThat(err()).isEqualTo(absent + ": no such directory" + System.lineSeparator());
        assertThat(out.size()).isZero();
        assertThat(directory.toFile().list()).containsExactly(MICROVM);
    }

    @Test
    void aBadTraceLeavesTheFormerReportAlone() throws IOException {
        Path report = Files.writeString(directory.resolve("report.html"), "former");
        Files.writeString(trace, "no trace");
        assertThat(replay(report)).isEqualTo(2);
        assertThat(report).hasContent("former");
        assertThat(directory.toFile().list()).containsExactlyInAnyOrder(MICROVM, "report.html");
    }
}
