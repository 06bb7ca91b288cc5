package io.github.pfncache.cache;

import io.github.pfncache.cache.CacheCounters.Event;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts of what one cache did, passed on to those of its VM. Written with its refresh lock held, read without: no
 * other thread writes, and no reader needs an order, so to count here takes no fence.
 */
final class RefreshCounts {

    private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);

    /** Where each count is: first those of the events. */
    private static final int REFRESHES = Event.values().length;

    private static final int LOOKUPS = REFRESHES + 1;
    private static final int RESOLUTIONS = LOOKUPS + 1;

    /** Accessed through COUNTS. */
    private final long[] counts = new long[RESOLUTIONS + 1];

    private final CacheCounters ofAll;

    // Of the refresh under way. Guarded by the refresh lock.

    private boolean lookedUp;
    private int resolutions;

    RefreshCounts(CacheCounters ofAll) {
        this.ofAll = ofAll;
    }

    /** The refresh under way looks for its memslot. */
    void looksUp() {
        lookedUp = true;
    }

    /** The refresh under way resolves a page. */
    void resolves() {
        resolutions++;
    }

    /** The refresh under way has ended. */
    void refreshed() {
        int resolved = resolutions;
        boolean looked = lookedUp;
        resolutions = 0;
        lookedUp = false;
        add(REFRESHES, 1);
        add(LOOKUPS, looked ? 1 : 0);
        add(RESOLUTIONS, resolved);
        ofAll.refreshed(looked, resolved);
    }

    /** Something that seldom happens. */
    void count(Event event) {
        add(event.ordinal(), 1);
        ofAll.count(event);
    }

    private void add(int index, long more) {
        COUNTS.setOpaque(counts, index, counts[index] + more);
    }

    /** With the number of invalidations, which the notifier counts. */
    CacheStats snapshot(long invalidations) {
        return new CacheStats(
                get(REFRESHES),
                get(LOOKUPS),
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
