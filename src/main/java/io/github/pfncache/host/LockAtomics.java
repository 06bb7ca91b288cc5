package io.github.pfncache.host;

import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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

    static final VarHandle SHORT = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

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
            return LONG.compareAndSet(heap, 0, 0L, 1L) && INT.getVolatile(heap, 0) != null;
        } catch (IllegalStateException | UnsupportedOperationException e) {
            return false; // the refusal is the answer
        }
    }

    /** Where a byte is: its address modulo {@link #PERIOD}, or its index in the array, which begins at a multiple. */
    private static int place(ByteBuffer buffer, int index) {
        return buffer.isDirect() ? buffer.alignmentOffset(index, PERIOD) : buffer.arrayOffset() + index;
    }

    /** Reads 1, 2, 4 or 8 bytes with no ordering, at any alignment, sign-extended. */
    static long plainGet(ByteBuffer bytes, int offset, int width) {
        return switch (width) {
            case Byte.BYTES -> bytes.get(offset);
            case Short.BYTES -> (short) SHORT.get(bytes, offset);
            case Integer.BYTES -> (int) INT.get(bytes, offset);
            case Long.BYTES -> (long) LONG.get(bytes, offset);
            default -> throw badWidth(width);
        };
    }

    /** Writes 1, 2, 4 or 8 bytes with no ordering, at any alignment. */
    static void plainPut(ByteBuffer bytes, int offset, int width, long value) {
        switch (width) {
            case Byte.BYTES -> bytes.put(offset, (byte) value);
            case Short.BYTES -> SHORT.set(bytes, offset, (short) value);
            case Integer.BYTES -> INT.set(bytes, offset, (int) value);
            case Long.BYTES -> LONG.set(bytes, offset, value);
            default -> throw badWidth(width);
        }
    }

    private static IllegalArgumentException badWidth(int width) {
        return new IllegalArgumentException("width=" + width + " is not 1, 2, 4 or 8");
    }

    /**
     * Applies a function and returns the former value. Writes the bytes that change and no others: a plain store of
     * another thread to another byte is not lost.
     */
    static long update(ByteBuffer buffer, int index, int width, LongUnaryOperator function) {
        TrackedLock lock = lockOf(buffer, index);
        lock.lock();
        try {
            long former = plainGet(buffer, index, width);
            Interleaving.reached("host.word.read");
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
            plainPut(buffer, index, width, value);
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
