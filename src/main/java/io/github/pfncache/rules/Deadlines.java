package io.github.pfncache.rules;

/** Arithmetic of deadlines: values of {@link System#nanoTime()} that callers may choose at will. */
final class Deadlines {

    private Deadlines() {}

    /**
     * Nanoseconds until a deadline, negative after it. Where the difference overflows: the largest or smallest number.
     */
    static long left(long deadlineNanos) {
        long now = System.nanoTime();
        long left = deadlineNanos - now;
        boolean overflows = ((deadlineNanos ^ now) & (deadlineNanos ^ left)) < 0;
        return overflows ? deadlineNanos < 0 ? Long.MIN_VALUE : Long.MAX_VALUE : left;
    }

    static boolean hasPassed(long deadlineNanos) {
        return left(deadlineNanos) <= 0;
    }
}
