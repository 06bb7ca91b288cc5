package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.trace.BundledTraces;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MainTest {

    private static final String MICROVM = "microvm_m32.tsv";
    private static final String HEADER =
            "trace changes probes agree dirty refreshes look-ups saved";

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(Object... args) {
        return runOn(false, args);
    }

    private int runOn(boolean terminal, Object... args) {
        String[] words = new String[args.length];
        for (int i = 0; i < args.length; i++) {
            words[i] = args[i].toString();
        }
        return Main.run(words, stream(out), stream(err), terminal, new Interruption());
    }

    private static PrintStream stream(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private List<String> outLines() {
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private List<String> errLines() {
        return err.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private String lastLine() {
        return outLines().get(outLines().size() - 1);
    }

    private Path copy(String resource) throws IOException {
        Path file = directory.resolve(resource);
        try (InputStream in = BundledTraces.class.getResourceAsStream(resource)) {
            Files.copy(in, file);
        }
        return file;
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    @Test
    void withoutArgumentsTheBundledBootsAreReplayed() {
        assertThat(run()).isZero();
        assertThat(lastLine()).isEqualTo("replay: 20 traces, 797 operations, 9564 probes, 9564 agree, 0 differ");
        assertThat(outLines()).hasSize(3 + 1 + 20 + 1 + 1).noneMatch(line -> line.contains("\033"));
        assertThat(outLines().subList(0, 3)).containsExactly(
                "A probe: one of 12 guest clocks, updated after one recorded change of memory.",
                "It agrees if the update landed where real KVM's did, and nowhere else.", "");
        assertThat(outLines()).as("a terminal").allMatch(line -> line.length() <= 80);
        assertThat(outLines().get(3).replaceAll(" +", " ")).as("no column of zeros").isEqualTo(HEADER);
        assertThat(outLines().get(24).replaceAll(" +", " ")).startsWith("total 797 9564 9564 626 ");
        assertThat(errLines()).as("progress in a pipe").isEmpty();
    }

    @Test
    void otherRecordingsAreComparedWithTheirTable() throws IOException {
        assertThat(run("replay", copy(MICROVM), "--expect", copy(BundledTraces.TABLE))).isZero();
        assertThat(lastLine()).isEqualTo("replay: 1 trace, 6 operations, 72 probes, 72 agree, 0 differ");
        assertThat(outLines()).hasSize(3 + 4);
        assertThat(errLines()).isEmpty();
    }

    @Test
    void whatDiffersIsNamedAndIsTheExitCode() throws IOException {
        Path trace = copy(MICROVM);
        String table = Files.readString(copy(BundledTraces.TABLE));
        String good = MICROVM + "\t2\t0x7100\tmicrovm.ram+0x7100\n";
        assertThat(table).contains(good);
        Path altered = write("altered.tsv", table.replace(good, good.replace("0x7100\n", "0x7104\n")));
        assertThat(run("replay", "--expect", altered, trace)).isEqualTo(1);
        assertThat(lastLine()).isEqualTo("replay: 1 trace, 6 operations, 72 probes, 68 agree, 4 differ");
        assertThat(outLines()).contains(MICROVM + " after operation 2, clock at 0x7100: "
                + "expected microvm.ram+0x7104, found microvm.ram+0x7100");
    }

    @Test
    void tooManyDifferencesAreCounted() throws IOException {
        Path table = write("table.tsv", "trace\tafter_idx\tprobe_gpa\tlands_in\n" + MICROVM + "\t0\t0x7100\tnone\n");
        assertThat(run("replay", "--expect", table, copy(MICROVM))).isEqualTo(1);
        assertThat(outLines()).filteredOn(line -> line.contains(" after operation ")).hasSize(20);
        assertThat(outLines()).anyMatch(line -> line.matches(MICROVM + ": and [0-9]+ more differences"));
    }

    @Test
    void withoutATableTheLandingsAreReportedInItsFormat() throws IOException {
        assertThat(run("replay", copy(MICROVM))).isZero();
        List<String> table = Files.readAllLines(copy(BundledTraces.TABLE));
        table.removeIf(line -> !line.startsWith("trace\t") && !line.startsWith(MICROVM + "\t"));
        assertThat(outLines().subList(3, 3 + table.size())).isEqualTo(table);
        assertThat(outLines()).as("agree with what?").noneMatch(line -> line.contains("agree"));
        assertThat(lastLine()).isEqualTo("replay: 1 trace, 6 operations, 72 probes, 0 contradict the recording");
    }

    @Test
    void withoutATableARecordedResultCanBeContradicted() throws IOException {
        Path trace = write("odd.tsv", Files.readString(copy(MICROVM)).replaceAll("(?m)^(2\t.*)\t0$", "$1\t-22"));
        assertThat(run("replay", trace)).isEqualTo(1);
        assertThat(lastLine()).isEqualTo("replay: 1 trace, 6 operations, 72 probes, 12 contradict the recording");
        assertThat(outLines()).anyMatch(line -> line.matches("trace +changes +probes +contradict .*"))
                .anyMatch(line -> line.contains("after operation 2: expected result -22, found 0"));
    }

    @Test
    void aMalformedTraceStopsEverythingBeforeItBegins() throws IOException {
        Path good = copy(MICROVM);
        Path bad = write("bad.tsv", Files.readString(good).replace("2\t28825\tcreate", "2\t28825\tmake"));
        assertThat(run("replay", good, bad, "--expect", copy(BundledTraces.TABLE))).isEqualTo(2);
        assertThat(errLines()).containsExactly(bad + ":9:9: expected op: create, delete, move or flags, found 'make'");
        assertThat(outLines()).isEmpty();
    }

    @Test
    void aMalformedTableIsBadInput() throws IOException {
        Path table = write("table.tsv", "trace\tafter_idx\tprobe_gpa\tlands_in\n" + MICROVM + "\t6\t0x7100\tnone\n");
        assertThat(run("replay", copy(MICROVM), "--expect", table)).isEqualTo(2);
        assertThat(errLines()).containsExactly(table
                + ":2:17: expected after_idx: the number of one of the 6 operations of " + MICROVM + ", found '6'");
        assertThat(outLines()).isEmpty();
    }

    @Test
    void aFileThatCannotBeReadIsBadInput() throws IOException {
        Path absent = directory.resolve("absent.tsv");
        assertThat(run("replay", absent)).isEqualTo(2);
        assertThat(run("replay", directory)).isEqualTo(2);
        assertThat(run("replay", copy(MICROVM), "--expect", absent)).isEqualTo(2);
        assertThat(errLines()).hasSize(3);
        assertThat(errLines().get(0)).isEqualTo(absent + ": no such file");
        assertThat(errLines().get(1)).contains(directory.toString());
        assertThat(errLines().get(2)).isEqualTo(absent + ": no such file");
        assertThat(outLines()).isEmpty();
    }

    @Test
    void whatIsNoFileToReadIsBadInputInOneLine() throws IOException {
        Path named = write("@table", "x");
        assertThat(run("replay", "")).isEqualTo(2);
        assertThat(run("replay", copy(MICROVM), "--expect", "")).isEqualTo(2);
        assertThat(run("replay", directory)).isEqualTo(2);
        assertThat(run("replay", "/", "/")).isEqualTo(2);
        assertThat(run("replay", "a\0b")).isEqualTo(2);
        assertThat(run("replay", named)).isEqualTo(2);
        assertThat(run("@" + named)).isEqualTo(2);
        assertThat(errLines()).hasSize(7);
        assertThat(errLines().get(0)).isEqualTo("the name of a file is empty (see pfncache replay --help)");
        assertThat(errLines().get(1)).isEqualTo("the name of a file is empty (see pfncache replay --help)");
        assertThat(errLines().get(2)).isEqualTo(directory + ": is a directory");
        assertThat(errLines().get(3)).isEqualTo("/: is a directory");
        assertThat(errLines().get(4)).contains("a?b");
        assertThat(errLines().get(5)).startsWith(named + ":1:1: expected the header ");
        assertThat(errLines().get(6)).as("not expanded").contains("@" + named);
        assertThat(outLines()).isEmpty();
    }

    @Test
    void whatIsNoTextIsBadInputInOneLine() throws IOException {
        Path binary = Files.write(directory.resolve("binary.tsv"), new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0});
        Path wide = write("wide.tsv", "#".repeat(1 << 17));
        assertThat(run("replay", binary)).isEqualTo(2);
        assertThat(run("replay", wide)).isEqualTo(2);
        assertThat(run("replay", "\033[31m\nred")).isEqualTo(2);
        assertThat(run("replay", "x".repeat(100_000))).isEqualTo(2);
        assertThat(errLines()).hasSize(4).allMatch(line -> line.length() < 1100);
        assertThat(errLines().get(0))
                .isEqualTo(binary + ":1:1: expected text or a tab, found a control character, 0x7f");
        assertThat(errLines().get(1)).isEqualTo(wide + ":1:1: expected a line of at most 65536 bytes");
        assertThat(errLines().get(2)).isEqualTo("?[31m?red: no such file");
        assertThat(outLines()).isEmpty();
    }

    @Test
    void argumentsThatMakeNoSenseAreBadInput() throws IOException {
        Path trace = copy(MICROVM);
        assertThat(run("replay", "--expects", "x")).isEqualTo(2);
        assertThat(run("rerun")).isEqualTo(2);
        assertThat(run("replay", trace, trace)).isEqualTo(2);
        assertThat(errLines()).hasSize(3);
        assertThat(errLines().get(0)).contains("--expects").endsWith("(see pfncache replay --help)");
        assertThat(errLines().get(1)).contains("rerun").endsWith("(see pfncache --help)");
        assertThat(errLines().get(2)).contains("occurs twice");
        assertThat(outLines()).isEmpty();
    }

    @Test
    void helpAndVersionAreResults() {
        assertThat(run("--help")).isZero();
        assertThat(outLines()).anyMatch(line -> line.contains("replay")).noneMatch(line -> line.contains("\033"));
        assertThat(run("replay", "--help")).isZero();
        assertThat(outLines()).anyMatch(line -> line.contains("--expect=TABLE"));
        out.reset();
        assertThat(run("--version")).isZero();
        assertThat(outLines()).hasSize(1).allMatch(line -> line.startsWith("pfncache "));
        assertThat(errLines()).isEmpty();
    }

    @Test
    void onATerminalOneLineIsWrittenOverAndGoesAway() throws IOException {
        assertThat(runOn(true, "replay", copy(MICROVM), "--expect", copy(BundledTraces.TABLE))).isZero();
        String shown = err.toString(StandardCharsets.UTF_8);
        assertThat(shown).doesNotContain("\n").contains("6/6").endsWith("\r\033[K");
        assertThat(out.toString(StandardCharsets.UTF_8)).doesNotContain("\r");
    }

    @Test
    void aTraceWithoutOperationsHasNothingThatDiffers() throws IOException {
        Path empty = write("empty.tsv", Files.readString(copy(MICROVM)).replaceAll("(?m)^[0-9].*\\n", ""));
        assertThat(run("replay", empty)).isZero();
        assertThat(lastLine()).startsWith("replay: 1 trace, 0 operations, 0 probes, 0 contradict");
    }

    @Test
    void forMachinesTheResultIsOneJsonObject() throws IOException {
        Path table = copy(BundledTraces.TABLE);
        assertThat(run("replay", "--json", "--seed", "7", copy(MICROVM), "--expect", table)).isZero();
        assertThat(outLines()).hasSize(1);
        assertThat(lastLine())
                .startsWith("{\"command\":\"replay\",\"compared\":true,\"differences\":[],")
                .contains("{\"trace\":\"" + MICROVM + "\",\"operations\":6,\"probes\":72,\"agree\":72,")
                .endsWith("\"summary\":\"replay: 1 trace, 6 operations, 72 probes, 72 agree, 0 differ\"}");
        assertThat(errLines()).isEmpty();
    }

    @Test
    void aResultThatCannotBeWrittenIsAnError() {
        PrintStream full = new PrintStream(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("No space left on device");
            }
        });
        assertThat(Main.run(new String[] {"replay"}, full, stream(err), false, new Interruption())).isEqualTo(2);
        assertThat(errLines()).containsExactly("standard output: cannot be written");
    }

    @Test
    void interruptedItReportsWhatItHas() {
        Interruption interruption = new Interruption();
        interruption.finished(); // so that the request does not wait
        interruption.request();
        assertThat(Main.run(new String[] {"replay"}, stream(out), stream(err), false, interruption)).isZero();
        assertThat(lastLine()).isEqualTo("replay: 0 traces, 0 operations, 0 probes, 0 agree, 0 differ");
    }
}
