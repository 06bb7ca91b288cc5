package io.github.pfncache.memslot;

/**
 * A link of a chain. Any thread walks the chain, one thread at a time changes it; to remove a link allocates nothing.
 */
abstract class Linked<T extends Linked<T>> {

    volatile T next;

    /** The chain with one more in front; the same if it is a link already. */
    static <T extends Linked<T>> T with(T first, T one) {
        for (T at = first; at != null; at = at.next) { // bounded by the chain
            if (at == one) {
                return first;
            }
        }
        one.next = first;
        return one;
    }

    /** The chain without one; the same if it is no link. A thread that is at the link walks on from there. */
    static <T extends Linked<T>> T without(T first, T one) {
        if (first == one) {
            return one.next;
        }
        for (T at = first; at != null; at = at.next) { // bounded by the chain
            if (at.next == one) {
                at.next = one.next;
            }
        }
        return first;
    }
}
