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
 */
public record ScheduleFailure(
        Kind kind, Throwable cause, String schedule, List<String> threads, List<ScheduleStep> steps) {

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
        /** Nobody can run, and somebody has not ended. */
        DEADLOCK,
        /** It was not over within the explorer's bound of steps, although everybody was let run. */
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
        return ScheduleText.of(steps, threads);
    }

    @Override
    public String toString() {
        return kind + " under schedule " + schedule + ": " + cause + System.lineSeparator() + listing()
                + "replay with -D" + ScheduleExplorer.SCHEDULE_PROPERTY + "=" + schedule;
    }
}
