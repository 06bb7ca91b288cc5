package io.github.pfncache.architecture;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What documents and scripts tell people to type, or to look at, is there. */
final class DocumentsTest {

    private static final List<String> DOCUMENTS = List.of(
            "README.md", ".github/CONTRIBUTING.md", ".github/GUIDE.md", ".github/MUTATION.md", ".ci/run",
            ".github/workflows/ci.yml");
    /** Properties that belong to Maven and its plug-ins. */
    private static final Set<String> FOREIGN_PROPERTIES = Set.of("test", "exec.args", "skipTests");

    private static final Pattern TEST = Pattern.compile("-Dtest='?([\\w.*,]{2,})"); // X is any test
    private static final Pattern PROFILE = Pattern.compile("\\s-P(\\w+)");
    private static final Pattern PROPERTY = Pattern.compile("[\\s`\"]-D([\\w.-]+)");
    private static final Pattern PROGRAM = Pattern.compile("-Dexec\\.args=\"([^\"]+)\"");
    private static final Pattern PLACE = Pattern.compile("[`(]((?:src|\\.ci|\\.github)/[^`)#\\s*]+)[^`)]*[`)]");
    private static final Pattern CLASS = Pattern.compile("`(?:\\w+\\.)?((?!X[A-Z])[A-Z]\\w+Test)`");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| ([^|]+) \\|");

    @Test
    void everyNamedTestIsThere() {
        Set<String> tests = BuiltClasses.files(BuiltClasses.inCheckout("src/test/java"), "Test.java").stream()
                .map(file -> BuiltClasses.inCheckout("src/test/java").relativize(file).toString())
                .map(file -> file.substring(0, file.length() - ".java".length()).replace('/', '.'))
                .collect(toSet());
        assertThat(found(TEST).flatMap(names -> Stream.of(names.split(",")))).isNotEmpty().allSatisfy(name -> {
            Pattern glob = Pattern.compile("(.*\\.)?" + name.replace(".", "\\.").replace("*", ".*"));
            assertThat(tests).as(name).anyMatch(test -> glob.matcher(test).matches());
        });
        assertThat(found(CLASS)).isNotEmpty()
                .allSatisfy(name -> assertThat(tests).as(name).anyMatch(test -> test.endsWith("." + name)));
    }

    @Test
    void everyProfileAndPropertyIsThere() {
        String pom = read("pom.xml");
        assertThat(found(PROFILE)).isNotEmpty()
                .allSatisfy(name -> assertThat(pom).contains("<id>" + name + "</id>"));
        String sources = BuiltClasses.files(BuiltClasses.inCheckout("src"), ".java").stream()
                .map(file -> read(file.toString()))
                .collect(joining());
        Set<String> properties = found(PROPERTY).collect(toCollection(TreeSet::new));
        properties.removeAll(FOREIGN_PROPERTIES);
        assertThat(properties).isNotEmpty().allMatch(name ->
                pom.contains("<" + name + ">") || sources.contains('"' + name + '"'));
    }

    @Test
    void everyCommandAndOptionIsThere() {
        String commands = BuiltClasses.files(Jars.sources("cli"), ".java").stream()
                .map(file -> read(file.toString()))
                .collect(joining());
        assertThat(found(PROGRAM)).isNotEmpty().allSatisfy(line -> {
            assertThat(commands).contains("name = \"" + line.split(" ")[0] + '"');
            assertThat(line.split(" ")).filteredOn(word -> word.startsWith("--"))
                    .allSatisfy(option -> assertThat(commands).contains('"' + option + '"'));
        });
    }

    @Test
    void everyNamedPlaceIsThere() {
        assertThat(found(PLACE)).isNotEmpty()
                .allSatisfy(name -> assertThat(BuiltClasses.inCheckout(name)).exists());
    }

    @Test
    void whatTheMutationReportNamesIsThere() {
        String rows = ROW.matcher(read(".github/MUTATION.md")).results().map(row -> row.group(1)).collect(joining());
        List<String> names = DocumentedNames.in(rows);
        assertThat(names).isNotEmpty();
        assertThat(DocumentedNames.missing(names)).isEmpty();
    }

    private static Stream<String> found(Pattern pattern) {
        return DOCUMENTS.stream()
                // A word of the shell goes on behind the end of its line.
                .map(document -> read(document).replace("'\\\n'", ""))
                .flatMap(text -> pattern.matcher(text).results())
                .map(match -> match.group(1));
    }

    private static String read(String file) {
        try {
            return Files.readString(BuiltClasses.inCheckout("").resolve(Path.of(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
