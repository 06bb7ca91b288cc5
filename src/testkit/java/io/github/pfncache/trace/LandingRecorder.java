package io.github.pfncache.trace;

import java.util.ArrayList;
import java.util.List;

/**
 * The observer of a replay that keeps where updates landed, as the changes of a table: what {@link TraceWriter} writes
 * and {@link ProbeTableParser} reads. Used by the replaying thread only.
 *
 * @since 0.1.0
 */
public final class LandingRecorder implements ReplayObserver {

    private final String trace;
    private final List<ClockWrites> last = new ArrayList<>();
    private final List<ProbeTable.Change> changes = new ArrayList<>();

    /**
     * Nothing is recorded yet.
     *
     * @param trace name of the trace
     */
    public LandingRecorder(String trace) {
        this.trace = trace;
    }

    @Override
    public void stepped(ReplayStep step) {
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes
            ClockWrites landing = step.landings().get(probe);
            boolean known = probe < last.size();
            if (known && last.get(probe).equals(landing)) {
                continue;
            }
            if (known) {
                last.set(probe, landing);
            } else {
                last.add(landing);
            }
            if (landing.places().size() <= 1) { // landing in two places is a difference, not a place
                changes.add(new ProbeTable.Change(trace, step.operation().index(), probe, landing));
            }
        }
    }

    /**
     * What was recorded.
     *
     * @return the changes so far, in order
     */
    public List<ProbeTable.Change> changes() {
        return List.copyOf(changes);
    }
}
