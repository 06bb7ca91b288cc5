package io.github.pfncache.report;

import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.SlotOperation;
import java.util.ArrayList;
import java.util.List;

/**
 * What was seen of one replayed trace, in columns: one for each operation, or for several in a row if the trace is
 * long. Filled by {@link TimelineRecorder}, then only read. Not thread-safe.
 */
final class Timeline {

    /** One operation, or several in a row. */
    static final class Column {
        final SlotOperation first;
        /** How many of its operations were of each kind, by {@link SlotOperation.Kind}. */
        final int[] kinds = new int[SlotOperation.Kind.values().length];
        int operations;
        int failed;
        int invalidations;
        int differ;

        Column(SlotOperation first) {
            this.first = first;
        }
    }

    /** One cache in one column. */
    static final class Cell {
        /** Its state at the end, when everybody had accessed their memory. */
        LaneState settled = LaneState.INACTIVE;
        /** The worst it was before that. */
        LaneState before = LaneState.INACTIVE;
        /** Where what was written through it was found; null if nowhere. */
        String place;
        /** How often its page was invalidated. */
        int invalidations;
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
    }

    final MemslotTrace trace;
    final int perColumn;
    final List<Column> columns = new ArrayList<>();
    final List<Lane> lanes = new ArrayList<>();
    final List<SlotSpan> slots = new ArrayList<>();

    /** What there was and is not drawn, for want of room. */
    int lanesLeftOut;

    int slotsLeftOut;

    Timeline(MemslotTrace trace, int maxColumns) {
        this.trace = trace;
        this.perColumn = Math.max(1, (trace.operations().size() + maxColumns - 1) / maxColumns);
    }
}
