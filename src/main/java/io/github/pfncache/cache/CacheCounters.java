package io.github.pfncache.cache;

import java.util.concurrent.atomic.LongAdder;

/** Counts of what the caches of one VM did; only slow paths count. Thread-safe. */
final class CacheCounters {

    final LongAdder refreshes = new LongAdder();
    final LongAdder resolutions = new LongAdder();
    final LongAdder retries = new LongAdder();
    final LongAdder waits = new LongAdder();
    final LongAdder failures = new LongAdder();
    final LongAdder ranges = new LongAdder();
    final LongAdder hits = new LongAdder();

    CacheStats snapshot() {
        return new CacheStats(
                refreshes.sum(),
                resolutions.sum(),
                retries.sum(),
                waits.sum(),
                failures.sum(),
                ranges.sum(),
                hits.sum());
    }
}
