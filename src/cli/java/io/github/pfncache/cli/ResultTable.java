package io.github.pfncache.cli;

import io.github.pfncache.trace.ReplayResult;
import java.util.List;
import picocli.CommandLine.Help.Ansi;

/** The numbers of some replays, in aligned columns with a sum below. */
final class ResultTable {

    private ResultTable() {}

    static List<String> lines(List<ReplayResult> results, ReplayResult sum, Ansi ansi) {
        Table table = new Table("<>>>>>>>").row(
                "trace", "operations", "probes", "agree", "differ", "refreshes", "invalidations",
                "slot look-ups avoided");
        results.forEach(result -> add(table, result, ansi));
        add(table, sum, ansi);
        return table.lines();
    }

    private static void add(Table table, ReplayResult result, Ansi ansi) {
        String style = result.differ() == 0 ? "green" : "bold,red";
        table.row(result.trace(), result.operations(), result.probes(), result.agree(),
                ansi.new Text("@|" + style + " " + result.differ() + "|@"), result.refreshes(),
                result.invalidations(), result.lookupsAvoided());
    }
}
