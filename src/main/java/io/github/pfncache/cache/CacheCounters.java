package io.github.pfncache.cache;

import java.util.concurrent.atomic.LongAdder;

/**
 * Counts of what the caches of one VM did; only slow paths count. Thread-safe.
 *
 * <p>All caches share these counters, so each step costs each of them: a refresh is counted in one step, when it has
 * ended.
 */
final class CacheCounters {

    /** A thing that seldom happens in a refresh. */
    enum Event {
        RETRY,
        WAIT,
        FAILURE
    }

    /** From this number of resolutions on, a refresh is one of those with many. */
    private static final int MANY = 2;

    final LongAdder ranges = new LongAdder();
    final LongAdder invalidated = new LongAdder();

    /** Refreshes that resolved no page, one page, and many; then the same of those that looked for a memslot. */
    private final LongAdder[] refreshes = adders(2 * (MANY + 1));

    /** Pages that refreshes with many resolved. */
    private final LongAdder resolvedByMany = new LongAdder();

    private final LongAdder[] events = adders(Event.values().length);

    private static LongAdder[] adders(int count) {
        LongAdder[] adders = new LongAdder[count];
        for (int i = 0; i < count; i++) { // bounded by count
            adders[i] = new LongAdder();
        }
        return adders;
    }

    /** A refresh has ended. */
    void refreshed(boolean lookedUp, int resolutions) {
        refreshes[Math.min(resolutions, MANY) + (lookedUp ? MANY + 1 : 0)].increment();
        if (resolutions >= MANY) {
            resolvedByMany.add(resolutions);
        }
    }

    void count(Event event) {
        events[event.ordinal()].increment();
    }

    CacheStats snapshot() {
        long lookedUp = sum(MANY + 1, refreshes.length, 1);
        return new CacheStats(
                sum(0, MANY + 1, 1) + lookedUp,
                lookedUp,
                sum(1, refreshes.length, MANY + 1) + resolvedByMany.sum(),
                sum(Event.RETRY),
                sum(Event.WAIT),
                sum(Event.FAILURE),
                ranges.sum(),
                invalidated.sum());
    }

    private long sum(int from, int end, int step) {
        long sum = 0;
        for (int i = from; i < end; i += step) { // bounded by the number of counts
            sum += refreshes[i].sum();
        }
        return sum;
    }

    private long sum(Event event) {
        return events[event.ordinal()].sum();
    }
}
