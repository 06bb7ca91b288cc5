package io.github.pfncache.cache;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** Counts of what the caches of one VM did; only slow paths count. Thread-safe. */
final class CacheCounters {

    /** What is counted of each cache, and of all of them. */
    enum Step {
        REFRESH,
        RESOLUTION,
        RETRY,
        WAIT,
        FAILURE
    }

    final LongAdder ranges = new LongAdder();
    final LongAdder hits = new LongAdder();

    private final Map<Step, LongAdder> steps = new EnumMap<>(Step.class);

    CacheCounters() {
        for (Step step : Step.values()) { // bounded by the steps
            steps.put(step, new LongAdder());
        }
    }

    void count(Step step) {
        steps.get(step).increment();
    }

    CacheStats snapshot() {
        return new CacheStats(
                sum(Step.REFRESH),
                sum(Step.RESOLUTION),
                sum(Step.RETRY),
                sum(Step.WAIT),
                sum(Step.FAILURE),
                ranges.sum(),
                hits.sum());
    }

    private long sum(Step step) {
        return steps.get(step).sum();
    }
}
