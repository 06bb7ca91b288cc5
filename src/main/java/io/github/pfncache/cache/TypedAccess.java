package io.github.pfncache.cache;

import io.github.pfncache.host.HostMapping;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/**
 * Typed access to bytes of guest memory while they are locked: what {@link GuestAccess} and {@link AreaAccess} share.
 * Offsets are bytes from the start of the window or area; each access is checked from its own width. Values are little
 * endian.
 *
 * <p><b>Plain</b> accesses have no order and any alignment, and are not atomic. <b>Acquire and release</b> accesses are
 * plain ones with a fence: they order what is around them on memory of every kind. <b>Atomic</b> operations and those
 * on bits are sequentially consistent. Where the memory has {@linkplain HostMapping#hasNativeAtomics native atomics},
 * they are the processor's own. Elsewhere they exclude each other by a lock, and write only the bytes that change: a
 * plain store to another byte is never lost, one to a byte that changes at this moment may be; and a load, plain or
 * acquire, may find some of the bytes changed before the others.
 *
 * <p>An atomic operation on a guest's structure is aligned if the structure is: a device refuses a structure that the
 * guest has placed askew when the guest registers it.
 *
 * <p>Not thread-safe, bound to the thread that opened it. Source of the bit maps: {@code set_bit()} and its like.
 *
 * @since 0.1.0
 */
public abstract class TypedAccess implements AutoCloseable {

    // Confined to the thread that opened the access.

    /** The thread that may use this access; null once it is closed, and if it never held a lock. */
    Thread owner;

    Outcome outcome;

    /** For the two accesses of this package, and no others. */
    TypedAccess() {}

    /**
     * Whether the accessors work.
     *
     * @return true iff the memory was checked and the access is not closed
     */
    public abstract boolean isUsable();

    /**
     * How it came out.
     *
     * @return OK if usable; otherwise why not. BUSY means: not without waiting or refreshing
     */
    public final Outcome outcome() {
        return outcome;
    }

    /**
     * Size of the window or area.
     *
     * @return bytes
     */
    public abstract int length();

    /** Ends the access: marks dirty what was written, then drops the lock. Idempotent. */
    @Override
    public abstract void close();

    /** Copies bytes out, at most a window's; they lie inside of the array. */
    abstract void copyOut(int offset, byte[] into, int at, int count);

    /** Copies bytes in; they lie inside of the array. */
    abstract void copyIn(int offset, byte[] from, int at, int count);

    /** Reads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    abstract long get(int offset, int width);

    /** Writes the low 1, 2, 4 or 8 bytes of a number. */
    abstract void put(int offset, int width, long value);

    /**
     * The mapping of bytes that are about to be written, all or some of them, in one page: the page is going to be
     * marked.
     *
     * @throws IllegalArgumentException if they do not lie inside or are not aligned to their width
     */
    abstract HostMapping mappingToWrite(int offset, int width);

    /** Where a byte lies in its page. The access is usable. */
    abstract int inPage(int offset);

    final void requireOwner() {
        if (owner != Thread.currentThread()) {
            throw misuse();
        }
    }

    final IllegalStateException misuse() {
        return new IllegalStateException(
                owner == null ? "access is closed or was refused: " + outcome
                        : owner != Thread.currentThread() ? "access belongs to " + owner
                                : "access was not checked, or the check said no: " + outcome);
    }

    static void requireWidth(int width) {
        if (width < 1 || width > Long.BYTES || Integer.bitCount(width) != 1) {
            throw new IllegalArgumentException("width=" + width + " is not 1, 2, 4 or 8");
        }
    }

    /** The access is usable. */
    final void requireAligned(int offset, int width) {
        if ((inPage(offset) & width - 1) != 0) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width + " is not aligned: byte "
                    + inPage(offset) + " of its page in " + this);
        }
    }

    // ------------------------------------------------------------------ plain

    /**
     * Reads a byte, plain.
     *
     * @param offset bytes from the start
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside
     */
    public final byte getByte(int offset) {
        return (byte) get(offset, Byte.BYTES);
    }

    /**
     * Writes a byte, plain.
     *
     * @param offset bytes from the start
     * @param value the value
     * @throws IllegalArgumentException if it does not lie inside; nothing is written
     */
    public final void putByte(int offset, byte value) {
        put(offset, Byte.BYTES, value);
    }

    /**
     * Reads two bytes, plain.
     *
     * @param offset bytes from the start
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final short getShort(int offset) {
        return (short) get(offset, Short.BYTES);
    }

    /**
     * Writes two bytes, plain.
     *
     * @param offset bytes from the start
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putShort(int offset, short value) {
        put(offset, Short.BYTES, value);
    }

    /**
     * Reads four bytes, plain.
     *
     * @param offset bytes from the start
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final int getInt(int offset) {
        return (int) get(offset, Integer.BYTES);
    }

    /**
     * Writes four bytes, plain.
     *
     * @param offset bytes from the start
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putInt(int offset, int value) {
        put(offset, Integer.BYTES, value);
    }

    /**
     * Reads eight bytes, plain.
     *
     * @param offset bytes from the start
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final long getLong(int offset) {
        return get(offset, Long.BYTES);
    }

    /**
     * Writes eight bytes, plain.
     *
     * @param offset bytes from the start
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putLong(int offset, long value) {
        put(offset, Long.BYTES, value);
    }

    /**
     * Reads bytes, plain.
     *
     * @param offset bytes from the start
     * @param into filled whole
     * @throws IllegalArgumentException if {@code into.length} bytes from there do not lie inside
     */
    public final void get(int offset, byte[] into) {
        copyOut(offset, into, 0, into.length);
    }

    /**
     * Reads bytes, plain, into a part of an array.
     *
     * @param offset bytes from the start
     * @param into receives the bytes
     * @param at index of the first
     * @param count how many
     * @throws IllegalArgumentException if so many bytes from there do not lie inside
     * @throws IndexOutOfBoundsException if they do not lie inside the array
     */
    public final void get(int offset, byte[] into, int at, int count) {
        Objects.checkFromIndexSize(at, count, into.length);
        copyOut(offset, into, at, count);
    }

    /**
     * Writes bytes, plain.
     *
     * @param offset bytes from the start
     * @param from written whole
     * @throws IllegalArgumentException if {@code from.length} bytes from there do not lie inside; nothing is written
     */
    public final void put(int offset, byte[] from) {
        copyIn(offset, from, 0, from.length);
    }

    /**
     * Writes bytes, plain, out of a part of an array.
     *
     * @param offset bytes from the start
     * @param from has the bytes
     * @param at index of the first
     * @param count how many
     * @throws IllegalArgumentException if so many bytes from there do not lie inside; nothing is written
     * @throws IndexOutOfBoundsException if they do not lie inside the array; nothing is written
     */
    public final void put(int offset, byte[] from, int at, int count) {
        Objects.checkFromIndexSize(at, count, from.length);
        copyIn(offset, from, at, count);
    }

    // ------------------------------------------------------------------ acquire and release

    /**
     * Reads two bytes; later accesses stay after it.
     *
     * @param offset bytes from the start; 2-byte aligned in guest memory, with native atomics, for a read that is not
     *     torn
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final short getShortAcquire(int offset) {
        short value = getShort(offset);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Writes two bytes; earlier accesses stay before it.
     *
     * @param offset bytes from the start; 2-byte aligned in guest memory, with native atomics, for a write that is not
     *     torn
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putShortRelease(int offset, short value) {
        VarHandle.releaseFence();
        putShort(offset, value);
    }

    /**
     * Reads four bytes; later accesses stay after it.
     *
     * @param offset bytes from the start; 4-byte aligned in guest memory, with native atomics, for a read that is not
     *     torn
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final int getIntAcquire(int offset) {
        int value = getInt(offset);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Writes four bytes; earlier accesses stay before it.
     *
     * @param offset bytes from the start; 4-byte aligned in guest memory, with native atomics, for a write that is not
     *     torn
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putIntRelease(int offset, int value) {
        VarHandle.releaseFence();
        putInt(offset, value);
    }

    /**
     * Reads eight bytes; later accesses stay after it.
     *
     * @param offset bytes from the start; 8-byte aligned in guest memory, with native atomics, for a read that is not
     *     torn
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside
     */
    public final long getLongAcquire(int offset) {
        long value = getLong(offset);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Writes eight bytes; earlier accesses stay before it.
     *
     * @param offset bytes from the start; 8-byte aligned in guest memory, with native atomics, for a write that is not
     *     torn
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside; nothing is written
     */
    public final void putLongRelease(int offset, long value) {
        VarHandle.releaseFence();
        putLong(offset, value);
    }

    // ------------------------------------------------------------------ atomic

    /**
     * Reads four bytes, computes, and writes them, in one.
     *
     * @param op what to compute
     * @param offset bytes from the start; 4-byte aligned in guest memory
     * @param operand the other operand
     * @return what was there before
     * @throws IllegalArgumentException if they do not lie inside or are not aligned, or for COMPARE_AND_SET; nothing is
     *     written
     */
    public final int atomicInt(AtomicOp op, int offset, int operand) {
        return (int) atomic(op.computing(), offset, Integer.BYTES, operand, 0);
    }

    /**
     * Replaces four bytes if they have an expected value, in one.
     *
     * @param offset bytes from the start; 4-byte aligned in guest memory
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     * @throws IllegalArgumentException if they do not lie inside or are not aligned; nothing is written
     */
    public final boolean compareAndSetInt(int offset, int expected, int value) {
        return (int) atomic(AtomicOp.COMPARE_AND_SET, offset, Integer.BYTES, value, expected) == expected;
    }

    /**
     * Reads eight bytes, computes, and writes them, in one.
     *
     * @param op what to compute
     * @param offset bytes from the start; 8-byte aligned in guest memory
     * @param operand the other operand
     * @return what was there before
     * @throws IllegalArgumentException if they do not lie inside or are not aligned, or for COMPARE_AND_SET; nothing is
     *     written
     */
    public final long atomicLong(AtomicOp op, int offset, long operand) {
        return atomic(op.computing(), offset, Long.BYTES, operand, 0);
    }

    /**
     * Replaces eight bytes if they have an expected value, in one.
     *
     * @param offset bytes from the start; 8-byte aligned in guest memory
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     * @throws IllegalArgumentException if they do not lie inside or are not aligned; nothing is written
     */
    public final boolean compareAndSetLong(int offset, long expected, long value) {
        return atomic(AtomicOp.COMPARE_AND_SET, offset, Long.BYTES, value, expected) == expected;
    }

    final long atomic(AtomicOp op, int offset, int width, long operand, long expected) {
        return op.on(mappingToWrite(offset, width), inPage(offset), width, operand, expected);
    }

    // ------------------------------------------------------------------ bits

    /**
     * Sets a bit of a little-endian bit map, atomically at any alignment. Nothing but the byte that holds the bit can
     * be affected.
     *
     * @param offset start of the map in bytes from the start
     * @param bit number of the bit in the map, not negative
     * @return whether it was set before
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside
     */
    public final boolean testAndSetBit(int offset, int bit) {
        return changeBit(AtomicOp.OR, offset, bit);
    }

    /**
     * Clears a bit of a little-endian bit map; as {@link #testAndSetBit}.
     *
     * @param offset start of the map in bytes from the start
     * @param bit number of the bit in the map, not negative
     * @return whether it was set before
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside
     */
    public final boolean testAndClearBit(int offset, int bit) {
        return changeBit(AtomicOp.AND, offset, bit);
    }

    /**
     * Reads a bit of a little-endian bit map, plain.
     *
     * @param offset start of the map in bytes from the start
     * @param bit number of the bit in the map, not negative
     * @return whether it is set
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside
     */
    public final boolean testBit(int offset, int bit) {
        return (get(bytePosition(offset, bit), Byte.BYTES) >> (bit & 7) & 1) != 0;
    }

    /**
     * Sets a bit by OR or clears it by AND, on the aligned word of the page that holds it: the window may start at any
     * byte. Where that takes a lock, no byte is written but the one that holds the bit.
     */
    private boolean changeBit(AtomicOp op, int offset, int bit) {
        int position = bytePosition(offset, bit);
        HostMapping mapping = mappingToWrite(position, Byte.BYTES);
        int inPage = inPage(position);
        int mask = 1 << (bit & 7) + Byte.SIZE * (inPage & Integer.BYTES - 1);
        int operand = op == AtomicOp.AND ? ~mask : mask;
        return (op.on(mapping, inPage & -Integer.BYTES, Integer.BYTES, operand, 0) & mask) != 0;
    }

    /** The byte of a bit; a bit number that no window can hold becomes an offset that no check lets pass. */
    private static int bytePosition(int offset, int bit) {
        return bit < 0 || offset < 0 ? -1 : (int) Math.min(Integer.MAX_VALUE, (long) offset + (bit >>> 3));
    }
}
