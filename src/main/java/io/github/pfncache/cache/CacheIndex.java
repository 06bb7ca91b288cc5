package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * The index of the active caches of a VM by the host page that each points at. An invalidation finds the caches it hits
 * without looking at the others, and without a lock.
 *
 * <p>A cache is <em>listed</em> as long as it is active, whether or not it has a host page: being listed is what makes
 * it active ([I2]). While it points at a host page it is <em>placed</em> there. Changes take the index's lock; walks do
 * not, so they hold up no thread, and a visit may wait for an access to end.
 *
 * <p><b>Why a walk misses no cache that it must not miss.</b> An invalidation is entered as in progress, passes a full
 * fence, and walks. A refresh places its cache, passes a full fence, and then asks what is in progress. Of the two
 * fences one is first:
 *
 * <ul>
 *   <li>The refresh's fence is first: the walk sees the cache in its place, and every node on the way there.
 *   <li>The walk's fence is first: the refresh sees the invalidation in progress, and waits. Or the invalidation has
 *       ended already, and the refresh resolves what the page has become.
 * </ul>
 *
 * <p>A cache that leaves a page while a walk is under way has no valid mapping of it: its refresh took that away, with
 * the cache's write lock held, before it moved the cache. So a walk may find it at its old place, at its new one, or at
 * neither. A cache that stays is found, because the way to it does not change.
 *
 * <p>The same holds for a walk that drains the users of a former memslot, with "no table in use has the slot any more"
 * for "in progress": a refresh that placed a cache by such a table had left its read section before the walk began.
 *
 * <p>Kernel counterpart: {@code kvm->gpc_list}, one list that every invalidation walks.
 */
final class CacheIndex {

    private final TrackedLock lock = new TrackedLock(LockClass.CACHE_LIST);

    /**
     * The ring of the entries of active caches, in no order, closed by an entry without a cache. Guarded by {@link
     * #lock}.
     */
    private final Entry listed = new Entry(null);

    /** Whether no cache becomes active any more. Written under {@link #lock}. */
    private volatile boolean closed;

    /** Active caches that have a host page. Written under {@link #lock}, walked without. */
    private final CachesByPage<Placed> placed = new CachesByPage<>();

    /**
     * A cache's place in the index, made once with the cache: to list the cache takes no memory. Written with the
     * cache's refresh lock and the index's lock held; read with either.
     */
    static final class Entry {

        private static final long NO_PAGE = -1;

        private final Placed cache;

        /** Where an invalidation finds the cache; NO_PAGE also while it is on its way from one page to another. */
        private long page = NO_PAGE;

        // Neighbours in the ring of listed entries; itself while it is not listed. Guarded by the index's lock.

        private Entry before = this;
        private Entry behind = this;

        Entry(Placed cache) {
            this.cache = cache;
        }

        private boolean isListed() {
            return behind != this;
        }

        private static long pageOf(Translation where) {
            return where.isBacked() ? where.uhva() >>> Pages.PAGE_SHIFT : NO_PAGE;
        }
    }

    /** Lists a cache that has no host page yet; false if the index is closed. */
    boolean add(Entry entry) {
        lock.lock();
        try (lock) {
            if (closed) {
                return false;
            }
            CacheRule.I2_ACTIVE_IFF_LISTED.check(!entry.isListed(), entry.cache);
            entry.before = listed.before;
            entry.behind = listed;
            listed.before.behind = entry;
            listed.before = entry;
            return true;
        }
    }

    boolean isClosed() {
        return closed;
    }

    /** Lists no cache any more; those that are listed stay until they are taken out. */
    void close() {
        lock.lock();
        try (lock) {
            closed = true;
        }
    }

    /**
     * Places a listed cache at the page it points at, or nowhere if it has none. The caller holds the cache's refresh
     * lock, so no other thread moves the cache. A cache that is there already takes no lock of the index's, so caches
     * that refresh in place share nothing.
     */
    void move(Entry entry, Translation where) {
        long page = Entry.pageOf(where);
        if (entry.page != page) {
            lock.lock();
            try (lock) {
                CacheRule.I2_ACTIVE_IFF_LISTED.check(entry.isListed(), entry.cache);
                place(entry, page);
            }
            VarHandle.fullFence(); // placed first, then asks what is in progress: pairs with walk
        }
    }

    /** Takes a cache out, if it is listed. Needs no memory. */
    void remove(Entry entry) {
        lock.lock();
        try (lock) {
            place(entry, Entry.NO_PAGE);
            entry.before.behind = entry.behind;
            entry.behind.before = entry.before;
            entry.before = entry;
            entry.behind = entry;
        }
    }

    /** The index is locked. Also if this throws, the entry never names a page where a walk does not find the cache. */
    private void place(Entry entry, long page) {
        long former = entry.page;
        entry.page = Entry.NO_PAGE;
        if (former != Entry.NO_PAGE) {
            placed.remove(former, entry.cache);
        }
        if (page != Entry.NO_PAGE) {
            placed.add(page, entry.cache);
            entry.page = page;
        }
    }

    /**
     * Visits the caches whose page lies in a range, until one answers false. No lock is held.
     *
     * @return false iff a visit did
     */
    boolean walk(HvaRange range, Predicate<Placed> visit) {
        Interleaving.reached("index walk");
        VarHandle.fullFence(); // in progress first, then looks who is placed: pairs with move
        long first = range.start() >>> Pages.PAGE_SHIFT;
        long last = (range.end() >>> Pages.PAGE_SHIFT) - 1;
        return placed.walk(first, last, visit);
    }

    /** Every listed cache, looked up with the index locked: one that moves to or from a page is not missed. */
    List<Placed> all() {
        lock.lock();
        try (lock) {
            List<Placed> all = new ArrayList<>();
            for (Entry each = listed.behind; each != listed; each = each.behind) { // bounded by the listed caches
                all.add(each.cache);
            }
            return all;
        }
    }
}
