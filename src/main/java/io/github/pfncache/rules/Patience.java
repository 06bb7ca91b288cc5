package io.github.pfncache.rules;

import java.time.Duration;

/**
 * The arithmetic of waits: a duration of any length, as nanoseconds that can be added to a reading of the clock; and
 * deadlines, values of {@link System#nanoTime()} that callers may choose at will. Stateless.
 *
 * @since 0.1.0
 */
public final class Patience {

    /** 146 years, half of what fits: a deadline that far ahead is still ahead when it is compared by difference. */
    private static final long FOR_EVER = 1L << 62;

    private static final Duration LONGEST = Duration.ofNanos(FOR_EVER);

    private Patience() {}

    /**
     * The nanoseconds of a duration of any length, {@link java.time.temporal.ChronoUnit#FOREVER} included.
     *
     * @param duration any duration
     * @return 0 for a negative one, 2<sup>62</sup> (146 years) for one that is longer
     */
    public static long nanosOf(Duration duration) {
        if (duration.isNegative()) {
            return 0;
        }
        return duration.compareTo(LONGEST) >= 0 ? FOR_EVER : duration.toNanos();
    }

    /**
     * When a wait that begins now is over.
     *
     * @param duration any duration; a negative one is over at once
     * @return a value of {@link System#nanoTime()}
     */
    public static long deadlineAfter(Duration duration) {
        return System.nanoTime() + nanosOf(duration);
    }

    /**
     * Nanoseconds until a deadline, negative after it. Where the difference overflows: the largest or smallest number.
     */
    static long left(long deadlineNanos) {
        long now = System.nanoTime();
        long left = deadlineNanos - now;
        boolean overflows = ((deadlineNanos ^ now) & (deadlineNanos ^ left)) < 0;
        return overflows ? deadlineNanos < 0 ? Long.MIN_VALUE : Long.MAX_VALUE : left;
    }

    static boolean isOver(long deadlineNanos) {
        return left(deadlineNanos) <= 0;
    }
}
