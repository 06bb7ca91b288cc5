package io.github.pfncache.load;

import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.Outcome;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What came of a load.
 *
 * @param seed its seed
 * @param seconds how long the threads ran
 * @param accesses accesses through caches, those that were refused included
 * @param raw how many of them a vCPU made in guest mode, to a page that it held
 * @param drops how many pages the vCPUs gave back because somebody wanted them
 * @param activations how often a cache was pointed somewhere
 * @param outcomes how the accesses came out
 * @param caches what the caches counted
 * @param actions what the adversaries did
 * @param lost writes that are not where they belong, and events that the guest never saw
 * @param torn values that nobody wrote like that
 * @param violations broken rules, bytes where nobody writes, pages in no dirty log, failed threads, rules never checked
 * @param rules every rule with its checks and violations
 * @param findings what is wrong, in words; the first of each kind
 */
public record StressResult(
        long seed,
        double seconds,
        long accesses,
        long raw,
        long drops,
        long activations,
        Map<Outcome, Long> outcomes,
        CacheStats caches,
        Map<String, Long> actions,
        long lost,
        long torn,
        long violations,
        List<RuleTable.Line> rules,
        List<String> findings) {

    /**
     * Whether nothing is wrong.
     *
     * @return true iff nothing is lost, torn or broken
     */
    public boolean isClean() {
        return lost == 0 && torn == 0 && violations == 0;
    }

    /**
     * How many of the accesses needed no refresh.
     *
     * @return 0 to 1
     */
    public double hitRatio() {
        long misses = Math.max(0, caches.refreshes() - activations);
        return accesses == 0 ? 0 : Math.max(0, 1 - (double) misses / accesses);
    }

    /**
     * The last line of a report.
     *
     * @return {@code stress: S seconds, A accesses (R in guest mode), L lost, T torn, V violations}
     */
    public String summary() {
        return String.format(Locale.ROOT,
                "stress: %.1f seconds, %d accesses (%d in guest mode), %d lost, %d torn, %d violations",
                seconds, accesses, raw, lost, torn, violations);
    }
}
