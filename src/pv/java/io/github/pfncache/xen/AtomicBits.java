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
        take(bit);
    }

    /** Removes a member; false if it was none. */
    boolean take(int bit) {
        long mask = 1L << bit;
        return (words.getAndAccumulate(bit / Long.SIZE, mask, (word, less) -> word & ~less) & mask) != 0;
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
        for (int i = 0; i < words.length(); i++) { // bounded by the size
            words.set(i, 0);
        }
    }

    /** The first member that is not less; -1 if there is none. Takes no memory. */
    int next(int from) {
        for (int i = from / Long.SIZE; i < words.length(); i++) { // bounded by the size
            long left = words.get(i) & (i == from / Long.SIZE ? -1L << from : -1L);
            if (left != 0) {
                return i * Long.SIZE + Long.numberOfTrailingZeros(left);
            }
        }
        return -1;
    }

    /** Visits the members. Those that come or go meanwhile may or may not be visited. */
    void forEach(IntConsumer visitor) {
        for (int bit = next(0); bit >= 0; bit = next(bit + 1)) { // bounded by the size
            visitor.accept(bit);
        }
    }
}
