package io.github.pfncache.host;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.function.IntUnaryOperator;
import java.util.function.LongUnaryOperator;

/**
 * Ordered and atomic accesses to a heap buffer, where newer platforms offer plain ones only. A stripe of locks, chosen
 * by the 8-byte word, makes them atomic against each other; the lock is also at least as strong as every memory order.
 */
final class HeapAtomics {

    private static final int STRIPES = 64;
    private static final TrackedLock[] LOCKS = new TrackedLock[STRIPES];

    static {
        for (int i = 0; i < STRIPES; i++) {
            LOCKS[i] = new TrackedLock(LockClass.FRAMES);
        }
    }

    private HeapAtomics() {}

    static int getInt(ByteBuffer buffer, int index) {
        return updateInt(buffer, index, now -> now);
    }

    static void putInt(ByteBuffer buffer, int index, int value) {
        updateInt(buffer, index, now -> value);
    }

    /** Applies a function and returns the former value. */
    static int updateInt(ByteBuffer buffer, int index, IntUnaryOperator function) {
        TrackedLock lock = lockOf(index);
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
        TrackedLock lock = lockOf(index);
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

    private static TrackedLock lockOf(int index) {
        return LOCKS[index >>> 3 & STRIPES - 1];
    }
}
