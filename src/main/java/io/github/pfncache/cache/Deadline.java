package io.github.pfncache.cache;

import java.util.function.LongSupplier;

/**
 * When a call gives up waiting: at a given time, or when the patience of its retry policy is over, counted from its
 * first wait. Most calls never wait and need no look at the clock, which costs as much as several locks. Confined to
 * the thread of the call.
 */
final class Deadline implements LongSupplier {

    /** Null once the deadline is known. */
    private RetryPolicy patience;

    private long nanos;

    private Deadline(RetryPolicy patience, long nanos) {
        this.patience = patience;
        this.nanos = nanos;
    }

    /** At a value of {@link System#nanoTime()}. */
    static Deadline at(long nanos) {
        return new Deadline(null, nanos);
    }

    static Deadline of(RetryPolicy patience) {
        return new Deadline(patience, 0);
    }

    /** The value of {@link System#nanoTime()} after which to give up, for somebody who is about to wait. */
    @Override
    public long getAsLong() {
        if (patience != null) {
            nanos = patience.deadlineFromNow();
            patience = null;
        }
        return nanos;
    }
}
