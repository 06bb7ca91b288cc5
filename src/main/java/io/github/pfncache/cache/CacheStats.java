package io.github.pfncache.cache;

/**
 * What the caches of one VM did up to a moment. The counts are not taken at one instant.
 *
 * @param refreshes refreshes that began, those of activations included; each looks its slot up once
 * @param resolutions host pages resolved
 * @param retries resolutions thrown away because the page was invalidated meanwhile
 * @param waits waits for an overlapping invalidation to end
 * @param failures refreshes that ended in FAULT or BUSY
 * @param invalidations invalidations of a host range
 * @param invalidated caches hit by them
 */
public record CacheStats(
        long refreshes,
        long resolutions,
        long retries,
        long waits,
        long failures,
        long invalidations,
        long invalidated) {}
