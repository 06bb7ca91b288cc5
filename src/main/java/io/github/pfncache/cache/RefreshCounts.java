package io.github.pfncache.cache;

import io.github.pfncache.cache.CacheCounters.Event;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts of what one cache did. Written with its refresh lock held, read without: nobody else writes, and nobody who
 * reads needs an order, so to count takes no fence.
 */
final class RefreshCounts {

    private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);

    /** Where each count is: first those of the events. */
    private static final int REFRESHES = Event.values().length;

    private static final int RESOLUTIONS = REFRESHES + 1;

    /** Accessed through COUNTS. */
    private final long[] counts = new long[RESOLUTIONS + 1];

    void refreshed(int resolutions) {
        add(REFRESHES, 1);
        add(RESOLUTIONS, resolutions);
    }

    void count(Event event) {
        add(event.ordinal(), 1);
    }

    private void add(int index, long more) {
        COUNTS.setOpaque(counts, index, counts[index] + more);
    }

    /** With the number of invalidations, which the notifier counts. */
    CacheStats snapshot(long invalidations) {
        return new CacheStats(
                get(REFRESHES),
                get(RESOLUTIONS),
                get(Event.RETRY.ordinal()),
                get(Event.WAIT.ordinal()),
                get(Event.FAILURE.ordinal()),
                invalidations,
                invalidations);
    }

    private long get(int index) {
        return (long) COUNTS.getOpaque(counts, index);
    }
}
