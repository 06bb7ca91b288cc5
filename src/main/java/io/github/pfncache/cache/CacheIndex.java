package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
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
     * Visits the caches whose page lies in a range, with the index locked, until one answers false.
     *
     * @return false iff a visit did
     */
    boolean walk(HvaRange range, Predicate<GfnPfnCache> visit) {
        lock.lock();
        try {
            return walkLocked(range, visit);
        } finally {
            lock.unlock();
        }
    }

    private boolean walkLocked(HvaRange range, Predicate<GfnPfnCache> visit) {
        long first = range.start() >>> Pages.PAGE_SHIFT;
        long last = (range.end() >>> Pages.PAGE_SHIFT) - 1;
        if ((last >>> LEAF_SHIFT) - (first >>> LEAF_SHIFT) >= leaves.size()) {
            return walkEveryLeaf(first, last, visit);
        }
        // Bounded by the number of leaves, and by the size of the range.
        for (long key = first >>> LEAF_SHIFT; key <= last >>> LEAF_SHIFT; key++) {
            Leaf leaf = leaves.get(key);
            if (leaf != null && !walkLeaf(leaf, key, first, last, visit)) {
                return false;
            }
        }
        return true;
    }

    private boolean walkEveryLeaf(long first, long last, Predicate<GfnPfnCache> visit) {
        for (Map.Entry<Long, Leaf> each : leaves.entrySet()) { // bounded by the number of leaves
            if (!walkLeaf(each.getValue(), each.getKey(), first, last, visit)) {
                return false;
            }
        }
        return true;
    }

    private static boolean walkLeaf(Leaf leaf, long key, long first, long last, Predicate<GfnPfnCache> visit) {
        long start = Math.max(first, key << LEAF_SHIFT);
        long end = Math.min(last, (key << LEAF_SHIFT) + LEAF_PAGES - 1);
        for (long page = start; page <= end; page++) { // bounded by the 512 pages of a leaf
            for (Entry e = leaf.heads[leaf.slotOf(page)]; e != null; e = e.next) { // bounded by the caches of one page
                if (!visit.test(e.cache)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Visits every listed cache, with the index locked throughout: one that moves to or from a page is not missed. */
    void forEach(Consumer<GfnPfnCache> visit) {
        lock.lock();
        try {
            walkLocked(HvaRange.WHOLE, cache -> {
                visit.accept(cache);
                return true;
            });
            for (Entry e = unbacked.heads[0]; e != null; e = e.next) { // bounded by the caches without a page
                visit.accept(e.cache);
            }
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
