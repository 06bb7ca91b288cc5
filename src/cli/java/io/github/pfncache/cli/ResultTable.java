package io.github.pfncache.cli;

import io.github.pfncache.trace.ReplayResult;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help.Ansi;

/** The numbers of some replays, in aligned columns with a sum below. */
final class ResultTable {

    private static final List<String> HEADER = List.of(
            "trace", "operations", "probes", "agree", "differ", "refreshes", "invalidations", "slot look-ups avoided");
    private static final int DIFFER = HEADER.indexOf("differ");

    private final List<List<String>> rows = new ArrayList<>();
    private final Ansi ansi;

    ResultTable(List<ReplayResult> results, ReplayResult sum, Ansi ansi) {
        this.ansi = ansi;
        rows.add(HEADER);
        results.forEach(result -> rows.add(row(result)));
        rows.add(row(sum));
    }

    private static List<String> row(ReplayResult result) {
        return List.of(
                result.trace(),
                "" + result.operations(),
                "" + result.probes(),
                "" + result.agree(),
                "" + result.differ(),
                "" + result.refreshes(),
                "" + result.invalidations(),
                "" + result.lookupsAvoided());
    }

    void print(PrintStream out) {
        for (int r = 0; r < rows.size(); r++) { // bounded by the traces, the columns and their widths
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < HEADER.size(); column++) {
                String cell = rows.get(r).get(column);
                String gap = " ".repeat(width(column) - cell.length());
                String shown = r > 0 && column == DIFFER ? differ(cell) : cell;
                line.append(column == 0 ? shown + gap : "  " + gap + shown);
            }
            out.println(line.toString().stripTrailing());
        }
    }

    private int width(int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }

    private String differ(String cell) {
        String style = cell.equals("0") ? "green" : "bold,red";
        return ansi.string("@|" + style + " " + cell + "|@");
    }
}
