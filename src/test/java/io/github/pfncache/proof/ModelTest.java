package io.github.pfncache.proof;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.scenario.RecordedExhibit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * The models of {@code src/proof}, in every state that they can reach: the sound ones break no invariant, and each
 * fault breaks the one that it is to break. What came of it is the tables of {@code .github/PROOF.md}, written by
 * {@code mvn test -Dtest=ModelTest -Dproof.write=true}.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES) // each waits for runs that are under way
final class ModelTest {

    private static final Path PAGE = Path.of(".github/PROOF.md").toAbsolutePath();
    private static final boolean WRITE = Boolean.getBoolean("proof.write");
    private static final Pattern CITED = Pattern.compile("[A-Za-z]+Rule\\.(?:(I\\d+)_\\w+|NOTIFIER_PAIRS)");
    private static final List<Configuration> SMALL = Configuration.all(Configuration.DIRECTORY);

    /** Two at a time, begun before they are asked for. */
    private static ExecutorService workers;
    private static final Map<Configuration, Future<Tlc>> RUNS = new LinkedHashMap<>();

    @BeforeAll
    static void start() {
        workers = Executors.newFixedThreadPool(2);
        SMALL.forEach(each -> RUNS.put(each, workers.submit(() -> Tlc.check(each))));
    }

    @AfterAll
    static void stop() {
        workers.shutdownNow();
    }

    private static Tlc ran(Configuration configuration) throws Exception {
        return RUNS.get(configuration).get();
    }

    @TestFactory
    Stream<DynamicTest> everyConfigurationSaysWhatItIsToSay() {
        return SMALL.stream()
                .map(each -> DynamicTest.dynamicTest(each.name() + ": " + each.says(), () -> look(each, ran(each))));
    }

    private static void look(Configuration configuration, Tlc ran) {
        if (configuration.fault() != null) {
            assertThat(ran.breaks(configuration.fault().breaks())).as(ran.output()).isTrue();
            return;
        }
        assertThat(ran.isComplete()).as(ran.output()).isTrue();
        if (configuration.isOfFaults()) {
            assertThat(ran.found()).extracting(found -> found.fault() + " " + found.broken())
                    .containsExactlyInAnyOrderElementsOf(configuration.faults().stream()
                            .map(fault -> fault.id() + " " + fault.breaks())
                            .toList());
        }
    }

    /** A fault that has a number of the museum breaks what the museum found broken, if that is a rule. */
    @Test
    void faultsAreThoseOfTheMuseum() {
        for (Configuration.Fault fault : (Iterable<Configuration.Fault>) faults()::iterator) {
            if (fault.says() == null) {
                RecordedExhibit exhibit = RecordedExhibit.of(fault.id()).orElseThrow();
                Matcher rule = CITED.matcher(exhibit.found().reason());
                if (rule.find()) {
                    assertThat(fault.breaks()).as(fault.id())
                            .isEqualTo(rule.group(1) == null ? "NotifierPairs" : rule.group(1));
                }
            } else {
                assertThat(RecordedExhibit.of(fault.id())).as(fault.id()).isEmpty();
            }
        }
    }

    private static Stream<Configuration.Fault> faults() {
        return SMALL.stream().flatMap(each -> each.isOfFaults() ? each.faults().stream()
                : Stream.ofNullable(each.fault()));
    }

    @Test
    void theTranslationIsThatOfThePlusCal() throws IOException {
        for (Path module : Configuration.files(Configuration.DIRECTORY, ".tla")) {
            String text = Files.readString(module);
            if (text.contains("--algorithm")) {
                String translated = Tlc.translated(module);
                if (WRITE) {
                    Files.writeString(module, translated);
                } else {
                    assertThat(text).as("%s: write it anew with -Dproof.write=true", module).isEqualTo(translated);
                }
            }
        }
    }

    @Test
    void thePageHasWhatWasFound() throws Exception {
        StringBuilder table = new StringBuilder("| configuration | what it is | states | depth |\n|---|---|--:|--:|\n");
        StringBuilder found = new StringBuilder("| fault | what is wrong | breaks | after |\n|---|---|---|--:|\n");
        for (Configuration each : SMALL) {
            Tlc ran = ran(each);
            if (each.fault() != null) {
                line(found, each.fault(), "a loop");
            } else {
                table.append(String.format(Locale.ROOT, "| `%s` | %s | %,d | %d |%n",
                        each.name(), each.says(), ran.states(), ran.depth()));
                for (Tlc.Found one : each.isOfFaults() ? ran.found() : List.<Tlc.Found>of()) {
                    line(found, each.faults().stream().filter(fault -> fault.id().equals(one.fault()))
                            .findFirst().orElseThrow(), String.valueOf(one.length()));
                }
            }
        }
        renew("configurations", table.toString());
        renew("faults", found.toString());
    }

    private static void line(StringBuilder table, Configuration.Fault fault, String after) {
        String says = fault.says() != null ? fault.says() : RecordedExhibit.of(fault.id()).orElseThrow().fault();
        table.append(String.format(Locale.ROOT, "| %s | %s | %s | %s |%n", fault.id(), says, fault.breaks(), after));
    }

    /** A table of the page, between comments. */
    private static void renew(String name, String table) throws IOException {
        String page = Files.readString(PAGE);
        Matcher place = Pattern.compile("(<!-- " + name + ": [^>]*-->\n)([\\s\\S]*?)(<!-- end of " + name + " -->)")
                .matcher(page);
        assertThat(place.find()).as("place of the %s in %s", name, PAGE).isTrue();
        if (WRITE) {
            Files.writeString(PAGE,
                    page.substring(0, place.start(2)) + table + page.substring(place.end(2)));
        } else {
            assertThat(place.group(2)).as("%s of %s: write it anew with -Dproof.write=true", name, PAGE)
                    .isEqualTo(table);
        }
    }

    /** The larger ones: {@code mvn -Pdeep test -Dtest=ModelTest}. */
    @Tag("deep")
    @TestFactory
    Stream<DynamicTest> largeConfigurationsBreakNothing() {
        return Configuration.all(Configuration.DIRECTORY.resolve("large")).stream()
                .map(each -> DynamicTest.dynamicTest(each.name() + ": " + each.says(), () -> {
                    Tlc ran = Tlc.check(each);
                    System.out.printf("%s: %,d states, depth %d%n", each.name(), ran.states(), ran.depth());
                    look(each, ran);
                }));
    }
}
