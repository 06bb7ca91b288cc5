package io.github.pfncache.cache;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Predicate;

/**
 * A map from a host page to the caches, or the holds, of that page: a tree in the shape of a page table, with only
 * those nodes that lead to a cache. A walk over a range goes from one cache to the next and looks at nothing in
 * between. So a range without a cache costs the same, however large it is and however many caches there are elsewhere.
 *
 * <p>{@link #add} and {@link #remove} are called by one thread at a time. A walk needs no lock and may overlap with
 * them: it finds every cache that stays at its page throughout, because the nodes that lead there stay where they are.
 * A cache that is added or removed meanwhile it may find or miss.
 */
final class CachesByPage<T> {

    private static final int BITS = 6;
    private static final int FAN_OUT = 1 << BITS;

    /** Shift of the root: seven levels below it and 64 parts of its own cover 48 bits; page numbers have 44. */
    private static final int TOP = 7 * BITS;

    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);

    private final Node root = new Node();

    /** A part of the tree: 64 further nodes, or at the lowest level the caches of 64 pages, as far as there are any. */
    private static final class Node {
        /** Accessed through CHILD: nodes, or arrays of caches, null where there was one. */
        private final Object[] children = new Object[FAN_OUT];

        /** One bit for each child that is not null: set before the child, cleared after it. No child lacks its bit. */
        private volatile long occupied;

        private Object child(int i) {
            return CHILD.getAcquire(children, i);
        }

        private void put(int i, Object child) {
            occupied |= 1L << i; // one writer at a time
            CHILD.setRelease(children, i, child);
        }

        private boolean clear(int i) {
            CHILD.setRelease(children, i, null);
            occupied &= ~(1L << i);
            return occupied == 0;
        }
    }

    /** Adds a cache to a page; costs as many steps as the page has caches. */
    void add(long page, T cache) {
        Node node = root;
        for (int shift = TOP; shift > 0; shift -= BITS) { // seven levels
            int i = part(page, shift);
            Node next = (Node) node.child(i);
            if (next == null) {
                next = new Node();
                node.put(i, next);
            }
            node = next;
        }
        int i = part(page, 0);
        Object[] caches = (Object[]) node.child(i);
        int count = caches == null ? 0 : caches.length;
        int at = 0;
        while (at < count && caches[at] != null) { // bounded by the caches that the page had at once
            at++;
        }
        if (at < count) {
            CHILD.setRelease(caches, at, cache);
        } else {
            Object[] more = count == 0 ? new Object[1] : Arrays.copyOf(caches, 2 * count);
            more[count] = cache;
            node.put(i, more);
        }
    }

    /** Removes a cache from a page, if it is there, and every node that is empty then. Allocates nothing. */
    void remove(long page, T cache) {
        remove(root, TOP, page, cache);
    }

    /** Whether the node is left empty. The recursion is as deep as the tree. */
    private static boolean remove(Node node, int shift, long page, Object cache) {
        int i = part(page, shift);
        Object child = node.child(i);
        boolean left = child instanceof Node below ? remove(below, shift - BITS, page, cache)
                : child == null || removeFrom((Object[]) child, cache);
        return left && node.clear(i);
    }

    /** Whether no cache is left. */
    private static boolean removeFrom(Object[] caches, Object cache) {
        boolean none = true;
        for (int i = 0; i < caches.length; i++) { // bounded by the caches that the page had at once
            if (caches[i] == cache) {
                CHILD.setRelease(caches, i, null);
            }
            none &= caches[i] == null;
        }
        return none;
    }

    /**
     * Visits the caches of some pages, until one answers false.
     *
     * @param first number of the first page
     * @param last number of the last page
     * @return false iff a visit did
     */
    boolean walk(long first, long last, Predicate<? super T> visit) {
        return walk(root, TOP, first, last, visit);
    }

    private static <T> boolean walk(Node node, int shift, long first, long last, Predicate<? super T> visit) {
        int from = part(first, shift);
        int to = part(last, shift);
        long wanted = node.occupied & -1L << from & -1L >>> FAN_OUT - 1 - to;
        while (wanted != 0) { // bounded by the 64 parts: each turn clears a bit
            int i = Long.numberOfTrailingZeros(wanted);
            wanted &= wanted - 1;
            Object child = node.child(i);
            // A part in the middle of the range is wanted from its first page to its last.
            if (child instanceof Node below
                    ? !walk(below, shift - BITS, i == from ? first : 0, i == to ? last : -1, visit)
                    : child != null && !visitAll((Object[]) child, visit)) {
                return false;
            }
        }
        return true;
    }

    @SuppressWarnings("unchecked") // what was added
    private static <T> boolean visitAll(Object[] caches, Predicate<? super T> visit) {
        for (int i = 0; i < caches.length; i++) { // bounded by the caches that the page had at once
            Object cache = CHILD.getAcquire(caches, i);
            if (cache != null && !visit.test((T) cache)) {
                return false;
            }
        }
        return true;
    }

    private static int part(long page, int shift) {
        return (int) (page >>> shift) & FAN_OUT - 1;
    }
}
