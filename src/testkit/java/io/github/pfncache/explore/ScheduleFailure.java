package io.github.pfncache.explore;

import java.util.List;

/**
 * A schedule that went wrong.
 *
 * @param kind how
 * @param cause what was thrown, by a thread or by the check
 * @param schedule the schedule, for {@link ScheduleExplorer#replay}; {@code -} is the default one
 * @param threads names of its threads, by their numbers
 * @param steps what happened, in order
 * @since 0.1.0
 */
public record ScheduleFailure(
        Kind kind, Throwable cause, String schedule, List<String> threads, List<ScheduleStep> steps) {

    /** Lines shown from the end of a schedule; a livelock is long, and its end repeats. */
    private static final int MAX_LINES = 200;

    /**
     * A schedule that went wrong.
     *
     * @param kind how
     * @param cause what was thrown, by a thread or by the check
     * @param schedule the schedule, for {@link ScheduleExplorer#replay}; {@code -} is the default one
     * @param threads names of its threads, by their numbers
     * @param steps what happened, in order
     */
    public ScheduleFailure {
        threads = List.copyOf(threads);
        steps = List.copyOf(steps);
    }

    /** How a schedule goes wrong. */
    public enum Kind {
        /** No thread can run, and not all have ended. */
        DEADLOCK,
        /** It was not over within the explorer's bound of steps, although every thread was let run. */
        LIVELOCK,
        /** A thread or the check threw: a broken rule, an assertion, any exception. */
        VIOLATION
    }

    /**
     * The schedule to read.
     *
     * @return one line for every step, with a column for each thread; the end of a long one only
     */
    public String listing() {
        int before = Math.max(0, steps.size() - MAX_LINES);
        List<String> lines = ScheduleText.lines(threads, before, steps.subList(before, steps.size()));
        return String.join(System.lineSeparator(), lines) + System.lineSeparator();
    }

    @Override
    public String toString() {
        return kind + " under schedule " + schedule + ": " + cause + System.lineSeparator() + listing()
                + "replay with -D" + ScheduleExplorer.SCHEDULE_PROPERTY + "=" + schedule;
    }
}
