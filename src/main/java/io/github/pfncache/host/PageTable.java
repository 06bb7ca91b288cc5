package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.StackRoom;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A sparse table from page number (below 2<sup>44</sup>) to entry: five radix levels, nodes made on first use.
 *
 * <p>{@link #get} takes no lock and sees every entry whole. All other methods run under the lock of the owning family.
 * A reader may hold a leaf that {@link #drop} has dropped: its entries were zeroed first and are never set again, or
 * other tables share it and none is writable. So what such a reader finds was true when it took the leaf, and it finds
 * no frame to write to.
 *
 * <p>A leaf that several tables share never changes again, whichever table keeps it: a table that has something to set
 * there makes a copy of its own first. So it is read without a lock as before, and what two tables share is the same.
 * It has no entry that is writable or armed. A frame has one owner for a leaf that names it, however many tables share
 * that.
 */
final class PageTable {

    /** Page numbers end here: 2<sup>56</sup> bytes of addresses, or of file. */
    static final long PAGES_END = 1L << 44;

    private static final int LEVEL_BITS = 9;
    private static final int FANOUT = 1 << LEVEL_BITS;
    private static final int TOP_SHIFT = 4 * LEVEL_BITS;
    /** Index in a leaf of the number of tables that share it; 0 if no other ever did. */
    private static final int TABLES = FANOUT;
    private static final VarHandle NODE = MethodHandles.arrayElementVarHandle(Object[].class);
    private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

    // Slots: written under the family lock, read by anyone. 44 - 4 * 9 = 8 bits are left for the root.
    private final Object[] root = new Object[1 << 44 - TOP_SHIFT];

    /** What the entries own things of. */
    private final PageStore store;
    private final Visitor readOnly = (page, entry) -> set(page, Pte.readOnly(entry));

    /** An empty table. */
    PageTable(PageStore store) {
        this.store = store;
    }

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
     * Sets an entry, in a leaf of this table's own. Volatile, which pairs with the frame reference that a lock-free
     * reader takes between its two reads of the entry: either the reader sees this, or the thread that set it sees the
     * reference.
     */
    void set(long page, long entry) {
        if (get(page) != entry) {
            ENTRY.setVolatile(leafForSet(page), index(page, 0), entry);
        }
    }

    /** Makes the nodes of a page, so that {@link #set} allocates nothing until they are dropped. */
    void reserve(long page) {
        leafForSet(page);
    }

    /** First page in {@code [page, end)} that has a leaf; {@code end} if none has. Cost: the nodes between. */
    private long nextLeaf(long page, long end) {
        long at = page;
        while (at < end) { // each turn passes one empty subtree
            Object[] node = root;
            int shift = TOP_SHIFT;
            while (node[index(at, shift)] instanceof Object[] inner) { // three inner levels
                node = inner;
                shift -= LEVEL_BITS;
            }
            if (node[index(at, shift)] != null) {
                return at;
            }
            do { // bounded by the children of one node, of which only the first is in the next node
                at = ((at >>> shift) + 1) << shift;
            } while (at < end && index(at, shift) != 0 && node[index(at, shift)] == null);
        }
        return end;
    }

    private static long leafEnd(long page) {
        return (page & -FANOUT) + FANOUT;
    }

    /** First page in {@code [page, end)} with an entry, or -1. Cost: the nodes between, not the pages. */
    long next(long page, long end) {
        for (long at = nextLeaf(page, end); at < end; at = nextLeaf(leafEnd(at), end)) { // bounded by the leaves
            long[] leaf = leaf(at);
            for (int i = index(at, 0); i < FANOUT; i++) {
                if (leaf[i] != 0) {
                    long found = (at & -FANOUT) + i;
                    return found < end ? found : -1;
                }
            }
        }
        return -1;
    }

    /**
     * First page in {@code [page, end)} with an entry here, or {@code shift} pages on in another table, that is not the
     * same by being in a leaf that both share; -1 if there is none.
     */
    long nextUnshared(PageTable other, long shift, long page, long end) {
        long at = page;
        while (at < end) { // bounded by the leaves
            long here = next(at, end);
            long there = other.next(at + shift, end + shift);
            if (here < 0 && there < 0) {
                return -1;
            }
            long first = here < 0 || there >= 0 && there - shift < here ? there - shift : here;
            if (shift != 0 || leaf(first) != other.leaf(first + shift)) { // else one leaf, with other pages of it
                return first;
            }
            at = leafEnd(first);
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

    /** Takes the right to write from the entries in {@code [from, to)}. Allocates nothing: a shared leaf has none. */
    void makeReadOnly(long from, long to) {
        forEach(from, to, readOnly);
    }

    /** So that {@link #drop} of {@code [from, to)} allocates nothing: what stays of shared leaves is copied now. */
    void reserveEnds(long from, long to) {
        reserveEnd(from);
        reserveEnd(to);
    }

    private void reserveEnd(long page) {
        if (index(page, 0) != 0 && leaf(page) != null) {
            reserve(page);
        }
    }

    /**
     * Clears the entries in {@code [from, to)}, each before what it owns is let go of, and drops the leaves that lie
     * there wholly; a shared one as it is.
     */
    void drop(long from, long to) {
        for (long at = nextLeaf(from, to); at < to; at = nextLeaf(leafEnd(at), to)) { // bounded by the leaves
            boolean whole = index(at, 0) == 0 && leafEnd(at) <= to;
            if (!whole && next(at, Math.min(to, leafEnd(at))) < 0) {
                continue; // nothing to clear, nor to copy the others for
            }
            long[] leaf = whole ? leaf(at) : leafForSet(at);
            if (leaf[TABLES] > 0) {
                unlink(at);
                leaf[TABLES]--;
            }
            for (long page = at; leaf[TABLES] == 0 && page < to && page < leafEnd(at); page++) { // at most 512
                long entry = leaf[index(page, 0)];
                if (entry != 0) {
                    set(page, 0);
                    store.drop(entry);
                }
            }
            if (whole) {
                unlink(at);
            }
        }
    }

    private void unlink(long page) {
        NODE.setRelease(nodeForSet(page), index(page, LEVEL_BITS), null);
    }

    /**
     * Gives another table, which has nothing there, what is in {@code [from, to)}, to be copied by the first writer. A
     * whole leaf is shared from then on, and costs nothing if it was before: nothing has changed in it since.
     */
    void shareWith(PageTable child, long from, long to) {
        for (long at = nextLeaf(from, to); at < to; at = nextLeaf(leafEnd(at), to)) { // bounded by the leaves
            long[] leaf = leaf(at);
            boolean whole = index(at, 0) == 0 && leafEnd(at) <= to && child.leaf(at) == null;
            if (whole && (leaf[TABLES] > 0 || freeze(leaf))) {
                NODE.setRelease(child.nodeForSet(at), index(at, LEVEL_BITS), leaf);
                leaf[TABLES]++;
            } else {
                for (long page = at; page < to && page < leafEnd(at); page++) { // at most 512
                    long entry = get(page);
                    if (entry != 0) {
                        child.set(page, Pte.disarmed(Pte.readOnly(entry))); // first: there may be no memory for it
                        store.share(entry);
                        set(page, Pte.readOnly(entry));
                    }
                }
            }
        }
    }

    /** Makes a leaf one that never changes again; false for one that is armed, which has to stay a table's own. */
    private static boolean freeze(long[] leaf) {
        boolean armed = false;
        for (int i = 0; i < FANOUT; i++) {
            armed |= Pte.isArmed(leaf[i]);
            ENTRY.setVolatile(leaf, i, Pte.readOnly(leaf[i]));
        }
        leaf[TABLES] = armed ? 0 : 1;
        return !armed;
    }

    /** The leaf of a page, or null. What its entries own they own once, for all tables that share it. */
    long[] leaf(long page) {
        Object node = NODE.getAcquire(root, index(page, TOP_SHIFT));
        for (int shift = TOP_SHIFT - LEVEL_BITS; shift > 0 && node != null; shift -= LEVEL_BITS) { // three inner levels
            node = NODE.getAcquire((Object[]) node, index(page, shift));
        }
        return (long[]) node;
    }

    /** The last inner node above a page. */
    private Object[] nodeForSet(long page) {
        Object[] node = root;
        for (int shift = TOP_SHIFT; shift > LEVEL_BITS; shift -= LEVEL_BITS) { // three inner levels
            int i = index(page, shift);
            if (node[i] == null) {
                NODE.setRelease(node, i, new Object[FANOUT]);
            }
            node = (Object[]) node[i];
        }
        return node;
    }

    private long[] leafForSet(long page) {
        Object[] node = nodeForSet(page);
        int i = index(page, LEVEL_BITS);
        long[] leaf = (long[]) node[i];
        if (leaf != null && leaf[TABLES] == 0) {
            return leaf;
        }
        StackRoom.require(); // of the frames all get another owner, or none
        long[] own = leaf == null ? new long[TABLES + 1] : leaf.clone();
        own[TABLES] = 0;
        for (int e = 0; leaf != null && leaf[TABLES] > 1 && e < FANOUT; e++) { // else the other's entries become its
            store.share(own[e]);
        }
        if (leaf != null) {
            leaf[TABLES]--;
        }
        NODE.setRelease(node, i, own);
        return own;
    }

    private static int index(long page, int shift) {
        return (int) (page >>> shift) & FANOUT - 1;
    }
}
