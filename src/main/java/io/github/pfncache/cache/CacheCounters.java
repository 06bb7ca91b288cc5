package io.github.pfncache.cache;

import java.util.concurrent.atomic.LongAdder;

/**
 * Counts of what the caches of one VM did; only slow paths count. Thread-safe.
 *
 * <p>What all caches share costs each of them: a refresh is counted in one step, when it has ended.
 */
final class CacheCounters {

    /** What seldom happens in a refresh. */
    enum Event {
        RETRY,
        WAIT,
        FAILURE
    }

    /** Resolutions of a refresh from which on it is one of those with many. */
    private static final int MANY = 2;

    final LongAdder ranges = new LongAdder();
    final LongAdder invalidated = new LongAdder();

    /** Refreshes that resolved no page, one page, and many. */
    private final LongAdder[] refreshes = adders(MANY + 1);

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
    void refreshed(int resolutions) {
        if (resolutions < MANY) {
            refreshes[resolutions].increment();
        } else {
            refreshes[MANY].increment();
            resolvedByMany.add(resolutions);
        }
    }

    void count(Event event) {
        events[event.ordinal()].increment();
    }

    CacheStats snapshot() {
        long resolvedOne = refreshes[1].sum();
        return new CacheStats(
                refreshes[0].sum() + resolvedOne + refreshes[MANY].sum(),
                resolvedOne + resolvedByMany.sum(),
                sum(Event.RETRY),
                sum(Event.WAIT),
                sum(Event.FAILURE),
                ranges.sum(),
                invalidated.sum());
    }

    private long sum(Event event) {
        return events[event.ordinal()].sum();
    }
}
