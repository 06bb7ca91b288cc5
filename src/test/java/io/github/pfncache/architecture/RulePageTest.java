package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.rules.LockClass;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The rules have one home, {@code .github/RULES.md}, and what it says of the code is so. The table of locks in it is
 * written by {@code mvn test -Dtest=RulePageTest -Drule-page.write=true}.
 */
final class RulePageTest {

    private static final Path PAGE = BuiltClasses.inCheckout(".github/RULES.md");

    private static final Pattern ROW = Pattern.compile("(?m)^\\| ([LI]\\d+) \\|(.*)\\|$");

    /** A rule cited in a comment, which may break the line between the two words, or in a document. */
    private static final Pattern CITATION = Pattern.compile("\\[(?:rule\\s+(?:\\*\\s+)?)?([LI]\\d+)]");
    private static final Pattern CONSTANT = Pattern.compile("Rule\\.([LI]\\d+)_[A-Z]");
    private static final Pattern EXHIBIT = Pattern.compile("\\b[BDE]\\d\\d[a-z]?\\b");
    private static final Pattern FOUND = Pattern.compile("(?m)^exhibit\t(\\w+)\t(?:(?!^exhibit)[\\s\\S])*?^found\t");
    private static final Pattern TEST = Pattern.compile("`(\\w+Test)\\.(\\w+)`");
    private static final Pattern LOCKS =
            Pattern.compile("(<!-- lock order[^>]*-->\n)([\\s\\S]*?)(<!-- end of lock order -->)");

    /** One rule: its number, and what the columns say. */
    private record Row(String id, List<String> columns) {
        String enforcedIn() {
            return columns.get(2);
        }

        String failsWithoutIt() {
            return columns.get(3);
        }
    }

    @Test
    void everyRuleOfTheSpecificationIsThereOnce() throws IOException {
        List<String> expected = Stream.of("L", "I")
                .flatMap(kind -> IntStream.rangeClosed(1, 14).mapToObj(n -> kind + n))
                .collect(Collectors.toList());
        assertThat(rows()).extracting(Row::id).containsExactlyElementsOf(expected);
        assertThat(rows()).allSatisfy(row -> assertThat(row.columns()).as(row.id()).hasSize(4)
                .allSatisfy(column -> assertThat(column).isNotBlank()));
    }

    @Test
    void everyCitationNamesARuleOfThePage() throws IOException {
        Set<String> ids = rows().stream().map(Row::id).collect(Collectors.toSet());
        Map<String, Set<String>> unknown = new TreeMap<>();
        int cited = 0;
        for (Path file : cited()) {
            String text = Files.readString(file);
            for (Pattern pattern : List.of(CITATION, CONSTANT)) {
                Matcher matcher = pattern.matcher(text);
                while (matcher.find()) { // bounded by the file
                    cited++;
                    if (!ids.contains(matcher.group(1))) {
                        unknown.computeIfAbsent(matcher.group(1), id -> new TreeSet<>()).add(file.toString());
                    }
                }
            }
        }
        assertThat(unknown).as("rules cited, and not in %s", PAGE).isEmpty();
        assertThat(cited).as("citations found").isGreaterThan(50);
    }

    @Test
    void everyRuleIsEnforcedByWhatItNames() throws IOException {
        for (Row row : rows()) {
            assertThat(DocumentedNames.in(row.enforcedIn())).as(row.id()).isNotEmpty();
        }
        assertThat(DocumentedNames.missing(DocumentedNames.in(Files.readString(PAGE).replaceAll("`\\w+Test\\.\\w+`", "")
                        .replace("`architecture.RulePageTest`", ""))))
                .as("named in %s, and not in the code", PAGE)
                .isEmpty();
    }

    @Test
    void everyRuleHasAnExhibitOrATestThatFailsWithoutIt() throws IOException {
        Set<String> found = foundExhibits();
        for (Row row : rows()) {
            List<String> exhibits = all(EXHIBIT, row.failsWithoutIt());
            List<String> tests = all(TEST, row.failsWithoutIt());
            assertThat(exhibits.size() + tests.size()).as(row.id()).isPositive();
            assertThat(exhibits).as("exhibits of " + row.id()).allMatch(found::contains);
            assertThat(tests).as("tests of " + row.id()).allMatch(RulePageTest::isATest);
        }
    }

    @Test
    void theOrderOfLocksIsThatOfTheCode() throws IOException {
        String page = Files.readString(PAGE);
        Matcher matcher = LOCKS.matcher(page);
        assertThat(matcher.find()).as("place of the lock table in %s", PAGE).isTrue();
        String written = matcher.group(1) + lockTable() + matcher.group(3);
        if (Boolean.getBoolean("rule-page.write")) {
            Files.writeString(PAGE, page.substring(0, matcher.start()) + written + page.substring(matcher.end()));
            return;
        }
        assertThat(matcher.group()).as("write it anew with -Drule-page.write=true").isEqualTo(written);
    }

    /** Canary: the patterns find what they are for. */
    @Test
    void thePatternsFindTheirFaults() {
        assertThat(all(CITATION, "see [rule L5], [I99] and [rule\n * L1]")).containsExactly("L5", "I99", "L1");
        assertThat(all(CONSTANT, "XenRule.I77_WHAT.check()")).containsExactly("I77");
        assertThat(DocumentedNames.in("`GuestAccess.shut` `BUSY` `-ea`")).containsExactly("GuestAccess.shut");
        assertThat(DocumentedNames.missing(List.of("GuestAccess.shut", "GuestAccess.close", "DirtyBitmap.Harvest")))
                .containsExactly("GuestAccess.shut");
        assertThat(isATest("NoSuchTest.atAll")).isFalse();
    }

    private static String lockTable() throws IOException {
        StringBuilder table =
                new StringBuilder("| lock | what it protects | `maySleepUnder` | atomic |\n|---|---|---|---|\n");
        Path enumeration = BuiltClasses.inCheckout("src/main/java/io/github/pfncache/rules/LockClass.java");
        String source = Files.readString(enumeration);
        for (LockClass lock : LockClass.values()) {
            table.append(String.format("| `%s` | %s | %s | %s |%n", lock, sayingOf(lock, source),
                    lock.maySleepUnder() ? "yes" : "no", lock.mayWaitInAtomicContext() ? "yes" : "no"));
        }
        return table.toString();
    }

    /** The comment of a constant, as plain text. */
    private static String sayingOf(LockClass lock, String source) {
        Matcher matcher = Pattern.compile("/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s+" + lock + "\\(").matcher(source);
        assertThat(matcher.find()).as("comment of %s", lock).isTrue();
        String oneLine = matcher.group(1).replaceAll("\\s*\\n\\s*\\*\\s*", " ");
        return oneLine.replaceAll("\\s*\\(?\\[rule L\\d+]\\)?", "").strip();
    }

    private static List<Row> rows() throws IOException {
        List<Row> rows = new ArrayList<>();
        Matcher matcher = ROW.matcher(Files.readString(PAGE));
        while (matcher.find()) { // bounded by the page
            rows.add(new Row(matcher.group(1), Arrays.stream(matcher.group(2).split("\\|"))
                    .map(String::strip)
                    .collect(Collectors.toList())));
        }
        return rows;
    }

    private static List<Path> cited() {
        List<Path> files = new ArrayList<>(BuiltClasses.files(BuiltClasses.inCheckout("src"), ".java"));
        files.removeIf(file -> file.endsWith("RulePageTest.java")); // its canaries cite what is not there
        files.addAll(BuiltClasses.files(BuiltClasses.inCheckout(".github"), ".md"));
        files.add(BuiltClasses.inCheckout("README.md"));
        return files;
    }

    private static Set<String> foundExhibits() throws IOException {
        String resource = "/io/github/pfncache/scenario/exhibits.txt";
        try (InputStream recorded = RulePageTest.class.getResourceAsStream(resource)) {
            return new TreeSet<>(all(FOUND, new String(recorded.readAllBytes(), StandardCharsets.UTF_8)));
        }
    }

    private static boolean isATest(String name) {
        String file = name.substring(0, name.indexOf('.')) + ".java";
        return BuiltClasses.files(BuiltClasses.inCheckout("src/test/java"), file).stream()
                .anyMatch(path -> path.getFileName().toString().equals(file)
                        && read(path).contains("void " + name.substring(name.indexOf('.') + 1) + "("));
    }

    private static String read(Path path) {
        try {
            return Files.readString(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> all(Pattern pattern, String text) {
        List<String> found = new ArrayList<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) { // bounded by the text
            String name = matcher.group(matcher.groupCount() == 0 ? 0 : 1);
            found.add(matcher.groupCount() == 2 ? name + "." + matcher.group(2) : name);
        }
        return found;
    }
}
