package io.github.pfncache.readme;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Java blocks of a document, each after a line {@code <!-- name -->}, and the regions of a test's source that they
 * must equal: from {@code // snippet: name} to {@code // end}, without the indentation of the first line.
 */
final class Snippets {

    private static final Path TESTS = Path.of("src/test/java");
    private static final String FENCE = "```";
    private static final String BEGIN = "// snippet: ";
    private static final String END = "// end";

    private Snippets() {}

    /** The blocks by their names, in the order of the document. A block without a name fails. */
    static Map<String, String> blocks(Path document) throws IOException {
        Map<String, String> blocks = new LinkedHashMap<>();
        List<String> lines = Files.readAllLines(document);
        for (int i = 0; i < lines.size(); i++) { // bounded by the document
            if (lines.get(i).equals(FENCE + "java")) {
                String name = i == 0 ? "" : lines.get(i - 1);
                assertThat(name).as("%s:%d: the name of the block", document, i).matches("<!-- [a-z-]+ -->");
                int end = i + 1 + lines.subList(i + 1, lines.size()).indexOf(FENCE);
                String code = String.join("\n", lines.subList(i + 1, end)) + "\n";
                String key = name.substring("<!-- ".length(), name.length() - " -->".length());
                assertThat(blocks.put(key, code)).as(name).isNull();
                i = end;
            }
        }
        return blocks;
    }

    /** The regions by their names, in the order of the source. */
    static Map<String, String> regions(Class<?> test) throws IOException {
        Map<String, String> regions = new LinkedHashMap<>();
        List<String> lines = Files.readAllLines(TESTS.resolve(test.getName().replace('.', '/') + ".java"));
        for (int i = 0; i < lines.size(); i++) { // bounded by the source
            String line = lines.get(i).strip();
            if (line.startsWith(BEGIN)) {
                StringBuilder code = new StringBuilder();
                int indentation = lines.get(i).indexOf(BEGIN);
                for (i++; !lines.get(i).strip().equals(END); i++) { // bounded by the source
                    code.append(lines.get(i).substring(Math.min(indentation, lines.get(i).length()))).append('\n');
                }
                assertThat(regions.put(line.substring(BEGIN.length()), code.toString())).as(line).isNull();
            }
        }
        return regions;
    }
}
