package io.github.pfncache.stress;

/**
 * A schedule that went wrong.
 *
 * @param kind how
 * @param cause what was thrown, by a thread or by the check
 * @param schedule the schedule, for {@link ScheduleExplorer#replay}; {@code -} is the default one
 * @param listing the schedule to read: one line for every step, with its thread and point
 */
public record ScheduleFailure(Kind kind, Throwable cause, String schedule, String listing) {

    /** How a schedule goes wrong. */
    public enum Kind {
        /** Nobody can run, and somebody has not ended. */
        DEADLOCK,
        /** It was not over within the explorer's bound of steps, although everybody was let run. */
        LIVELOCK,
        /** A thread or the check threw: a broken rule, an assertion, any exception. */
        VIOLATION
    }

    @Override
    public String toString() {
        return kind + " under schedule " + schedule + ": " + cause + System.lineSeparator() + listing
                + "replay with -D" + ScheduleExplorer.SCHEDULE_PROPERTY + "=" + schedule;
    }
}
