package io.github.pfncache.conformance;

import io.github.pfncache.cache.CacheStats;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What an operation cost: refreshes, look-ups of a memslot, resolutions of a page, valid caches invalidated. */
record Cost(long refreshes, long lookups, long resolutions, long invalidated) {

    static final Cost NOTHING = new Cost(0, 0, 0, 0);

    private static final Pattern COUNT = Pattern.compile("(\\w+)=(\\d+)");
    private static final List<String> RECORDED = List.of("refresh", "slotlookup", "resolve", "invhit");

    /** The counts that a recording has behind the observation of an operation. */
    static Cost parse(String step) {
        int at = step.indexOf('#');
        long[] counts = new long[RECORDED.size()];
        Matcher matcher = COUNT.matcher(at < 0 ? "" : step.substring(at));
        while (matcher.find()) { // bounded by the text
            int which = RECORDED.indexOf(matcher.group(1));
            if (which >= 0) {
                counts[which] = Long.parseLong(matcher.group(2));
            }
        }
        return new Cost(counts[0], counts[1], counts[2], counts[3]);
    }

    static Cost of(CacheStats stats) {
        return new Cost(stats.refreshes(), stats.slotLookups(), stats.resolutions(), stats.invalidated());
    }

    Cost plus(Cost other) {
        return new Cost(refreshes + other.refreshes, lookups + other.lookups, resolutions + other.resolutions,
                invalidated + other.invalidated);
    }

    /** By how much this is more, count by count. */
    Cost over(Cost other) {
        return new Cost(
                Math.max(0, refreshes - other.refreshes),
                Math.max(0, lookups - other.lookups),
                Math.max(0, resolutions - other.resolutions),
                Math.max(0, invalidated - other.invalidated));
    }

    boolean isAtMost(Cost other) {
        return over(other).isNothing();
    }

    boolean isNothing() {
        return equals(NOTHING);
    }

    @Override
    public String toString() {
        return "r" + refreshes + " s" + lookups + " p" + resolutions + " inv" + invalidated;
    }
}
