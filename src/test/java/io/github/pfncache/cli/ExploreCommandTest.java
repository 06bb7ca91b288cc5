package io.github.pfncache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.scenario.Race;
import io.github.pfncache.scenario.RecordedExhibit;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ExploreCommandTest {

    private static final String RACE = "accessAgainstMigration";

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int explore(String... options) {
        String[] args = Stream.concat(
                        Stream.of("explore", "--seed=7", "--schedules=40", "--random=2"), Stream.of(options))
                .toArray(String[]::new);
        return Main.run(args, new PrintStream(out), new PrintStream(err), false, new Interruption());
    }

    private List<String> lines() {
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private String lastLine() {
        return lines().get(lines().size() - 1);
    }

    private String complaint(String... options) {
        assertThat(explore(options)).isEqualTo(2);
        assertThat(out.size()).isZero();
        assertThat(err.toString(StandardCharsets.UTF_8).lines()).hasSize(1);
        String line = err.toString(StandardCharsets.UTF_8);
        err.reset();
        return line;
    }

    @Test
    void withoutArgumentsItListsWhatThereIs() {
        assertThat(explore()).isZero();
        assertThat(lines()).anyMatch(line -> line.startsWith("  " + RACE))
                .anyMatch(line -> line.startsWith("  B18 "))
                .allMatch(line -> line.length() <= 80, "a terminal");
        assertThat(String.join(" ", lines()).replaceAll(" +", " "))
                .containsPattern(" B18 .*\\(cannot be written into this design\\)");
        assertThat(lastLine()).isEqualTo("explore: " + Race.all().size() + " scenarios, "
                + RecordedExhibit.all().size() + " exhibits");
    }

    @Test
    void allTheScenariosAreNotNamed() {
        assertThat(complaint("--all", RACE)).startsWith("--all is every scenario: name none");
    }

    @Test
    void aScenarioIsExploredUpToItsBound() {
        assertThat(explore(RACE, "twoCachesOfOnePage", RACE)).isZero();
        assertThat(lines()).hasSize(3);
        assertThat(lines().get(0)).startsWith(RACE + ": 42 schedules, no failure (");
        assertThat(lastLine()).isEqualTo("explore: 2 scenarios, 84 schedules, 0 failed, seed 7");
        assertThat(err.size()).isZero();
    }

    @Test
    void oneScheduleIsRunAlone() {
        assertThat(explore(RACE, "--schedule=3:1")).isZero();
        assertThat(lines().get(0)).startsWith(RACE + ": 1 schedule, no failure");
        out.reset();
        assertThat(complaint(RACE, "--schedule=0:7")).contains("does not fit");
        assertThat(complaint(RACE, "--schedule=x")).contains("is not decision:thread");
        assertThat(complaint(RACE, "--schedule=:")).contains("is not decision:thread");
    }

    @Test
    void anExhibitIsDrawnAndItsScenarioExploredWithoutTheFault() {
        assertThat(explore("--exhibit", "b01")).isZero();
        assertThat(lines()).contains("B01: in progress only after the caches were walked")
                .containsSubsequence("the fault (-), and the source as it should be (+):", "")
                .anyMatch(line -> line.startsWith("  - ")).anyMatch(line -> line.startsWith("  + "))
                .anyMatch(line -> line.matches("  unread +the last reader has left.*"))
                .anyMatch(line -> line.matches("Schedule [0-9:,]+: each thread runs until it waits or ends; but .*"))
                .anyMatch(line -> line.matches(" +migrate +access"))
                .anyMatch(line -> line.matches(" +[+]-+>"))
                .anyMatch(line -> line.startsWith("VIOLATION: CacheRule.I1_MAPPING_IS_CURRENT"))
                .anyMatch(line -> line.startsWith(RACE + ", the source as it is: 42 schedules, no failure"));
        assertThat(lastLine()).isEqualTo("explore: exhibit B01, 1 scenario, 42 schedules, 0 failed, seed 7");
    }

    @Test
    void anExhibitThatCannotBeWrittenSaysWhy() {
        assertThat(explore("--exhibit=B18")).isZero();
        assertThat(lines().get(1)).isEqualTo("cannot be written into this design: neither takes a length:"
                + " it is fixed when the cache is made");
        assertThat(lines().get(2)).endsWith("mvn test -Dtest=BugMuseumTest");
    }

    @Test
    void thePageHasThePicture() {
        Path page = directory.resolve("page.html");
        assertThat(explore("--exhibit=B34", "--report=" + page)).isZero();
        assertThat(page).content().contains("<svg class=\"sequence\"", "deadlock", "accessOutlastsNonBlockingEviction");
        assertThat(directory.toFile().list()).containsExactly("page.html");
        out.reset();
        assertThat(complaint("--exhibit=B34", "--report=" + directory)).isEqualTo(
                directory + ": is a directory" + System.lineSeparator());
    }

    @Test
    void machinesGetOneObject() {
        assertThat(explore("--exhibit=B01", "--json")).isZero();
        assertThat(lines()).hasSize(1);
        assertThat(lines().get(0)).startsWith("{\"command\":\"explore\",\"exhibit\":{\"id\":\"B01\"")
                .contains("\"thread\":1,\"point\":\"lock REFRESH\"", "\"schedules\":42", "\"interrupted\":false");
        out.reset();
        assertThat(explore("--json")).isZero();
        assertThat(lines()).hasSize(1);
        assertThat(lines().get(0)).contains("\"name\":\"" + RACE + "\"", "\"id\":\"B18\"", "\"expressible\":false");
    }

    @Test
    void argumentsThatMakeNoSenseAreBadInput() {
        assertThat(complaint("nowhere")).contains("nowhere: there is no such scenario");
        assertThat(complaint("--exhibit=B99")).contains("there is no such exhibit");
        assertThat(complaint("--exhibit=B01", RACE)).contains("give --exhibit alone");
        assertThat(complaint("--schedule=1:1")).contains("belongs to one scenario");
        assertThat(complaint(RACE, "--preemptions=65")).contains("--preemptions=65 is not in 0..64");
    }

    @Test
    void aSignalEndsItWithWhatWasFound() {
        Interruption interruption = new Interruption();
        interruption.finished();
        interruption.request();
        String[] args = {"explore", "--all", "--json"};
        assertThat(Main.run(args, new PrintStream(out), new PrintStream(err), false, interruption)).isZero();
        assertThat(lastLine()).contains("\"interrupted\":true", "\"scenarios\":[]");
        Path page = directory.resolve("part.html");
        String[] plain = {"explore", "--all", "--report=" + page};
        assertThat(Main.run(plain, new PrintStream(out), new PrintStream(err), false, interruption)).isZero();
        assertThat(lines()).contains("interrupted: what there is up to then");
        assertThat(lastLine()).startsWith("explore: 0 scenarios, 0 schedules, 0 failed, seed ");
        assertThat(page).content().contains("Interrupted");
    }
}
