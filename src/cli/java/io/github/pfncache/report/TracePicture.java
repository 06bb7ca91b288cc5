package io.github.pfncache.report;

import java.util.List;
import java.util.Locale;

/** The picture of one machine's history: changes, a lane for each cache, the slot map and the time. */
final class TracePicture {

    private static final double OPERATIONS = 30;
    private static final double SPACE = 26;
    private static final double MAX_MARK = 5;
    private static final double MIN_MARK = 1.2;
    private static final int NAME = 60;
    private static final int NOTE = 200;
    private static final int FAULT = 2_000;

    private final Timeline timeline;
    private final String id;
    private final Frame frame;
    private final LaneDrawing lanes;
    private final SlotMapDrawing map;

    TracePicture(Timeline timeline, String id) {
        this.timeline = timeline;
        this.id = id;
        this.frame = new Frame(timeline.columns.size());
        this.lanes = new LaneDrawing(timeline, frame);
        this.map = new SlotMapDrawing(timeline, frame);
    }

    /**
     * A part of a page that can be folded: the picture, and what to know beside it.
     *
     * @param state what is wrong, in a few words
     * @param notes what to say above it
     * @param faults what is wrong, in full
     */
    static void section(
            Markup to, Timeline timeline, String id, boolean open, String state, List<String> notes,
            List<String> faults) {
        to.open("details", open ? new Object[] {"id", id, "open", "open"} : new Object[] {"id", id}).line()
                .open("summary").element("b", Markup.clip(timeline.name, NAME))
                .text(" " + timeline.operations + " changes ").element("span", state, "class", "bad").close().line();
        notes.forEach(each -> to.element("p", Markup.clip(each, NOTE), "class", "comment").line());
        if (timeline.columns.isEmpty()) {
            to.element("p", "No operation, so nothing to draw.", "class", "note");
        } else {
            TracePicture picture = new TracePicture(timeline, id);
            to.open("div", "class", "wide", "tabindex", 0);
            picture.draw(to);
            to.close().line();
            picture.leftOut(to);
        }
        faults.forEach(each -> to.element("p", Markup.clip(each, FAULT), "class", "bad"));
        to.close().line();
    }

    /** Says what the picture does not show. */
    private void leftOut(Markup to) {
        note(to, timeline.perColumn > 1, "There are many changes: each column stands for " + timeline.perColumn
                + " of them, and shows the states after the last one.");
        note(to, timeline.slotsLeftOut > 0,
                timeline.slots.size() + " memslots are drawn, " + timeline.slotsLeftOut + " are not.");
        note(to, map.addressesLeftOut() > 0, "Slots begin and end at more addresses than the axis tells apart; "
                + map.addressesLeftOut() + " of them are placed between their neighbours.");
        note(to, timeline.lanesLeftOut > 0,
                timeline.lanes.size() + " caches are drawn, " + timeline.lanesLeftOut + " are not.");
    }

    private static void note(Markup to, boolean applies, String text) {
        if (applies) {
            to.element("p", text, "class", "note").line();
        }
    }

    void draw(Markup to) {
        double lanesTop = OPERATIONS + SPACE;
        double mapTop = lanesTop + lanes.height() + SPACE;
        double timeTop = mapTop + map.height() + 8;
        double height = timeTop + TimeFan.HEIGHT;
        to.picture("trace", id, Frame.WIDTH, height, "Caches and memslots of " + timeline.name, description());
        heading(to, "changes", 12);
        heading(to, "caches", lanesTop - 9);
        heading(to, "memslots", mapTop - 9);
        marks(to, OPERATIONS - 8);
        lanes.draw(to, lanesTop);
        map.draw(to, mapTop);
        differences(to, lanesTop, lanes.height());
        new TimeFan(timeline, frame).draw(to, timeTop);
        to.close().line();
    }

    private String description() {
        return timeline.lanes.size() + " caches, one lane each, over " + timeline.operations
                + " changes from left to right; below them the memslots there were, by guest physical"
                + " address, and the time of each change.";
    }

    private static void heading(Markup to, String text, double y) {
        to.element("text", text, "class", "heading", "x", Frame.LEFT, "y", y);
    }

    /** A mark for each column, whose form says what changed. */
    private void marks(Markup to, double y) {
        double size = Math.max(MIN_MARK, Math.min(MAX_MARK, frame.columnWidth() * 0.45));
        for (int i = 0; i < timeline.columns.size(); i++) { // bounded by Budget.columns
            Timeline.Column column = timeline.columns.get(i);
            double x = frame.x(i) + frame.sliver() / 2;
            Outline form = (column.operations > 1 ? Mark.START : column.mark).at(x, y, size);
            to.open("path", "class", column.failed > 0 ? "operation failed" : "operation", "d", form)
                    .element("title", title(i * timeline.perColumn, column))
                    .close();
            if (column.failed > 0) {
                to.empty("path", "class", "cross", "d", cross(x, y, size));
            }
        }
        to.line();
    }

    private static String title(int first, Timeline.Column column) {
        StringBuilder text = new StringBuilder();
        if (column.operations == 1) {
            text.append(first).append(": ").append(column.what).append(" at ").append(TimeFan.time(column.micros));
        } else {
            text.append(column.operations).append(" changes from ").append(first).append(':');
            for (Mark mark : Mark.values()) {
                int count = column.marks[mark.ordinal()];
                text.append(count == 0 ? "" : " " + count + " " + mark.name().toLowerCase(Locale.ROOT));
            }
        }
        text.append(column.failed > 0 ? ", refused" : "");
        text.append(column.invalidations > 0 ? ", " + column.invalidations + " invalidations" : "");
        return text.toString();
    }

    private static Outline cross(double x, double y, double size) {
        return new Outline().add('M', x - size, y - size).add('l', 2 * size, 2 * size).add('m', 0, -2 * size)
                .add('l', -2 * size, 2 * size);
    }

    /** Marks the columns in which something was not as recorded, above the lanes and below them. */
    private void differences(Markup to, double top, double height) {
        for (int i = 0; i < timeline.columns.size(); i++) { // bounded by Budget.columns
            int differ = timeline.columns.get(i).differ;
            if (differ > 0) {
                double width = Math.max(2, frame.columnWidth());
                to.open("path", "class", "difference", "d", new Outline().box(frame.x(i), top - 6, width, 4)
                                .box(frame.x(i), top + height - 2, width, 4))
                        .element("title", differ + " probes differ after " + frame.operations(i, i + 1, timeline))
                        .close();
            }
        }
        to.line();
    }
}
