package io.github.pfncache.host;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.function.IntUnaryOperator;
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

    static int getInt(ByteBuffer buffer, int index) {
        return updateInt(buffer, index, now -> now);
    }

    static void putInt(ByteBuffer buffer, int index, int value) {
        updateInt(buffer, index, now -> value);
    }

    /** Applies a function and returns the former value. */
    static int updateInt(ByteBuffer buffer, int index, IntUnaryOperator function) {
        TrackedLock lock = lockOf(buffer, index);
        lock.lock();
        try {
            int former = buffer.getInt(index);
            int next = function.applyAsInt(former);
            if (next != former) {
                buffer.putInt(index, next);
            }
            return former;
        } finally {
            lock.unlock();
        }
    }

    static long getLong(ByteBuffer buffer, int index) {
        return updateLong(buffer, index, now -> now);
    }

    static void putLong(ByteBuffer buffer, int index, long value) {
        updateLong(buffer, index, now -> value);
    }

    /** Applies a function and returns the former value. */
    static long updateLong(ByteBuffer buffer, int index, LongUnaryOperator function) {
        TrackedLock lock = lockOf(buffer, index);
        lock.lock();
        try {
            long former = buffer.getLong(index);
            long next = function.applyAsLong(former);
            if (next != former) {
                buffer.putLong(index, next);
            }
            return former;
        } finally {
            lock.unlock();
        }
    }

    private static TrackedLock lockOf(ByteBuffer buffer, int index) {
        return LOCKS[place(buffer, index) >>> 3 & STRIPES - 1];
    }
}
