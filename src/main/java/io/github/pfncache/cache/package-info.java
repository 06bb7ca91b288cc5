/**
 * The subject: caches of how guest memory becomes host memory, and what keeps them honest.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.cache.GfnPfnCache} is one window of at most a page;
 * {@link io.github.pfncache.cache.GuestAccess} is the only way to its bytes.
 * {@link io.github.pfncache.cache.CacheDomain} holds the caches of one VM and hears what the host and the memslots take
 * away. {@link io.github.pfncache.cache.GuestMode} holds pages raw, and {@link io.github.pfncache.cache.GuestTlb} is
 * a CPU's way to any address, made of such pages.
 * {@link io.github.pfncache.cache.GuestMemory} and {@link io.github.pfncache.cache.GfnToHvaCache} are the
 * uncached and the half-cached ways to guest memory that some interfaces use. Flight recordings show refreshes,
 * invalidations and calls that gave up; {@link io.github.pfncache.cache.CacheStats} counts them.
 *
 * <p><b>Locks owned</b>, in order: {@code REFRESH} (the segments of one area, one cache's refresh), {@code CACHE_LIST}
 * (the index), {@code CACHE} (one cache's mapping), {@code INVALIDATIONS} (those in progress).
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.cache.CacheRule}. <b>May use.</b> {@code memslot}, {@code host},
 * {@code address}, {@code rules}. Does not know the VM.
 */
package io.github.pfncache.cache;
