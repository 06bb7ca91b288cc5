package io.github.pfncache.bench.ratio;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** All rows with the numbers of one run, as text and as Markdown. */
final class RatioTable {

    private static final List<String> HEADINGS =
            List.of("measure", "baseline", "figures", "B/op", "ratio", "rounds", "goal", "verdict");

    private final Results results;
    private final List<List<String>> lines = new ArrayList<>();
    private int met;
    private int missed;

    RatioTable(Results results) {
        this.results = results;
        for (Row row : Rows.ALL) { // bounded by the table
            row.value(results).ifPresent(value -> add(row, value));
        }
    }

    private void add(Row row, double value) {
        String verdict = row.goal().verdict(value);
        if (row.goal().exists()) {
            met += row.goal().share(value) <= 1 ? 1 : 0;
            missed += row.goal().share(value) <= 1 ? 0 : 1;
        }
        lines.add(List.of(
                row.measure(),
                row.baseline(),
                row.numbers(results),
                row.allocated(results),
                row.text(value),
                row.spread(results),
                row.goal().text(row.unit()),
                verdict));
    }

    /** For the console. */
    String text() {
        List<List<String>> all = Stream.concat(Stream.of(HEADINGS), lines.stream()).toList();
        int[] widths = IntStream.range(0, HEADINGS.size())
                .map(column -> all.stream().mapToInt(line -> line.get(column).length()).max().orElse(0))
                .toArray();
        String table = all.stream()
                .map(line -> IntStream.range(0, line.size())
                        .mapToObj(c -> String.format(Locale.ROOT, "%-" + widths[c] + "s", line.get(c)))
                        .collect(Collectors.joining("  ")).stripTrailing())
                .collect(Collectors.joining("\n"));
        return table + "\n" + summary() + "\n";
    }

    /** The last line. */
    String summary() {
        int unmeasured = Rows.ALL.size() - lines.size();
        return results.processor() + ", JDK " + results.jdk() + ": " + met + " goals met, " + missed + " not met, "
                + (lines.size() - met - missed) + " rows for comparison, " + unmeasured + " not measured";
    }

    /** With all columns, for a file. */
    String markdown() {
        return "## " + results.processor() + ", JDK " + results.jdk() + "\n\n"
                + markdownLine(HEADINGS) + "|" + "---|".repeat(HEADINGS.size()) + "\n"
                + lines.stream().map(RatioTable::markdownLine).collect(Collectors.joining()) + "\n" + summary() + "\n";
    }

    private static String markdownLine(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }
}
