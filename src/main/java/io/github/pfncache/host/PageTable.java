package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A sparse table from page number (below 2<sup>44</sup>) to entry: five radix levels, nodes made on first use.
 *
 * <p>{@link #get} takes no lock and sees every entry whole. All other methods run under the lock of the owning family.
 * A reader may hold a leaf that {@link #prune} has dropped: its entries were zeroed first and are never set again, so
 * such a reader finds nothing, which is always a true answer of the moment at which it took the leaf.
 */
final class PageTable {

    /** Page numbers end here: 2<sup>56</sup> bytes of addresses, or of file. */
    static final long PAGES_END = 1L << 44;

    private static final int LEVEL_BITS = 9;
    private static final int FANOUT = 1 << LEVEL_BITS;
    private static final int TOP_SHIFT = 4 * LEVEL_BITS;
    private static final VarHandle NODE = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

    // Slots: written under the family lock, read by anyone. 44 - 4 * 9 = 8 bits are left for the root.
    private final Object[] root = new Object[1 << 44 - TOP_SHIFT];

    static long hvaOf(long page) {
        return page << Pages.PAGE_SHIFT;
    }

    static HvaRange rangeOf(long from, long to) {
        return new HvaRange(hvaOf(from), hvaOf(to));
    }

    static long firstPage(HvaRange range) {
        return range.start() >>> Pages.PAGE_SHIFT;
    }

    static long endPage(HvaRange range) {
        return range.end() >>> Pages.PAGE_SHIFT;
    }

    long get(long page) {
        long[] leaf = leaf(page);
        return leaf == null ? 0 : (long) ENTRY.getVolatile(leaf, index(page, 0));
    }

    /**
     * Sets an entry. Volatile, which pairs with the frame reference that a lock-free reader takes between its two reads
     * of the entry: either the reader sees this, or the thread that set it sees the reference.
     */
    void set(long page, long entry) {
        long[] leaf = entry == 0 ? leaf(page) : leafForSet(page);
        if (leaf != null) {
            ENTRY.setVolatile(leaf, index(page, 0), entry);
        }
    }

    /** Makes the nodes of a page, so that {@link #set} allocates nothing until they are pruned. */
    void reserve(long page) {
        leafForSet(page);
    }

    /** First page in {@code [page, end)} with an entry, or -1. Cost: the nodes between, not the pages. */
    long next(long page, long end) {
        long at = page;
        while (at < end) { // each turn passes one empty subtree or one leaf
            Object[] node = root;
            int shift = TOP_SHIFT;
            Object child = node[index(at, shift)];
            while (child instanceof Object[] inner) { // three inner levels
                node = inner;
                shift -= LEVEL_BITS;
                child = node[index(at, shift)];
            }
            if (child instanceof long[] leaf) {
                for (int i = index(at, 0); i < FANOUT; i++) {
                    if (leaf[i] != 0) {
                        long found = (at & -FANOUT) + i;
                        return found < end ? found : -1;
                    }
                }
            }
            do { // bounded by the children of one node, of which only the first is in the next node
                at = ((at >>> shift) + 1) << shift;
            } while (at < end && index(at, shift) != 0 && node[index(at, shift)] == null);
        }
        return -1;
    }

    /** Shown one entry; may change it and later ones. */
    interface Visitor {
        void visit(long page, long entry);
    }

    /** Visits every entry in {@code [page, end)}, ascending. */
    void forEach(long page, long end, Visitor visitor) {
        for (long at = next(page, end); at >= 0; at = next(at + 1, end)) { // bounded by the entries of the range
            visitor.visit(at, get(at));
        }
    }

    /** Drops the leaves that lie wholly in {@code [page, end)}; their entries are all zero. */
    void prune(long page, long end) {
        long at = (page + FANOUT - 1) & -FANOUT;
        while (at + FANOUT <= end) { // each turn passes one empty subtree or one leaf
            Object[] node = root;
            int shift = TOP_SHIFT;
            while (shift > LEVEL_BITS && node[index(at, shift)] instanceof Object[] inner) { // three inner levels
                node = inner;
                shift -= LEVEL_BITS;
            }
            if (shift == LEVEL_BITS) {
                NODE.setRelease(node, index(at, shift), null);
            }
            at = ((at >>> shift) + 1) << shift;
        }
    }

    private long[] leaf(long page) {
        Object node = NODE.getAcquire(root, index(page, TOP_SHIFT));
        for (int shift = TOP_SHIFT - LEVEL_BITS; shift > 0 && node != null; shift -= LEVEL_BITS) { // three inner levels
            node = NODE.getAcquire((Object[]) node, index(page, shift));
        }
        return (long[]) node;
    }

    private long[] leafForSet(long page) {
        Object[] node = root;
        for (int shift = TOP_SHIFT; shift > LEVEL_BITS; shift -= LEVEL_BITS) { // three inner levels
            int i = index(page, shift);
            if (node[i] == null) {
                NODE.setRelease(node, i, new Object[FANOUT]);
            }
            node = (Object[]) node[i];
        }
        int i = index(page, LEVEL_BITS);
        if (node[i] == null) {
            NODE.setRelease(node, i, new long[FANOUT]);
        }
        return (long[]) node[i];
    }

    private static int index(long page, int shift) {
        return (int) (page >>> shift) & FANOUT - 1;
    }
}
