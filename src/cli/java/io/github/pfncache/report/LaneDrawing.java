package io.github.pfncache.report;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The lanes, one for each cache: its states as coloured spans, with the block it leads to as a strip below. */
final class LaneDrawing {

    static final double HEIGHT = 18;
    static final double PITCH = 22;

    private static final double STRIP = 4;
    private static final double CHARACTER = 6.1;
    private static final int SHOWN = 48;

    private final Timeline timeline;
    private final Frame frame;

    /** Outlines of what is seen in an instant only, by state. */
    private final Map<LaneState, Outline> slivers = new EnumMap<>(LaneState.class);

    private final Outline invalidations = new Outline();

    /** Names of places, drawn above everything else. */
    private final List<Label> labels = new ArrayList<>();

    private record Label(String text, double x, double y) {}

    LaneDrawing(Timeline timeline, Frame frame) {
        this.timeline = timeline;
        this.frame = frame;
    }

    double height() {
        return timeline.lanes.size() * PITCH;
    }

    void draw(Markup to, double top) {
        double y = top;
        for (Timeline.Lane lane : timeline.lanes) { // bounded by Budget.LANES
            to.open("text", "class", "label", "x", Frame.LEFT - 10, "y", y + 13)
                    .element("tspan", lane.name + " ", "class", "dim")
                    .text(lane.place()).close().line();
            spans(to, lane, y);
            y += PITCH;
        }
        slivers.forEach((state, outline) -> to.empty("path", "class", state.word(), "d", outline).line());
        if (!invalidations.isEmpty()) {
            to.empty("path", "class", "invalidation", "d", invalidations).line();
        }
        labels.forEach(label -> to.element("text", label.text, "class", "in halo", "x", label.x, "y", label.y));
        to.line();
    }

    private void spans(Markup to, Timeline.Lane lane, double y) {
        Runs.in(lane.cells, LaneDrawing::looksTheSame, (from, until) -> span(to, lane.cells.get(from), from, until, y));
        for (int column = 0; column < lane.cells.size(); column++) { // bounded by Budget.columns
            instant(lane.cells.get(column), frame.x(column), y);
        }
    }

    private static boolean looksTheSame(Timeline.Cell one, Timeline.Cell other) {
        return one.settled == other.settled && Objects.equals(one.place, other.place);
    }

    private void span(Markup to, Timeline.Cell cell, int from, int until, double y) {
        double x = frame.x(from);
        double width = frame.x(until) - x;
        String place = cell.place == null ? "" : Markup.clip(cell.place, SHOWN);
        String state = cell.settled.word();
        to.open("rect", "class", state, "x", x, "y", y, "width", width, "height", HEIGHT)
                .element("title", state + (place.isEmpty() ? "" : " at " + place) + ", after "
                        + frame.operations(from, until, timeline))
                .close();
        if (!place.isEmpty()) {
            to.empty("rect", "class", timeline.colour(cell.block), "x", x, "y", y + HEIGHT - STRIP,
                    "width", width, "height", STRIP);
            double room = width - frame.sliver() - 6;
            for (String text : List.of(place, Markup.clip(cell.block, SHOWN))) { // the longer one that fits, or none
                if (text.length() * CHARACTER <= room) {
                    labels.add(new Label(text, x + frame.sliver() + 3, y + 10.5));
                    break;
                }
            }
        }
        to.line();
    }

    private void instant(Timeline.Cell cell, double x, double y) {
        if (cell.before == LaneState.STALE || cell.before == LaneState.BUSY) {
            slivers.computeIfAbsent(cell.before, state -> new Outline()).box(x, y, frame.sliver(), HEIGHT);
        }
        if (cell.invalidations > 0) {
            invalidations.add('M', x, y - 2).add('v', HEIGHT + 4);
        }
    }
}
