package io.github.pfncache.report;

import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.MalformedInput;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.Replay;
import io.github.pfncache.trace.SlotOperation;
import io.github.pfncache.trace.SlotOperation.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Traces to draw. */
final class Traces {

    private Traces() {}

    static MemslotTrace bundled(String name) throws IOException, MalformedInput {
        return BundledTraces.traces().stream().filter(trace -> trace.name().equals(name)).findFirst().orElseThrow();
    }

    /** A trace of operations that are done one after the other, a millisecond apart. */
    static MemslotTrace of(String name, SlotOperation... operations) {
        return new MemslotTrace(name, List.of("# what: made by hand"), List.of(operations));
    }

    static SlotOperation operation(int index, Kind kind, int slot, int flags, long gpa, long size, int result) {
        return new SlotOperation(index, index * 1000L, kind, slot, flags, gpa, size, "ram", 0, result);
    }

    /** Creates and deletes slots of one page, at a thousand places in turn. */
    static MemslotTrace busy(String name, String block, int operations) {
        List<SlotOperation> all = new ArrayList<>();
        for (int i = 0; i < operations; i++) {
            Kind kind = i % 2 == 0 ? Kind.CREATE : Kind.DELETE;
            int turn = i / 2;
            long gpa = 0x7000 + turn % 1000 * 0x2000L;
            all.add(new SlotOperation(i, i, kind, 1, 0, gpa, i % 2 == 0 ? 0x1000 : 0, block, 0, 0));
        }
        return new MemslotTrace(name, List.of("# </style><script>alert(1)</script> & \"quotes\""), all);
    }

    static Timeline recorded(MemslotTrace trace) {
        TimelineRecorder recorder = new TimelineRecorder(Budget.of(1));
        Replay.observe(trace, recorder);
        return recorder.timeline();
    }

    /** The page about some traces. */
    static String page(List<MemslotTrace> traces) {
        ReplayReport report = new ReplayReport(traces.size(), false);
        for (MemslotTrace trace : traces) {
            report.replayed(trace, Replay.observe(trace, report.observer()), List.of());
        }
        return report.page();
    }
}
