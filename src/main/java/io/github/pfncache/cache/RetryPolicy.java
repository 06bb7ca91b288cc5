package io.github.pfncache.cache;

import io.github.pfncache.rules.Patience;
import java.time.Duration;

/**
 * The limit of a call: how long it goes on before it answers {@link Outcome#BUSY}. Immutable.
 *
 * @param attempts how often one call resolves its page again because an invalidation of that page got in the way; at
 *     least 1
 * @param patience how long one call waits altogether: for another call on the same cache, and for overlapping
 *     invalidations to end; not negative
 * @since 0.1.0
 */
public record RetryPolicy(int attempts, Duration patience) {

    /** Sixty-four attempts within a second: a page replaced in a tight loop still gets its update. */
    public static final RetryPolicy DEFAULT = new RetryPolicy(64, Duration.ofSeconds(1));

    /**
     * Checks the ranges.
     *
     * @param attempts how often one call resolves its page again
     * @param patience how long one call waits altogether
     * @throws IllegalArgumentException if {@code attempts < 1} or {@code patience} is negative or beyond 2<sup>62</sup>
     *     ns
     */
    public RetryPolicy {
        if (attempts < 1 || patience.isNegative() || patience.compareTo(Duration.ofNanos(1L << 62)) > 0) {
            throw new IllegalArgumentException("attempts=" + attempts + " patience=" + patience);
        }
    }

    /** The {@link System#nanoTime()} at which a call that starts now gives up. */
    long deadlineFromNow() {
        return Patience.deadlineAfter(patience);
    }
}
