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

/** The observer of a replay that keeps what a picture of it needs. Used by the replaying thread only. */
final class TimelineRecorder implements ReplayObserver, MmuNotifier {

    private final Budget budget;
    private final List<GfnPfnCache> caches = new ArrayList<>();
    private Timeline timeline;
    private Vm vm;

    TimelineRecorder(Budget budget) {
        this.budget = budget;
    }

    @Override
    public void started(MemslotTrace trace, Vm machine) {
        vm = machine;
        timeline = new Timeline(trace.name(), trace.operations().size(), budget);
        trace.blockLengths().keySet().forEach(timeline::colour); // in the order in which the trace names them
        List<GfnPfnCache> active = new ArrayList<>(vm.caches().activeCaches());
        active.sort(Comparator.comparingLong(TimelineRecorder::gpa));
        for (GfnPfnCache cache : active) { // bounded by the caches of the machine
            if (caches.size() == Budget.LANES) {
                timeline.lanesLeftOut++;
            } else {
                caches.add(cache);
                int probe = Probes.at(gpa(cache));
                timeline.lanes.add(new Timeline.Lane(probe < 0 ? "" : "clock " + probe, gpa(cache)));
            }
        }
        vm.host().registerNotifier(this);
    }

    private static long gpa(GfnPfnCache cache) {
        return cache.state().target() instanceof CacheTarget.ByGpa at ? at.gpa() : Pages.INVALID_GPA;
    }

    @Override
    public void applied(SlotOperation operation, String answer) {
        String what = operation.kind().word() + " slot " + operation.slot();
        Timeline.Column column = timeline.changes(Mark.valueOf(operation.kind().name()), what, operation.micros());
        column.failed += answer.equals("0") ? 0 : 1;
        for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
            timeline.lanes.get(lane).last().see(stateOf(caches.get(lane)));
        }
        slotMayHaveChanged(operation);
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
        int id = operation.slot();
        Memslot now = vm.memslots().table().byId(id);
        SlotSpan was = timeline.slot(id);
        if (now == null) {
            timeline.slotIs(id, null);
        } else if (was == null || was.gpa() != Pages.gfnToGpa(now.baseGfn()) || was.flags() != now.flags()) {
            int column = timeline.columns.size() - 1;
            timeline.slotIs(id, new SlotSpan(id, Pages.gfnToGpa(now.baseGfn()), Pages.gfnToGpa(now.endGfn()),
                    now.flags(), operation.block(), operation.blockOffset(), column, column));
        }
    }

    @Override
    public void stepped(ReplayStep step) {
        for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
            int probe = Probes.at(timeline.lanes.get(lane).gpa);
            ClockWrites landing = probe < 0 ? ClockWrites.NONE : step.landings().get(probe);
            boolean lost = landing.places().isEmpty();
            timeline.lanes.get(lane).last().settledAt(stateOf(caches.get(lane)),
                    lost ? null : landing.toString(), lost ? "" : landing.places().get(0).block());
        }
        timeline.columns.get(timeline.columns.size() - 1).differ += step.differ();
        if (step.operation().index() == timeline.operations - 1) {
            vm.host().unregisterNotifier(this); // what ends the machine is no part of the trace
        }
    }

    @Override
    public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
        if (!timeline.columns.isEmpty()) {
            timeline.columns.get(timeline.columns.size() - 1).invalidations++;
            for (int lane = 0; lane < caches.size(); lane++) { // bounded by Budget.LANES
                if (range.contains(caches.get(lane).state().uhva())) {
                    timeline.lanes.get(lane).last().invalidations++;
                    timeline.lanes.get(lane).last().see(LaneState.BUSY);
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
        return timeline.ended();
    }
}
