package io.github.pfncache.bench.ratio;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The rows with the numbers of a run: as text, as Markdown, and as the rows of the README. */
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
        return "JDK " + results.jdk() + ": " + met + " goals met, " + missed + " not met, "
                + (lines.size() - met - missed) + " rows for comparison, " + unmeasured + " not measured";
    }

    /** With all columns, for a file. */
    String markdown() {
        return "## JDK " + results.jdk() + "\n\n" + markdownLine(HEADINGS) + "|" + "---|".repeat(HEADINGS.size()) + "\n"
                + lines.stream().map(RatioTable::markdownLine).collect(Collectors.joining()) + "\n" + summary() + "\n";
    }

    private static String markdownLine(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    /** The rows of the README: the ratios of all JDKs side by side. */
    static String readme(List<Results> runs) {
        List<String> headings = new ArrayList<>(List.of("what is measured, and against what", "why it matters"));
        runs.forEach(run -> headings.add("JDK " + run.release()));
        headings.addAll(List.of("goal", "measure it with `mvn -Pbench verify` and"));
        StringBuilder out = new StringBuilder(markdownLine(headings));
        out.append("|").append("---|".repeat(headings.size())).append("\n");
        for (Row row : Rows.ALL) { // bounded by the table
            List<Optional<Double>> values = runs.stream().map(row::value).toList();
            if (!row.detail() && values.stream().anyMatch(Optional::isPresent)) {
                List<String> cells = new ArrayList<>();
                cells.add(row.base() == null ? row.measure() : row.measure() + " / " + row.baseline());
                cells.add(row.why());
                values.forEach(value -> cells.add(value.map(row::text).orElse("")));
                cells.add(row.goal().text(row.unit()));
                cells.add("`-Dbench.include=" + row.figure().benchmarkClasses().replace("|", "\\|") + "`");
                out.append(markdownLine(cells));
            }
        }
        return out.toString();
    }
}
