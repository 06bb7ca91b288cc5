package io.github.pfncache.report;

import io.github.pfncache.trace.SlotOperation;
import io.github.pfncache.trace.SlotOperation.Kind;

/** The picture of one trace: operations, a lane for each cache, the slot map and the time, one below the other. */
final class TracePicture {

    private static final double OPERATIONS = 30;
    private static final double SPACE = 26;
    private static final double MAX_MARK = 5;
    private static final double MIN_MARK = 1.2;

    private final Timeline timeline;
    private final String id;
    private final Frame frame;
    private final Blocks blocks;
    private final LaneDrawing lanes;
    private final SlotMapDrawing map;

    TracePicture(Timeline timeline, String id) {
        this.timeline = timeline;
        this.id = id;
        this.frame = new Frame(timeline.columns.size());
        this.blocks = new Blocks(timeline.trace);
        this.lanes = new LaneDrawing(timeline, frame, blocks);
        this.map = new SlotMapDrawing(timeline, frame, blocks);
    }

    Blocks blocks() {
        return blocks;
    }

    int addressesLeftOut() {
        return map.addressesLeftOut();
    }

    void draw(Markup to) {
        double lanesTop = OPERATIONS + SPACE;
        double mapTop = lanesTop + lanes.height() + SPACE;
        double timeTop = mapTop + map.height() + 8;
        double height = timeTop + TimeFan.HEIGHT;
        to.picture("trace", id, Frame.WIDTH, height, "Caches and memslots of " + timeline.trace.name(), description());
        heading(to, "operations", 12);
        heading(to, "caches", lanesTop - 9);
        heading(to, "memslots", mapTop - 9);
        operations(to, OPERATIONS - 8);
        lanes.draw(to, lanesTop);
        map.draw(to, mapTop);
        differences(to, lanesTop, lanes.height());
        new TimeFan(timeline, frame).draw(to, timeTop);
        to.close().line();
    }

    private String description() {
        return timeline.lanes.size() + " caches, one lane each, over " + timeline.trace.operations().size()
                + " memslot operations from left to right; below them the memslots there were, by guest physical"
                + " address, and the time at which each operation was recorded.";
    }

    private static void heading(Markup to, String text, double y) {
        to.element("text", text, "class", "heading", "x", Frame.LEFT, "y", y);
    }

    /** A mark for each column, whose form says what the operation was. */
    private void operations(Markup to, double y) {
        double size = Math.max(MIN_MARK, Math.min(MAX_MARK, frame.columnWidth() * 0.45));
        for (int i = 0; i < timeline.columns.size(); i++) { // bounded by Budget.columns
            Timeline.Column column = timeline.columns.get(i);
            double x = frame.x(i) + frame.sliver() / 2;
            Outline form = column.operations > 1 ? bar(x, y, size) : mark(column.first.kind(), x, y, size);
            to.open("path", "class", column.failed > 0 ? "operation failed" : "operation", "d", form)
                    .element("title", title(column))
                    .close();
            if (column.failed > 0) {
                to.empty("path", "class", "cross", "d", cross(x, y, size));
            }
        }
        to.line();
    }

    private static String title(Timeline.Column column) {
        StringBuilder text = new StringBuilder();
        if (column.operations == 1) {
            SlotOperation only = column.first;
            text.append(only.index()).append(": ").append(only.kind().word()).append(" slot ").append(only.slot())
                    .append(" at ").append(TimeFan.time(only.micros()));
        } else {
            text.append(column.operations).append(" operations from ").append(column.first.index()).append(':');
            for (Kind kind : Kind.values()) {
                text.append(' ').append(column.kinds[kind.ordinal()]).append(' ').append(kind.word());
            }
        }
        text.append(column.failed > 0 ? ", refused" : "");
        text.append(column.invalidations > 0 ? ", " + column.invalidations + " invalidations" : "");
        return text.toString();
    }

    /** The outline of the mark of an operation: also for the legend. */
    static Outline mark(Kind kind, double x, double y, double size) {
        Outline outline = new Outline();
        return switch (kind) {
            case CREATE -> outline.add('M', x, y - size).add('l', size, 2 * size).add('h', -2 * size).shut();
            case DELETE -> outline.add('M', x, y + size).add('l', size, -2 * size).add('h', -2 * size).shut();
            case MOVE -> outline.add('M', x, y - size).add('l', size, size).add('l', -size, size)
                    .add('l', -size, -size).shut();
            case FLAGS -> outline.add('M', x - size, y).add('a', size, size, 0, 1, 0, 2 * size, 0)
                    .add('a', size, size, 0, 1, 0, -2 * size, 0).shut();
        };
    }

    private static Outline bar(double x, double y, double size) {
        return new Outline().box(x - size / 2, y - size, size, 2 * size);
    }

    private static Outline cross(double x, double y, double size) {
        return new Outline().add('M', x - size, y - size).add('l', 2 * size, 2 * size).add('m', 0, -2 * size)
                .add('l', -2 * size, 2 * size);
    }

    /** Frames the columns in which something was not as recorded. */
    private void differences(Markup to, double top, double height) {
        for (int i = 0; i < timeline.columns.size(); i++) { // bounded by Budget.columns
            int differ = timeline.columns.get(i).differ;
            if (differ > 0) {
                to.open("rect", "class", "difference", "x", frame.x(i), "y", top - 4,
                                "width", Math.max(2, frame.columnWidth()), "height", height + 4)
                        .element("title", differ + " probes differ after " + frame.operations(i, i + 1, timeline))
                        .close();
            }
        }
        to.line();
    }
}
