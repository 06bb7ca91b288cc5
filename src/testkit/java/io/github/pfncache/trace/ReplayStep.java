package io.github.pfncache.trace;

import java.util.List;

/**
 * One operation of a replay and what came after it. Immutable.
 *
 * @param operation as recorded
 * @param answer what the memory map answered: {@code "0"}, or the name of an errno
 * @param landings where the updates of each probe landed, by number of the probe
 * @param differences what was not as it should be; empty is good
 * @since 0.1.0
 */
public record ReplayStep(
        SlotOperation operation, String answer, List<ClockWrites> landings, List<Difference> differences) {

    /**
     * One step.
     *
     * @param operation as recorded
     * @param answer what the memory map answered: {@code "0"}, or the name of an errno
     * @param landings where the updates of each probe landed, by number of the probe
     * @param differences what was not as it should be; empty is good
     */
    public ReplayStep {
        landings = List.copyOf(landings);
        differences = List.copyOf(differences);
    }

    /**
     * Something that was not as it should be.
     *
     * @param probe number of the probe that it makes differ; -1 if it makes all probes of this step differ
     * @param expected what should have been found
     * @param found what was found
     */
    public record Difference(int probe, String expected, String found) {

        /** For {@link #probe}: not the fault of a single one. */
        public static final int ALL_PROBES = -1;

        @Override
        public String toString() {
            return "expected " + expected + ", found " + found;
        }
    }

    /**
     * How many probes differ.
     *
     * @return from 0 to {@link Probes#COUNT}
     */
    public int differ() {
        boolean all = differences.stream().anyMatch(each -> each.probe() == Difference.ALL_PROBES);
        return all ? Probes.COUNT : (int) differences.stream().mapToInt(Difference::probe).distinct().count();
    }
}
