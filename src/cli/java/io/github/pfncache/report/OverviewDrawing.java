package io.github.pfncache.report;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The overview of a trace, for a row of a table: each cache is a line two pixels high, as long as its trace. */
final class OverviewDrawing {

    private static final double WIDTH = 300;
    private static final double LINE = 2;

    private OverviewDrawing() {}

    static void draw(Markup to, Timeline timeline) {
        double height = Math.max(1, timeline.lanes.size()) * LINE;
        double column = WIDTH / Math.max(1, timeline.columns.size());
        Map<LaneState, Outline> outlines = new EnumMap<>(LaneState.class);
        for (int row = 0; row < timeline.lanes.size(); row++) { // bounded by Budget.LANES x Budget.columns
            List<Timeline.Cell> cells = timeline.lanes.get(row).cells;
            double top = row * LINE;
            Runs.in(cells, (one, other) -> one.settled == other.settled, (from, until) ->
                    outlines.computeIfAbsent(cells.get(from).settled, any -> new Outline())
                            .box(column * from, top, column * (until - from), LINE));
        }
        to.open("svg", "class", "overview", "viewBox",
                "0 0 " + Markup.number(WIDTH) + " " + Markup.number(height), "width", WIDTH, "height", height,
                "preserveAspectRatio", "none", "aria-hidden", "true");
        outlines.forEach((state, outline) -> to.empty("path", "class", state.word(), "d", outline));
        to.close();
    }
}
