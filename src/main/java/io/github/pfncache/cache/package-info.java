/**
 * The subject: caches of how guest memory becomes host memory, and what keeps them honest.
 *
 * <p><b>Purpose.</b> {@link io.github.pfncache.cache.GfnPfnCache} is one window of at most a page;
 * {@link io.github.pfncache.cache.GuestAccess} is the only way to its bytes.
 * {@link io.github.pfncache.cache.CacheDomain} makes the caches of one VM and hears what the host and the memslots take
 * away. {@link io.github.pfncache.cache.GuestMode} holds pages raw, and {@link io.github.pfncache.cache.GuestTlb} is
 * a CPU's way to any address, made of such pages.
 * {@link io.github.pfncache.cache.GuestMemory} and {@link io.github.pfncache.cache.GfnToHvaCache} are the
 * uncached and the half-cached ways to guest memory that some interfaces use. Flight recordings show refreshes,
 * invalidations and calls that gave up; {@link io.github.pfncache.cache.CacheStats} counts them.
 *
 * <p><b>A migration meets a store</b>, step by step.
 * <ol>
 *   <li>The host tells the notifier of {@code CacheDomain} that a page is being taken away. The notifier enters the
 *       invalidation as in progress, passes a full fence, and walks the index: from here on a refresh of this page
 *       waits or resolves again.
 *   <li>For each cache that the walk finds, {@code GuardedMapping.invalidate} takes the write side: it shuts the lock,
 *       waits until no reader of it is announced, and withdraws validity. A store that announced itself before has
 *       ended by then. A store that announces itself afterwards finds the lock shut, withdraws, and takes the slow way.
 *       Guest modes that hold the page are kicked, and waited for.
 *   <li>The host changes its page table, moves the bytes and frees the frame. The notifier takes the invalidation out
 *       of those in progress.
 *   <li>The store that took the slow way refreshes: gpa to uhva by the memslots; it waits for the end of step 3; uhva
 *       to page by the host; page to mapping. It installs the mapping under the write side, if no invalidation has come
 *       between, which opens the lock; then it takes the read side, marks the page dirty, and writes.
 * </ol>
 *
 * <p><b>What looks true and is not.</b>
 * <ul>
 *   <li><i>A valid mapping may be used.</i> Not after a change of its slot: the host has not taken the page away, but
 *       the guest address leads elsewhere. Usable is valid, and translated since.
 *   <li><i>A cache that was refreshed with OK is usable.</i> An invalidation may have come since. Only a hold of the
 *       read side keeps the answer true.
 *   <li><i>A mapping that is owned is valid.</i> An invalidation leaves it owned: unmapping may sleep, and is the next
 *       refresh's.
 *   <li><i>A load reads from a frame that is the guest's.</i> The frame may have been given away meanwhile. The load
 *       finds that the sequence has moved on, and discards what it read.
 *   <li><i>A lock that is open has no writer.</i> A writer takes the lock proper first and shuts the lock then. So a
 *       reader announces itself before it looks.
 *   <li><i>A cache that no walk finds is valid for ever.</i> It is on its way from one page to another, its mapping was
 *       withdrawn before, and its refresh looks for invalidations in progress after it was placed.
 *   <li><i>An access that hits is counted.</i> Counted are refreshes and invalidations; to count an access would cost
 *       as much as the access.
 *   <li><i>The dirty log has what was written.</i> It has what was written by ended holds. A store marks before it
 *       writes, and a harvest waits for the holds that it finds.
 * </ul>
 *
 * <p><b>Locks owned</b>, in order: {@code REFRESH} (the segments of one area, one cache's refresh), {@code CACHE_LIST}
 * (the index), {@code CACHE} (one cache's mapping), {@code INVALIDATIONS} (those in progress).
 *
 * <p><b>Rule enum.</b> {@link io.github.pfncache.cache.CacheRule}. <b>May use.</b> {@code memslot}, {@code host},
 * {@code address}, {@code rules}. Does not know the VM.
 */
package io.github.pfncache.cache;
