package io.github.pfncache.rules;

/** Arithmetic of deadlines: values of {@link System#nanoTime()} that callers may choose at will. */
final class Deadlines {

    private Deadlines() {}

    /** Nanoseconds until a deadline; one so far away that the difference overflows is as far away as can be said. */
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
