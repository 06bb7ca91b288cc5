package io.github.pfncache.xen;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.IntConsumer;

/** A set of small numbers. Each operation is atomic and never waits; thread-safe in any context. */
final class AtomicBits {

    private final AtomicLongArray words;

    AtomicBits(int size) {
        words = new AtomicLongArray((size + Long.SIZE - 1) / Long.SIZE);
    }

    void set(int bit) {
        long mask = 1L << bit;
        words.accumulateAndGet(bit / Long.SIZE, mask, (word, more) -> word | more);
    }

    void clear(int bit) {
        long mask = 1L << bit;
        words.accumulateAndGet(bit / Long.SIZE, mask, (word, less) -> word & ~less);
    }

    boolean isSet(int bit) {
        return (words.get(bit / Long.SIZE) >>> bit & 1) != 0;
    }

    /** Whether it has no members. One that comes meanwhile may or may not be seen. */
    boolean isEmpty() {
        for (int i = 0; i < words.length(); i++) { // bounded by the size
            if (words.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    void clearAll() {
        takeEach(bit -> {});
    }

    /** Visits the members. Those that come or go meanwhile may or may not be visited. */
    void forEach(IntConsumer visitor) {
        for (int i = 0; i < words.length(); i++) { // bounded by the size
            visit(i, words.get(i), visitor);
        }
    }

    /** Removes each member and visits it. One that is added again by the visitor is not visited again. */
    void takeEach(IntConsumer visitor) {
        for (int i = 0; i < words.length(); i++) { // bounded by the size
            if (words.get(i) != 0) {
                visit(i, words.getAndSet(i, 0), visitor);
            }
        }
    }

    private static void visit(int index, long members, IntConsumer visitor) {
        for (long left = members; left != 0; left &= left - 1) { // bounded by the bits of a word
            visitor.accept(index * Long.SIZE + Long.numberOfTrailingZeros(left));
        }
    }
}
