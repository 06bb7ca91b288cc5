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
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What documents and scripts tell people to type, or to look at, is there. */
final class DocumentsTest {

    private static final List<String> PAGES = Stream
            .concat(Stream.of("README.md"), named(".github", ".md"))
            .toList();
    private static final List<String> DOCUMENTS = Stream
            .of(PAGES.stream(), Stream.of(".ci/run"), named(".github/workflows", ".yml"))
            .flatMap(names -> names)
            .toList();
    /** Properties that belong to Maven and its plug-ins. */
    private static final Set<String> FOREIGN_PROPERTIES = Set.of("test", "exec.args", "skipTests",
            // of the plug-ins that the release's workflow names
            "newVersion", "generateBackupPoms", "includeTestScope", "outputFormat", "gpg.signer",
            "altDeploymentRepository");

    private static final Pattern TEST = Pattern.compile("-Dtest='?([\\w.*,]{2,})"); // X is any test
    private static final Pattern PROFILE = Pattern.compile("\\s-P(\\w+)");
    private static final Pattern PROPERTY = Pattern.compile("[\\s`\"]-D([\\w.-]+)");
    private static final Pattern PROGRAM = Pattern.compile("-Dexec\\.args=\"([^\"]+)\"");
    private static final Pattern PLACE = Pattern.compile("[`(]((?:src|\\.ci|\\.github)/[^`)#\\s*]+)[^`)]*[`)]");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");
    private static final Pattern CLASS = Pattern.compile("`(?:\\w+\\.)?((?!X[A-Z])[A-Z]\\w+Test)`");
    private static final Pattern EXHIBIT = Pattern.compile("\\bB\\d\\d[a-z]?\\b");
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
        String commands = Stream.of("cli", "kvm")
                .flatMap(root -> BuiltClasses.files(Jars.sources(root), ".java").stream())
                .map(file -> read(file.toString()))
                .collect(joining());
        Stream<String> lines = found(PROGRAM)
                .map(line -> line.replaceAll("\\s+", " "))
                .filter(line -> !line.startsWith("--")); // every program has --help
        assertThat(lines).isNotEmpty().allSatisfy(line -> {
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

    /** A link to a place of this repository: the file is there, and its heading. Others are not followed. */
    @Test
    void everyLinkLeadsSomewhere() {
        int links = 0;
        for (String page : PAGES) {
            for (MatchResult match : LINK.matcher(read(page)).results().toList()) {
                String link = match.group(1);
                // ../../actions is a page of the service that keeps the repository.
                if (!link.contains("://") && !link.startsWith("../../actions/")) {
                    String[] parts = link.split("#", 2);
                    Path directory = Path.of("/" + page).getParent();
                    Path target = parts[0].isEmpty() ? Path.of("/" + page) : directory.resolve(parts[0]).normalize();
                    String file = target.toString().substring(1);
                    assertThat(BuiltClasses.inCheckout("").resolve(file)).as(page + ": " + link).exists();
                    if (parts.length == 2) {
                        assertThat(anchors(file)).as(page + ": " + link).contains(parts[1]);
                    }
                    links++;
                }
            }
        }
        assertThat(links).isGreaterThan(20);
    }

    /** What the headings of a page are called in links to them. */
    private static Set<String> anchors(String page) {
        return HEADING.matcher(read(page)).results()
                .map(match -> match.group(1).toLowerCase(Locale.ROOT))
                .map(heading -> heading.replaceAll("[^\\w\\- ]", "").replace(' ', '-'))
                .collect(toSet());
    }

    private static Stream<String> named(String directory, String ending) {
        return BuiltClasses.files(BuiltClasses.inCheckout(directory), ending).stream()
                .filter(file -> file.getParent().equals(BuiltClasses.inCheckout(directory)))
                .map(file -> directory + "/" + file.getFileName())
                .sorted();
    }

    @Test
    void whatTheMutationReportNamesIsThere() {
        String rows = ROW.matcher(read(".github/MUTATION.md")).results().map(row -> row.group(1)).collect(joining());
        List<String> names = DocumentedNames.in(rows);
        assertThat(names).isNotEmpty();
        assertThat(DocumentedNames.missing(names)).isEmpty();
    }

    @Test
    void whatAnswersAndPromisesNameIsThere() {
        List<String> names = DocumentedNames.in(read(".github/FAQ.md") + read(".github/SECURITY.md"));
        names.removeAll(Set.of("ByteBuffer", "Busy")); // the JDK's; an event
        assertThat(names).hasSizeGreaterThan(5);
        assertThat(DocumentedNames.missing(names)).isEmpty();
    }

    @Test
    void everyExhibitOfTheComparisonIsThere() {
        String museum = BuiltClasses.files(BuiltClasses.inCheckout("src/test/java/io/github/pfncache/museum"), ".java")
                .stream().map(file -> read(file.toString())).collect(joining());
        assertThat(EXHIBIT.matcher(read(".github/COMPARED.md")).results().map(MatchResult::group))
                .hasSizeGreaterThan(5)
                .allSatisfy(id -> assertThat(museum).contains('"' + id + '"'));
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
