package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Every active cache of a VM, by the host page it points at. An invalidation finds the caches it hits without looking
 * at the others.
 *
 * <p>Two levels: leaves of 512 pages (2 MiB), each with a list of caches for every page, found through a hash map. A
 * cache without a host page waits in a list of its own, which no invalidation walks: being listed there is what makes
 * it active ([I2]).
 *
 * <p>Kernel counterpart: {@code kvm->gpc_list}, one list that every invalidation walks.
 */
final class CacheIndex {

    private static final int LEAF_SHIFT = 9;
    private static final int LEAF_PAGES = 1 << LEAF_SHIFT;

    private final TrackedLock lock = new TrackedLock(LockClass.CACHE_LIST);

    /** Leaves that hold at least one cache, by page number divided by 512. Guarded by {@link #lock}. */
    private final Map<Long, Leaf> leaves = new HashMap<>();

    /** Active caches that have no host page now. Guarded by {@link #lock}. */
    private final Leaf unbacked = new Leaf(1);

    /** Number of listed caches. Guarded by {@link #lock}. */
    private int size;

    /**
     * A cache's place in the index, made once with the cache. Written with the cache's refresh lock and the index's
     * lock held; read with either. The links belong to the index's lock alone.
     */
    static final class Entry {
        private final GfnPfnCache cache;
        private Leaf leaf;
        private long pageNumber;
        private Entry previous;
        private Entry next;

        Entry(GfnPfnCache cache) {
            this.cache = cache;
        }
    }

    /** Heads of the lists of some consecutive pages. */
    private static final class Leaf {
        private final Entry[] heads;
        private int entries;

        Leaf(int pages) {
            heads = new Entry[pages];
        }

        int slotOf(long pageNumber) {
            return (int) pageNumber & (heads.length - 1);
        }
    }

    /** Lists a cache that has no host page yet. */
    void add(Entry entry) {
        lock.lock();
        try {
            CacheRule.I2_ACTIVE_IFF_LISTED.check(entry.leaf == null, entry);
            link(entry, unbacked, 0);
            size++;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Moves a listed cache to the page it points at, or to those without one. The caller holds the cache's refresh
     * lock, and nobody else moves it: that it is there already can be seen without the index's lock, so that caches
     * that refresh in place share nothing.
     */
    void move(Entry entry, Translation where) {
        long pageNumber = where.isBacked() ? where.uhva() >>> Pages.PAGE_SHIFT : 0;
        if (entry.leaf != null && entry.pageNumber == pageNumber && where.isBacked() == (entry.leaf != unbacked)) {
            return;
        }
        lock.lock();
        try {
            CacheRule.I2_ACTIVE_IFF_LISTED.check(entry.leaf != null, entry);
            unlink(entry);
            link(entry, where.isBacked() ? leafOf(pageNumber) : unbacked, pageNumber);
        } finally {
            lock.unlock();
        }
    }

    /** Takes a listed cache out. */
    void remove(Entry entry) {
        lock.lock();
        try {
            CacheRule.I2_ACTIVE_IFF_LISTED.check(entry.leaf != null, entry);
            unlink(entry);
            size--;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Visits the caches whose page lies in a range, until one answers false. They are looked up with the index locked
     * and visited afterwards: a visit may wait for an access to end, and that must not hold up the others, who have
     * nothing to do with that page. One that leaves the range meanwhile is visited in vain; one that comes finds the
     * invalidation in progress, or the next generation of slots.
     *
     * @return false iff a visit did
     */
    boolean walk(HvaRange range, Predicate<GfnPfnCache> visit) {
        List<GfnPfnCache> hit = new ArrayList<>();
        lock.lock();
        try {
            collect(range, hit);
        } finally {
            lock.unlock();
        }
        for (GfnPfnCache cache : hit) { // bounded by the number of caches
            if (!visit.test(cache)) {
                return false;
            }
        }
        return true;
    }

    /** The index is locked. */
    private void collect(HvaRange range, List<GfnPfnCache> hit) {
        long first = range.start() >>> Pages.PAGE_SHIFT;
        long last = (range.end() >>> Pages.PAGE_SHIFT) - 1;
        if ((last >>> LEAF_SHIFT) - (first >>> LEAF_SHIFT) >= leaves.size()) {
            leaves.forEach((key, leaf) -> collect(leaf, key, first, last, hit)); // bounded by the number of leaves
            return;
        }
        // Bounded by the number of leaves, and by the size of the range.
        for (long key = first >>> LEAF_SHIFT; key <= last >>> LEAF_SHIFT; key++) {
            Leaf leaf = leaves.get(key);
            if (leaf != null) {
                collect(leaf, key, first, last, hit);
            }
        }
    }

    private static void collect(Leaf leaf, long key, long first, long last, List<GfnPfnCache> hit) {
        long start = Math.max(first, key << LEAF_SHIFT);
        long end = Math.min(last, (key << LEAF_SHIFT) + LEAF_PAGES - 1);
        for (long page = start; page <= end; page++) { // bounded by the 512 pages of a leaf
            for (Entry e = leaf.heads[leaf.slotOf(page)]; e != null; e = e.next) { // bounded by the caches of one page
                hit.add(e.cache);
            }
        }
    }

    /** Every listed cache, looked up with the index locked: one that moves to or from a page is not missed. */
    List<GfnPfnCache> all() {
        List<GfnPfnCache> all = new ArrayList<>();
        lock.lock();
        try {
            collect(HvaRange.WHOLE, all);
            for (Entry e = unbacked.heads[0]; e != null; e = e.next) { // bounded by the caches without a page
                all.add(e.cache);
            }
            return all;
        } finally {
            lock.unlock();
        }
    }

    /** How many caches are listed. */
    int size() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }

    private Leaf leafOf(long pageNumber) {
        return leaves.computeIfAbsent(pageNumber >>> LEAF_SHIFT, key -> new Leaf(LEAF_PAGES));
    }

    private static void link(Entry entry, Leaf leaf, long pageNumber) {
        int slot = leaf.slotOf(pageNumber);
        entry.leaf = leaf;
        entry.pageNumber = pageNumber;
        entry.previous = null;
        entry.next = leaf.heads[slot];
        if (entry.next != null) {
            entry.next.previous = entry;
        }
        leaf.heads[slot] = entry;
        leaf.entries++;
    }

    private void unlink(Entry entry) {
        Leaf leaf = entry.leaf;
        if (entry.previous == null) {
            leaf.heads[leaf.slotOf(entry.pageNumber)] = entry.next;
        } else {
            entry.previous.next = entry.next;
        }
        if (entry.next != null) {
            entry.next.previous = entry.previous;
        }
        entry.leaf = null;
        entry.previous = null;
        entry.next = null;
        leaf.entries--;
        if (leaf.entries == 0 && leaf != unbacked) {
            leaves.remove(entry.pageNumber >>> LEAF_SHIFT);
        }
    }
}
