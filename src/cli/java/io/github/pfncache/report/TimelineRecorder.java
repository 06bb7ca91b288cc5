package io.github.pfncache.report;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheState;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.trace.ClockWrites;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.Probes;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayStep;
import io.github.pfncache.trace.SlotOperation;
import io.github.pfncache.vm.Vm;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Looks on while a trace is replayed, and keeps what a picture of it needs. Used by the replaying thread only. */
final class TimelineRecorder implements ReplayObserver, MmuNotifier {

    private final Budget budget;
    private final List<GfnPfnCache> caches = new ArrayList<>();

    /** The slots there are, by number, as they are drawn. */
    private final Map<Integer, SlotSpan> present = new TreeMap<>();

    private Timeline timeline;
    private Vm vm;

    TimelineRecorder(Budget budget) {
        this.budget = budget;
    }

    @Override
    public void started(MemslotTrace trace, Vm machine) {
        vm = machine;
        timeline = new Timeline(trace, budget.columns());
        List<GfnPfnCache> active = new ArrayList<>(vm.caches().activeCaches());
        active.sort(Comparator.comparingLong(TimelineRecorder::gpa));
        for (GfnPfnCache cache : active) { // bounded by the caches of the machine
            if (caches.size() == Budget.LANES) {
                timeline.lanesLeftOut++;
            } else {
                caches.add(cache);
                int probe = Probes.at(gpa(cache));
                timeline.lanes.add(new Timeline.Lane(probe < 0 ? "" : "vCPU " + probe, gpa(cache)));
            }
        }
        vm.host().registerNotifier(this);
    }

    private static long gpa(GfnPfnCache cache) {
        return cache.state().target() instanceof CacheTarget.ByGpa at ? at.gpa() : Pages.INVALID_GPA;
    }

    @Override
    public void applied(SlotOperation operation, String answer) {
        Timeline.Column column = column(operation);
        column.operations++;
        column.kinds[operation.kind().ordinal()]++;
        column.failed += answer.equals("0") ? 0 : 1;
        for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
            see(lane, stateOf(caches.get(lane)));
        }
        slotMayHaveChanged(operation);
    }

    /** The column of an operation: the last one, or a new one. */
    private Timeline.Column column(SlotOperation operation) {
        if (operation.index() % timeline.perColumn == 0) {
            timeline.columns.add(new Timeline.Column(operation));
            timeline.lanes.forEach(lane -> lane.cells.add(new Timeline.Cell()));
        }
        return timeline.columns.get(timeline.columns.size() - 1);
    }

    private Timeline.Cell cell(int lane) {
        List<Timeline.Cell> cells = timeline.lanes.get(lane).cells;
        return cells.get(cells.size() - 1);
    }

    private void see(int lane, LaneState state) {
        Timeline.Cell cell = cell(lane);
        cell.before = cell.before.compareTo(state) < 0 ? state : cell.before;
    }

    private LaneState stateOf(GfnPfnCache cache) {
        CacheState state = cache.state();
        if (!state.active()) {
            return LaneState.INACTIVE;
        }
        try (GuestAccess access = cache.tryAccess()) {
            if (access.isUsable()) {
                return LaneState.VALID;
            }
        }
        if (state.target() instanceof CacheTarget.ByGpa at) {
            Memslot slot = vm.memslots().table().find(Pages.gpaToGfn(at.gpa()));
            return slot == null || slot.readOnly() ? LaneState.UNBACKED : LaneState.STALE;
        }
        return LaneState.STALE;
    }

    private void slotMayHaveChanged(SlotOperation operation) {
        Memslot now = vm.memslots().table().byId(operation.slot());
        SlotSpan drawn = present.get(operation.slot());
        if (drawn == null ? now == null : drawn.slot() == now) {
            return;
        }
        int column = timeline.columns.size() - 1;
        if (drawn != null) {
            present.remove(operation.slot());
            keep(drawn.endingAt(column));
        }
        if (now != null) {
            present.put(operation.slot(),
                    new SlotSpan(now, operation.block(), operation.blockOffset(), column, column));
        }
    }

    private void keep(SlotSpan span) {
        if (timeline.slots.size() < budget.rectangles()) {
            timeline.slots.add(span);
        } else {
            timeline.slotsLeftOut++;
        }
    }

    @Override
    public void stepped(ReplayStep step) {
        for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
            Timeline.Cell cell = cell(lane);
            cell.settled = stateOf(caches.get(lane));
            int probe = Probes.at(timeline.lanes.get(lane).gpa);
            ClockWrites landing = probe < 0 ? ClockWrites.NONE : step.landings().get(probe);
            cell.place = landing.places().isEmpty() ? null : landing.toString();
        }
        timeline.columns.get(timeline.columns.size() - 1).differ += step.differ();
        if (step.operation().index() == timeline.trace.operations().size() - 1) {
            vm.host().unregisterNotifier(this); // what ends the machine is no part of the trace
        }
    }

    @Override
    public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
        if (!timeline.columns.isEmpty()) {
            timeline.columns.get(timeline.columns.size() - 1).invalidations++;
            for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
                if (range.contains(caches.get(lane).state().uhva())) {
                    cell(lane).invalidations++;
                    see(lane, LaneState.BUSY);
                }
            }
        }
        return true;
    }

    @Override
    public void invalidateRangeEnd(HvaRange range) {
        // The next look at the caches finds out what has become of them.
    }

    /** What was seen; to be called once, when the replay is over. */
    Timeline timeline() {
        present.values().forEach(span -> keep(span.endingAt(timeline.columns.size())));
        return timeline;
    }
}
