package io.github.pfncache.host;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A count that many threads change at once, each in a cache line that it shares with few. Unlike a {@code LongAdder} it
 * never allocates: what has been given back is counted as such without memory too. Thread-safe.
 */
final class StripedCount {

    private static final int STRIPES = 8;
    /** Cells apart, as a power of two: a cache line. */
    private static final int LINE_BITS = 3;

    private final AtomicLongArray cells = new AtomicLongArray(STRIPES << LINE_BITS);

    void add(long difference) {
        cells.getAndAdd((int) (Thread.currentThread().getId() & STRIPES - 1) << LINE_BITS, difference);
    }

    /** The sum; exact when no thread adds. */
    long sum() {
        long sum = 0;
        for (int i = 0; i < STRIPES; i++) {
            sum += cells.get(i << LINE_BITS);
        }
        return sum;
    }
}
