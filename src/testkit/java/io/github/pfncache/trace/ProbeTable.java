package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Where the clocks' updates landed after each operation of some traces. Kept as changes: a probe that is not named
 * after an operation lands where it did before, and nowhere before its first change. Immutable.
 *
 * @since 0.1.0
 */
public final class ProbeTable {

    /** Longest table, in changes. */
    public static final int MAX_CHANGES = 2_000_000;

    /** Most traces that a table names: each costs memory of its own, however few its changes. */
    public static final int MAX_TRACES = 10_000;

    private final List<Change> changes;

    /** By trace, then probe: index of an operation to the landing from then on. Not modified once made. */
    private final Map<String, List<NavigableMap<Integer, ClockWrites>>> byTrace = new HashMap<>();

    /**
     * From an operation on, a probe lands somewhere else.
     *
     * @param trace name of the trace
     * @param afterIndex index of the operation
     * @param probe number of the probe
     * @param landing where its updates land from then on
     */
    public record Change(String trace, int afterIndex, int probe, ClockWrites landing) {

        /**
         * One change.
         *
         * @param trace name of the trace
         * @param afterIndex index of the operation
         * @param probe number of the probe
         * @param landing where its updates land from then on
         * @throws IllegalArgumentException if the index is negative, the probe does not exist, or there is more than
         *     one place
         */
        public Change {
            if (afterIndex < 0 || probe < 0 || probe >= Probes.COUNT || landing.places().size() > 1) {
                throw new IllegalArgumentException(
                        trace + ": after " + afterIndex + ", probe " + probe + ", " + landing);
            }
        }

        @Override
        public String toString() {
            return trace + " after operation " + afterIndex + ": " + Pages.hex(Probes.gpa(probe)) + " in " + landing;
        }
    }

    /**
     * A table.
     *
     * @param changes those of one trace in the order of its operations; at most {@link #MAX_CHANGES}, of at most
     *     {@link #MAX_TRACES} traces
     * @throws IllegalArgumentException if there are too many, or one repeats or precedes an earlier one of its probe
     */
    public ProbeTable(List<Change> changes) {
        this.changes = List.copyOf(changes);
        if (changes.size() > MAX_CHANGES) {
            throw new IllegalArgumentException(changes.size() + " changes");
        }
        for (Change change : this.changes) { // bounded by MAX_CHANGES
            NavigableMap<Integer, ClockWrites> landings = landingsOf(change.trace()).get(change.probe());
            if (!landings.isEmpty() && landings.lastKey() >= change.afterIndex()) {
                throw new IllegalArgumentException("out of order: " + change);
            }
            landings.put(change.afterIndex(), change.landing());
            if (byTrace.size() > MAX_TRACES) {
                throw new IllegalArgumentException("more than " + MAX_TRACES + " traces: " + change);
            }
        }
    }

    private List<NavigableMap<Integer, ClockWrites>> landingsOf(String trace) {
        return byTrace.computeIfAbsent(trace, name -> {
            List<NavigableMap<Integer, ClockWrites>> probes = new ArrayList<>();
            for (int i = 0; i < Probes.COUNT; i++) { // bounded by the number of probes
                probes.add(new TreeMap<>());
            }
            return probes;
        });
    }

    /**
     * The changes.
     *
     * @return in the order of the table
     */
    public List<Change> changes() {
        return changes;
    }

    /**
     * Whether the table speaks of a trace at all.
     *
     * @param trace name of a trace
     * @return true if it has a change of it
     */
    public boolean covers(String trace) {
        return byTrace.containsKey(trace);
    }

    /**
     * Where an update must land.
     *
     * @param trace name of a trace
     * @param afterIndex index of the operation after which it is made
     * @param probe number of the probe
     * @return the place; none for what the table does not speak of
     */
    public ClockWrites expected(String trace, int afterIndex, int probe) {
        List<NavigableMap<Integer, ClockWrites>> probes = byTrace.get(trace);
        Map.Entry<Integer, ClockWrites> last = probes == null ? null : probes.get(probe).floorEntry(afterIndex);
        return last == null ? ClockWrites.NONE : last.getValue();
    }
}
