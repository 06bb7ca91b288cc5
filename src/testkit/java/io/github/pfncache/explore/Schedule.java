package io.github.pfncache.explore;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A schedule, as its differences from the default one. The default lets a thread run until it waits or ends, and then
 * takes the next one that can run. Decisions are numbered from 0; only moments at which more than one thread could run
 * count. Immutable.
 *
 * @param parent the same without the last difference; null in {@link #NONE}
 * @param decision number of the decision that differs
 * @param thread number of the thread that runs instead
 * @param preemptions how many of the differences take the right to run from a thread that could go on
 */
record Schedule(Schedule parent, int decision, int thread, int preemptions) {

    static final Schedule NONE = new Schedule(null, -1, -1, 0);

    /** Longest schedule that is read; those that an explorer writes are far shorter. */
    private static final int MAX_DIFFERENCES = 10_000;

    private static final String DEFAULT = "-";
    private static final Pattern DIFFERENCE = Pattern.compile("\\s*([0-9]{1,9})\\s*:\\s*([0-9]{1,9})\\s*");

    Schedule with(int at, int other, boolean preemption) {
        return new Schedule(this, at, other, preemptions + (preemption ? 1 : 0));
    }

    /** The differences, first to last. */
    List<Schedule> inOrder() {
        List<Schedule> all = new ArrayList<>();
        for (Schedule d = this; d.parent != null; d = d.parent) { // bounded by the number of differences
            all.add(d);
        }
        Collections.reverse(all);
        return all;
    }

    /**
     * Reads what {@link #toString} wrote.
     *
     * @throws IllegalArgumentException if it is something else
     */
    static Schedule parse(String schedule) {
        Schedule all = NONE;
        if (schedule.strip().equals(DEFAULT)) {
            return all;
        }
        String[] parts = schedule.split(",", -1);
        if (parts.length > MAX_DIFFERENCES) {
            throw new IllegalArgumentException("a schedule of more than " + MAX_DIFFERENCES + " differences");
        }
        for (String part : parts) { // bounded by MAX_DIFFERENCES
            Matcher pair = DIFFERENCE.matcher(part);
            if (!pair.matches()) {
                throw new IllegalArgumentException("schedule \"" + schedule + "\" is not decision:thread,...");
            }
            int at = Integer.parseInt(pair.group(1));
            if (at <= all.decision) {
                throw new IllegalArgumentException("schedule \"" + schedule + "\": decision " + at + " after "
                        + all.decision);
            }
            all = all.with(at, Integer.parseInt(pair.group(2)), false);
        }
        return all;
    }

    /** For example {@code 17:1,30:0}: at decision 17 thread 1 runs, at decision 30 thread 0, by default otherwise. */
    @Override
    public String toString() {
        return parent == null
                ? DEFAULT
                : inOrder().stream().map(d -> d.decision + ":" + d.thread).collect(Collectors.joining(","));
    }
}
