package io.github.pfncache.report;

import io.github.pfncache.address.Pages;
import java.util.Map;

/** The map of guest physical memory as it changed: a rectangle for each slot, from its first change to its end. */
final class SlotMapDrawing {

    private static final double LABEL = 11;
    private static final double LANE_LABEL = 9;
    private static final double CHARACTER = 6.1;
    private static final double INSET = 0.75;
    private static final int SHOWN = 32;

    private final Timeline timeline;
    private final Frame frame;
    private final GpaAxis axis;

    SlotMapDrawing(Timeline timeline, Frame frame) {
        this.timeline = timeline;
        this.frame = frame;
        this.axis = new GpaAxis(timeline.slots);
    }

    double height() {
        return axis.height();
    }

    int addressesLeftOut() {
        return axis.leftOut;
    }

    void draw(Markup to, double top) {
        double lowest = -LABEL;
        for (Map.Entry<Long, Double> place : axis.places().entrySet()) { // bounded by Budget.ADDRESSES
            double y = top + place.getValue();
            to.empty("path", "class", "grid", "d", new Outline().add('M', Frame.LEFT - 4, y).add('H', frame.end()));
            if (place.getValue() - lowest >= LABEL) {
                to.element("text", Pages.hex(place.getKey()), "class", "label", "x", Frame.LEFT - 10, "y", y + 3.5);
                lowest = place.getValue();
            }
        }
        to.line();
        for (double gap : axis.gaps()) { // bounded by Budget.ADDRESSES
            to.empty("rect", "class", "gap", "x", Frame.LEFT, "y", top + gap, "width", frame.end() - Frame.LEFT,
                    "height", GpaAxis.GAP);
        }
        double lowestLane = -LABEL;
        timeline.slots.forEach(span -> slot(to, span, top)); // bounded by Budget.rectangles
        for (Timeline.Lane lane : timeline.lanes) { // bounded by Budget.LANES
            if (axis.covers(lane.gpa)) {
                double y = top + axis.y(lane.gpa);
                to.empty("path", "class", "probe", "d",
                        new Outline().add('M', Frame.LEFT, y).add('H', frame.end() + 4));
                if (y - lowestLane >= LANE_LABEL) {
                    to.element("text", lane.name, "class", "dim", "x", frame.end() + 6, "y", y + 3);
                    lowestLane = y;
                }
            }
        }
        to.line();
    }

    private void slot(Markup to, SlotSpan span, double top) {
        double x = frame.x(span.from());
        double width = Math.max(1, frame.x(span.to()) - x);
        double y = top + axis.y(span.gpa());
        double height = Math.max(1, top + axis.y(span.end()) - y);
        boolean readOnly = span.readOnly();
        boolean logs = span.logsDirtyPages();
        String kind = "slot " + timeline.colour(span.block()) + (logs ? " log" : "");
        double inset = width > 4 * INSET && height > 4 * INSET ? INSET : 0;
        to.open("rect", "class", kind, "x", x + inset, "y", y + inset, "width", width - 2 * inset,
                        "height", height - 2 * inset, "rx", 2 * inset)
                .element("title", "slot " + span.id() + ": gpa " + Pages.hex(span.gpa()) + " to "
                        + Pages.hex(span.end() - 1) + ", " + Markup.clip(span.block(), SHOWN) + "+"
                        + Pages.hex(span.blockOffset()) + (readOnly ? ", read-only" : "")
                        + (logs ? ", logs dirty pages" : "") + ", after "
                        + frame.operations(span.from(), span.to(), timeline))
                .close();
        if (readOnly) {
            to.empty("rect", "class", "readonly", "x", x + inset, "y", y + inset, "width", width - 2 * inset,
                    "height", height - 2 * inset);
        }
        String name = span.id() + " " + Markup.clip(span.block(), SHOWN);
        boolean fits = name.length() * CHARACTER <= width - 8;
        boolean numberFits = (span.id() + "").length() * CHARACTER <= width - 4;
        if (height >= LABEL && (fits || numberFits)) {
            to.element("text", fits ? name : span.id(), "class", "in", "x", x + (fits ? 5 : 3),
                    "y", y + height / 2 + 3.5);
        }
        to.line();
    }
}
