package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What no source file may contain. */
final class SourceHygieneTest {

    private static final int MAX_CODE_LINES = 300;
    private static final int MAX_COLUMNS = 120;

    private static final Pattern SLEEP =
            Pattern.compile("\\bThread\\s*\\.\\s*sleep\\s*\\(|\\bTimeUnit\\s*\\.\\s*\\w+\\s*\\.\\s*sleep\\s*\\(");
    private static final Pattern DISABLED = Pattern.compile("@Disabled\\w*");
    private static final Pattern WILDCARD_IMPORT = Pattern.compile("(?m)^import\\s[^;]*\\*\\s*;");
    private static final Pattern NOTE_TO_SELF = Pattern.compile("\\b(?:TO" + "DO|FIX" + "ME|X" + "XX)\\b");
    private static final Pattern STUB = Pattern.compile("\\bnew\\s+UnsupportedOperationException\\b");

    @Test
    void noProductionFileIsLong() throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : Jars.sources()) {
            long lines = SourceText.codeLines(Files.readString(file));
            if (lines > MAX_CODE_LINES) {
                found.add(file + ": " + lines + " lines of code");
            }
        }
        assertThat(found).isEmpty();
    }

    @Test
    void noLineIsWide() throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : sources("src")) {
            List<String> lines = Files.readAllLines(file);
            for (int i = 0; i < lines.size(); i++) {
                if (lines.get(i).length() > MAX_COLUMNS) {
                    found.add(file + ":" + (i + 1) + ": " + lines.get(i).length() + " columns");
                }
            }
        }
        assertThat(found).isEmpty();
    }

    @Test
    void everyPublicTypeSaysSinceWhen() throws IOException {
        Pattern type = Pattern.compile("(?m)^public (?:[a-z-]+ )*(?:class|interface|enum|record) ");
        List<Path> found = new ArrayList<>();
        for (String root : List.of("src/main/java", "src/pv/java", "src/testkit/java")) {
            for (Path file : sources(root)) {
                String text = Files.readString(file);
                Matcher declared = type.matcher(text);
                if (declared.find() && !text.substring(0, declared.start()).contains(" * @since ")) {
                    found.add(file);
                }
            }
        }
        assertThat(found).isEmpty();
    }

    @Test
    void nobodySleeps() throws IOException {
        assertThat(matches("src", SLEEP, SourceText::codeOnly)).isEmpty();
    }

    @Test
    void noTestIsDisabled() throws IOException {
        assertThat(matches("src", DISABLED, SourceText::codeOnly)).isEmpty();
    }

    @Test
    void noImportIsAWildcard() throws IOException {
        assertThat(matches("src", WILDCARD_IMPORT, SourceText::codeOnly)).isEmpty();
    }

    @Test
    void nothingIsLeftForLater() throws IOException {
        assertThat(matches("src", NOTE_TO_SELF, UnaryOperator.identity())).isEmpty();
        assertThat(matches(Jars.sources(), STUB, SourceText::codeOnly)).isEmpty();
    }

    /** Canary: the patterns find what they are for, and do not look into comments and literals. */
    @Test
    void thePatternsFindTheirFaults() {
        assertThat(SLEEP.matcher(SourceText.codeOnly("x(); Thread . sleep(1); // why")).find()).isTrue();
        assertThat(SLEEP.matcher(SourceText.codeOnly("TimeUnit.SECONDS.sleep(1);")).find()).isTrue();
        assertThat(SLEEP.matcher(SourceText.codeOnly("/* Thread.sleep(1) */ a(\"Thread.sleep(1)\"); b('\"');")).find())
                .isFalse();
        assertThat(DISABLED.matcher(SourceText.codeOnly("'\"' + a @DisabledOnOs(x) \"b\"")).find()).isTrue();
        assertThat(WILDCARD_IMPORT.matcher("package a;\nimport static b.C.*;\n").find()).isTrue();
        assertThat(NOTE_TO_SELF.matcher("// TO" + "DO later").find()).isTrue();
        assertThat(STUB.matcher("throw new UnsupportedOperationException();").find()).isTrue();
        assertThat(SourceText.codeLines("package a;\nimport b.C;\n\n/** Is it? */\nclass A { // yes\n\n}\n"))
                .isEqualTo(2);
        assertThat(SourceText.withoutComments("a // b\n\"//c\" /* d */ e")).isEqualTo("a  \n\"//c\"   e");
    }

    private static List<Path> sources(String root) {
        List<Path> files = BuiltClasses.files(BuiltClasses.inCheckout(root), ".java");
        assertThat(files).as("sources below %s", root).isNotEmpty();
        return files;
    }

    private static List<String> matches(String root, Pattern pattern, UnaryOperator<String> view) throws IOException {
        return matches(sources(root), pattern, view);
    }

    private static List<String> matches(List<Path> files, Pattern pattern, UnaryOperator<String> view)
            throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : files) {
            Matcher matcher = pattern.matcher(view.apply(Files.readString(file)));
            // Ends with the file: every find starts behind the one before.
            while (matcher.find()) {
                found.add(file + ": " + matcher.group().strip());
            }
        }
        return found;
    }
}
