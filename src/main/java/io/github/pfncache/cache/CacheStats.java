package io.github.pfncache.cache;

/**
 * Counts of what one cache, or all caches of one VM, did up to a moment. The counts are not taken at one instant. Only
 * slow paths are counted: an access that finds its cache usable leaves no trace, so there is no number of hits.
 *
 * @param refreshes refreshes that ended, those of activations included
 * @param slotLookups those that had to look for their memslot
 * @param resolutions host pages that these resolved
 * @param retries resolutions thrown away because the page was invalidated meanwhile
 * @param waits waits for an overlapping invalidation to end
 * @param failures refreshes that ended in FAULT or BUSY
 * @param invalidations invalidations of a host range; of one cache those that hit it
 * @param invalidated mappings that these took, each valid until then; of one cache the same as invalidations
 * @since 0.1.0
 */
public record CacheStats(
        long refreshes,
        long slotLookups,
        long resolutions,
        long retries,
        long waits,
        long failures,
        long invalidations,
        long invalidated) {}
