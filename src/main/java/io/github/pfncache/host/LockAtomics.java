package io.github.pfncache.host;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.function.LongUnaryOperator;

/**
 * Ordered and atomic accesses to a buffer on which the platform offers plain ones only: on the heap of newer platforms,
 * and wherever the pages do not begin at a multiple of 8. A stripe of locks, chosen by the 8-byte word, makes them
 * atomic against each other; the lock is also at least as strong as every memory order.
 *
 * <p>The word is found by where the bytes are, not by their index in one buffer: two blocks cut from the same memory
 * take the same lock for the same bytes, if they lie a multiple of 8 apart.
 */
final class LockAtomics {

    private static final int STRIPES = 64;
    /** So many bytes until the stripes are used again: a power of two, as a unit of alignment has to be. */
    private static final int PERIOD = STRIPES * Long.BYTES;

    private static final TrackedLock[] LOCKS = new TrackedLock[STRIPES];

    /** Whether ordered and atomic accesses work on the heap of this platform, where they are aligned. */
    private static final boolean NATIVE_ON_HEAP = tryOn(ByteBuffer.allocate(Long.BYTES));

    static {
        for (int i = 0; i < STRIPES; i++) {
            LOCKS[i] = new TrackedLock(LockClass.FRAMES);
        }
    }

    private LockAtomics() {}

    /**
     * Whether the platform's own ordered and atomic accesses work on every aligned offset of the pages that begin at an
     * index of a buffer, so that nothing of this class is needed.
     */
    static boolean areNative(ByteBuffer buffer, int index) {
        return (buffer.isDirect() || NATIVE_ON_HEAP) && place(buffer, index) % Long.BYTES == 0;
    }

    /** Asks the platform itself: what it allows on the heap has changed between releases. */
    private static boolean tryOn(ByteBuffer heap) {
        try {
            return PageBytes.LONG.compareAndSet(heap, 0, 0L, 1L) && PageBytes.INT.getVolatile(heap, 0) != null;
        } catch (IllegalStateException | UnsupportedOperationException e) {
            return false; // the refusal is the answer
        }
    }

    /** Where a byte is: its address modulo {@link #PERIOD}, or its index in the array, which begins at a multiple. */
    private static int place(ByteBuffer buffer, int index) {
        return buffer.isDirect() ? buffer.alignmentOffset(index, PERIOD) : buffer.arrayOffset() + index;
    }

    static long get(ByteBuffer buffer, int index, int width) {
        return update(buffer, index, width, now -> now);
    }

    /** Writes all the bytes, in one store. */
    static void put(ByteBuffer buffer, int index, int width, long value) {
        getAndSet(buffer, index, width, value);
    }

    /** Writes all the bytes, in one store, and returns what was there. */
    static long getAndSet(ByteBuffer buffer, int index, int width, long value) {
        TrackedLock lock = lockOf(buffer, index);
        lock.lock();
        try {
            long former = HostWindow.get(buffer, index, width);
            HostWindow.put(buffer, index, width, value);
            return former;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Applies a function and returns the former value. Writes the bytes that change and no others: a plain store to
     * another one, which may be of somebody who has no part in this, is not lost.
     */
    static long update(ByteBuffer buffer, int index, int width, LongUnaryOperator function) {
        TrackedLock lock = lockOf(buffer, index);
        lock.lock();
        try {
            long former = HostWindow.get(buffer, index, width);
            long next = function.applyAsLong(former);
            write(buffer, index, width, next, former ^ next);
            return former;
        } finally {
            lock.unlock();
        }
    }

    /** In as few stores as the bytes that change allow: halves the word until all or none of a part does. */
    private static void write(ByteBuffer buffer, int index, int width, long value, long changes) {
        int changed = 0;
        for (int i = 0; i < width; i++) { // at most eight bytes
            changed += (changes >>> i * Byte.SIZE & 0xff) != 0 ? 1 : 0;
        }
        if (changed == width) {
            HostWindow.put(buffer, index, width, value);
        } else if (changed != 0) {
            int half = width / 2;
            write(buffer, index, half, value, changes);
            write(buffer, index + half, half, value >>> half * Byte.SIZE, changes >>> half * Byte.SIZE);
        }
    }

    private static TrackedLock lockOf(ByteBuffer buffer, int index) {
        return LOCKS[place(buffer, index) >>> 3 & STRIPES - 1];
    }
}
