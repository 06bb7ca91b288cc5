package io.github.pfncache.trace;

/**
 * What came out of the replay of one trace. A probe <i>agrees</i> if each update of its clock after an operation was
 * found in host memory where the table says and nowhere else, the dirty logs named its page if and only if an update
 * landed in a logging slot, and the operation was answered as recorded. A dirty page that no probe explains, or a stray
 * byte, makes all probes of its operation differ.
 *
 * @param trace name of the trace
 * @param operations slot operations applied
 * @param probes clocks looked at: operations x 12
 * @param agree probes as recorded
 * @param differ the others
 * @param dirtyPages pages that were in a dirty log and had to be
 * @param refreshes refreshes of the clocks' caches after the operations; each looks up a slot
 * @param invalidations invalidations of host memory that the caches were told of. A boot that does nothing but change
 *     its slots has none: the slots' generation tells the caches
 * @param lookupsAvoided slot look-ups that the caches have saved: the clock updates attempted after the operations less
 *     {@code refreshes}. Without a cache each update would look its slot up
 * @since 0.1.0
 */
public record ReplayResult(
        String trace,
        int operations,
        int probes,
        int agree,
        int differ,
        long dirtyPages,
        long refreshes,
        long invalidations,
        long lookupsAvoided) {

    /**
     * Adds the numbers of another trace.
     *
     * @param other its result
     * @return the sums, under this name
     */
    public ReplayResult plus(ReplayResult other) {
        return new ReplayResult(
                trace,
                operations + other.operations,
                probes + other.probes,
                agree + other.agree,
                differ + other.differ,
                dirtyPages + other.dirtyPages,
                refreshes + other.refreshes,
                invalidations + other.invalidations,
                lookupsAvoided + other.lookupsAvoided);
    }

    /**
     * A sum to start with.
     *
     * @param name what to call it
     * @return zeros
     */
    public static ReplayResult none(String name) {
        return new ReplayResult(name, 0, 0, 0, 0, 0, 0, 0, 0);
    }
}
