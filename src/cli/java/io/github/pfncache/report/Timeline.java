package io.github.pfncache.report;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The history of one machine, in columns: one for each change of it, or for several in a row if there are many. Filled
 * while a trace is replayed or a recording is read, then only read. Not thread-safe.
 */
final class Timeline {

    private static final int COLOURS = 7;

    /** One change, or several in a row. */
    static final class Column {
        final Mark mark;
        final String what;
        final long micros;
        /** How many of its changes had which mark. */
        final int[] marks = new int[Mark.values().length];
        int operations;
        int failed;
        int invalidations;
        int differ;

        Column(Mark mark, String what, long micros) {
            this.mark = mark;
            this.what = what;
            this.micros = micros;
        }
    }

    /** One cache in one column. */
    static final class Cell {
        /** Its state at the end, when everybody had accessed their memory. */
        LaneState settled = LaneState.INACTIVE;
        /** The worst it was before that. */
        LaneState before = LaneState.INACTIVE;
        /** Where it led to; null if nowhere. */
        String place;
        /** The block of host memory of that place. */
        String block = "";
        /** How often its page was invalidated. */
        int invalidations;

        /** What it is after the cell before, until somebody says something else. */
        Cell(Cell last) {
            if (last != null) {
                settledAt(last.settled, last.place, last.block);
            }
        }

        void settledAt(LaneState state, String where, String blockOfMemory) {
            settled = state;
            place = where;
            block = blockOfMemory;
        }

        void see(LaneState state) {
            before = before.compareTo(state) < 0 ? state : before;
        }
    }

    /** One cache. */
    static final class Lane {
        final String name;
        final long gpa;
        final List<Cell> cells = new ArrayList<>();

        Lane(String name, long gpa) {
            this.name = name;
            this.gpa = gpa;
        }

        String place() {
            return gpa == Pages.INVALID_GPA ? "by hva" : Pages.hex(gpa);
        }

        Cell last() {
            return cells.get(cells.size() - 1);
        }
    }

    final String name;
    /** How many changes there will be. */
    final int operations;
    final int perColumn;
    final List<Column> columns = new ArrayList<>();
    final List<Lane> lanes = new ArrayList<>();
    final List<SlotSpan> slots = new ArrayList<>();

    /** What there was and is not drawn, for want of room. */
    int lanesLeftOut;

    int slotsLeftOut;

    /** When the last change was. */
    long micros;

    private final Budget budget;
    private int begun;

    /** The blocks of host memory that have colours of their own: the first ones that were named. */
    private final List<String> blocks = new ArrayList<>();

    /** The slots there are, by number, as they are drawn. */
    private final Map<Integer, SlotSpan> present = new TreeMap<>();

    Timeline(String name, int operations, Budget budget) {
        this.name = name;
        this.operations = operations;
        this.budget = budget;
        this.perColumn = Math.max(1, (operations + budget.columns() - 1) / budget.columns());
    }

    /** The machine changes: in a new column, or in the last one. */
    Column changes(Mark mark, String what, long when) {
        if (begun++ % perColumn == 0) {
            columns.add(new Column(mark, what, when));
            lanes.forEach(lane -> lane.cells.add(new Cell(lane.cells.isEmpty() ? null : lane.last())));
        }
        micros = when;
        Column column = columns.get(columns.size() - 1);
        column.operations++;
        column.marks[mark.ordinal()]++;
        return column;
    }

    SlotSpan slot(int id) {
        return present.get(id);
    }

    /** The slot at an address now; null if none. */
    SlotSpan slotAt(long gpa) {
        return present.values().stream().filter(slot -> slot.covers(gpa)).findFirst().orElse(null);
    }

    /** A slot is like this from the last column on; null if it is gone. */
    void slotIs(int id, SlotSpan now) {
        SlotSpan was = now == null ? present.remove(id) : present.put(id, now);
        if (was != null) {
            keep(was.endingAt(columns.size() - 1));
        }
    }

    void keep(SlotSpan span) {
        if (slots.size() < budget.rectangles()) {
            slots.add(span);
        } else {
            slotsLeftOut++;
        }
    }

    /** The slots that are left stay until the end; to be called once. */
    Timeline ended() {
        present.values().forEach(span -> keep(span.endingAt(columns.size())));
        return this;
    }

    /** The class of a block in the style sheet. */
    String colour(String block) {
        if (!blocks.contains(block) && blocks.size() < COLOURS) {
            blocks.add(block);
        }
        return blocks.contains(block) ? "b" + blocks.indexOf(block) : "bx";
    }
}
