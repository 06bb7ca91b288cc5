package io.github.pfncache.bench.ratio;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The ratios as the documents show them: a table for each reason to measure, a row for each comparison, a column for
 * each processor and JDK. What a run did not measure stays as it stands in the document: the columns of other
 * processors, the rows of other benchmarks. Not thread-safe.
 */
final class RatioPage {

    private static final String WHAT = "what is measured / against what";
    private static final String MISSED = "**";

    private final Set<String> columns = new LinkedHashSet<>();

    /** What stands in a row's cells, by column; the rows by their first cells. */
    private final Map<String, Map<String, String>> rows = new HashMap<>();

    /** What stands in a text that {@link #markdown} wrote; empty if nothing does. */
    static RatioPage read(String text) {
        RatioPage page = new RatioPage();
        List<String> headings = List.of();
        for (String line : text.lines().filter(each -> each.startsWith("| ")).toList()) { // bounded by the text
            List<String> cells = List.of(line.substring(2).split(" \\| | \\|$", -1));
            if (headings.isEmpty() || cells.get(0).equals(WHAT)) {
                headings = cells.get(0).equals(WHAT) ? cells : List.of();
            } else {
                for (int i = 2; i < headings.size() - 1; i++) { // bounded by the columns; the last is behind the bar
                    page.put(cells.get(0), headings.get(i), cells.get(i));
                }
            }
        }
        return page;
    }

    /** Puts a run's ratios where its processor and JDK have their column. */
    void put(Results run) {
        for (Row row : Rows.ALL) { // bounded by the table
            if (!row.detail()) {
                row.value(run).ifPresent(value -> put(row.name(), run.name(),
                        row.goal().verdict(value).equals(Goal.MISSED)
                                ? MISSED + row.text(value) + MISSED : row.text(value)));
            }
        }
    }

    private void put(String row, String column, String cell) {
        columns.add(column);
        rows.computeIfAbsent(row, name -> new HashMap<>()).put(column, cell);
    }

    private String cell(Row row, String column) {
        return rows.getOrDefault(row.name(), Map.of()).getOrDefault(column, "");
    }

    private List<Row> shown() {
        return Rows.ALL.stream().filter(row -> !row.detail() && rows.containsKey(row.name())).toList();
    }

    /** The tables. */
    String markdown() {
        StringBuilder out = new StringBuilder();
        List<String> first = new ArrayList<>(List.of("goals", "number"));
        List<String> second = new ArrayList<>(List.of("met; the others are in bold",
                String.valueOf(shown().stream().filter(row -> row.goal().exists()).count())));
        for (String column : columns) { // bounded by the columns
            List<String> judged = shown().stream().filter(row -> row.goal().exists())
                    .map(row -> cell(row, column)).filter(cell -> !cell.isEmpty()).toList();
            first.add(column);
            second.add(judged.stream().filter(cell -> !cell.startsWith(MISSED)).count() + " of " + judged.size());
        }
        out.append(head(first)).append(line(second));
        Map<String, List<Row>> byReason =
                shown().stream().collect(Collectors.groupingBy(Row::why, LinkedHashMap::new, Collectors.toList()));
        byReason.forEach((why, group) -> {
            Set<String> classes = new TreeSet<>();
            group.forEach(row -> classes.addAll(List.of(row.figure().benchmarkClasses().split("\\|"))));
            out.append("\n**").append(Character.toUpperCase(why.charAt(0))).append(why.substring(1))
                    .append(".** `-Dbench.include=\"").append(String.join("|", classes)).append("\"`\n\n");
            List<String> headings = new ArrayList<>(List.of(WHAT, "goal"));
            headings.addAll(columns);
            out.append(head(headings));
            for (Row row : group) { // bounded by the table
                List<String> cells = new ArrayList<>(List.of(row.name(), row.goal().text(row.unit())));
                columns.forEach(column -> cells.add(cell(row, column)));
                out.append(line(cells));
            }
        });
        return out.toString();
    }

    private static String head(List<String> headings) {
        return line(headings) + "|---|" + "---:|".repeat(headings.size() - 1) + "\n";
    }

    private static String line(List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    /** How much of each goal is used up, as a picture: a bar for each ratio that has a goal. */
    String picture() {
        BarChart chart = new BarChart("How much of each goal is used up: a bar that ends before the line meets it");
        for (Row row : shown()) { // bounded by the table
            if (row.goal().exists() && row.base() != null) {
                chart.group(row.name(), "goal " + row.goal().text(row.unit()));
                for (String column : columns) { // bounded by the columns
                    String cell = cell(row, column).replace(MISSED, "");
                    if (!cell.isEmpty()) {
                        double value = Double.parseDouble(cell.replaceAll("[^0-9.]", ""));
                        chart.bar(column, row.goal().share(value), cell);
                    }
                }
            }
        }
        return chart.svg();
    }
}
