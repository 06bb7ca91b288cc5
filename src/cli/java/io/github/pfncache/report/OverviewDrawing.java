package io.github.pfncache.report;

import java.util.EnumMap;
import java.util.Map;

/** A trace at a glance, for a row of a table: each cache is a line two pixels high, as long as its trace. */
final class OverviewDrawing {

    private static final double WIDTH = 300;
    private static final double LINE = 2;

    private OverviewDrawing() {}

    static void draw(Markup to, Timeline timeline) {
        double height = Math.max(1, timeline.lanes.size()) * LINE;
        double column = WIDTH / Math.max(1, timeline.columns.size());
        Map<LaneState, StringBuilder> outlines = new EnumMap<>(LaneState.class);
        for (int row = 0; row < timeline.lanes.size(); row++) { // bounded by Budget.LANES x Budget.columns
            Timeline.Lane lane = timeline.lanes.get(row);
            int from = 0;
            for (int i = 1; i <= lane.cells.size(); i++) {
                LaneState state = lane.cells.get(from).settled;
                if (i == lane.cells.size() || lane.cells.get(i).settled != state) {
                    String width = Markup.number(column * (i - from));
                    outlines.computeIfAbsent(state, any -> new StringBuilder())
                            .append('M').append(Markup.number(column * from)).append(' ')
                            .append(Markup.number(row * LINE)).append('h').append(width).append('v')
                            .append(Markup.number(LINE)).append("h-").append(width).append('z');
                    from = i;
                }
            }
        }
        to.open("svg", "class", "overview", "viewBox",
                "0 0 " + Markup.number(WIDTH) + " " + Markup.number(height), "width", WIDTH, "height", height,
                "preserveAspectRatio", "none", "aria-hidden", "true");
        outlines.forEach((state, outline) -> to.empty("path", "class", state.word(), "d", outline));
        to.close();
    }
}
