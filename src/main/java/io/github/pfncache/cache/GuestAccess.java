package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostWindow;

/**
 * One access to the window of a {@link GfnPfnCache}: owns the read side of the cache's lock, and is the only way to its
 * mapping. Bound to the thread that opened it, and to the time until {@link #close}.
 *
 * <p>Offsets are bytes from the start of the window; every accessor is checked against the window's length from the
 * width it accesses. All values are little endian, at any alignment. Plain accessors are not atomic; those that are say
 * so. {@link #close} marks a page that was written dirty before it drops the lock: the mark cannot be forgotten, and
 * cannot come too late.
 *
 * <p>While it is open, an invalidation of the page waits for it. So keep it for a few instructions, do nothing inside
 * that waits, and open no second access but by {@link GfnPfnCache#tryAccess}.
 *
 * <p>An access that is not {@linkplain #isUsable() usable} holds no lock and its accessors throw; its {@link #outcome}
 * says why. An access that came from {@link GfnPfnCache#readLock} becomes usable by {@link #check}.
 *
 * <p>Not thread-safe, by intent. Kernel counterpart: the span from {@code read_lock(&gpc->lock)} to
 * {@code read_unlock()}.
 *
 * @since 0.1.0
 */
public final class GuestAccess implements AutoCloseable {

    private final GuardedMapping mapping;
    private final int length;

    /** What the read side is given back with. */
    private final int hold;

    // Confined to the thread that opened the access.

    /** The thread that may use this access; null once it is closed or when it never held the lock. */
    private Thread owner;
    /** What the accessors go through; null unless usable. */
    private HostWindow window;
    private Outcome outcome;
    private boolean written;

    /**
     * An access with what came of locking: a hold of the read side, checked, or a {@link Hold refusal}. The caller
     * makes it in one place for both, so that the compiler can keep it in registers.
     */
    GuestAccess(GuardedMapping mapping, int length, int hold) {
        boolean held = Hold.isHold(hold);
        this.mapping = mapping;
        this.length = length;
        this.hold = hold;
        this.owner = held ? Thread.currentThread() : null;
        this.window = held ? mapping.window() : null;
        this.outcome = Hold.outcomeOf(hold);
    }

    /** An access whose thread holds the read side, not yet checked; or that got no hold, and never is usable. */
    GuestAccess(GuardedMapping mapping, int length, int hold, Outcome outcome) {
        this.mapping = mapping;
        this.length = length;
        this.hold = hold;
        this.owner = Thread.currentThread();
        this.outcome = outcome;
    }

    /**
     * Asks, with the lock held, whether the window may be used. The answer holds until {@link #close}.
     *
     * @return true iff it may; false also if the lock was not available in time
     * @throws IllegalStateException if this access is closed, was refused, or belongs to another thread
     */
    public boolean check() {
        requireOwner();
        if (window == null && Hold.isHold(hold)) {
            if (mapping.check()) {
                window = mapping.window();
                outcome = Outcome.OK;
            } else if (!mapping.isActive()) {
                outcome = Outcome.INACTIVE;
            }
        }
        return window != null;
    }

    /**
     * Whether the accessors work.
     *
     * @return true iff the window was checked and the access is not closed
     */
    public boolean isUsable() {
        return window != null;
    }

    /**
     * How it came out.
     *
     * @return OK if usable; otherwise why not. BUSY means: not without waiting or refreshing
     */
    public Outcome outcome() {
        return outcome;
    }

    /**
     * Size of the window.
     *
     * @return bytes, 1 to 4096
     */
    public int length() {
        return length;
    }

    /** Ends the access: marks the page dirty if it was written, then drops the lock. Idempotent. */
    @Override
    public void close() {
        if (owner == null) {
            return;
        }
        requireOwner();
        owner = null;
        window = null;
        try {
            if (written) {
                mapping.markDirty(); // under the lock: afterwards the cache may point elsewhere [rule L12]
            }
        } finally {
            mapping.lock.readUnlock(hold);
        }
    }

    private HostWindow forReading(int offset, int width) {
        HostWindow usable = window;
        if (usable == null || owner != Thread.currentThread()) {
            throw misuse();
        }
        mapping.requireInside(offset, width);
        return usable;
    }

    private HostWindow forWriting(int offset, int width) {
        HostWindow usable = forReading(offset, width);
        written |= width > 0; // before the write: an exception in it must not lose the mark
        return usable;
    }

    /** Reads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    long get(int offset, int width) {
        return forReading(offset, width).get(offset, width);
    }

    /** Writes the low 1, 2, 4 or 8 bytes of a number. */
    void put(int offset, int width, long value) {
        forWriting(offset, width).put(offset, width, value);
    }

    private IllegalStateException misuse() {
        return new IllegalStateException(
                owner == null ? "access is closed or was refused: " + outcome
                        : owner != Thread.currentThread() ? "access belongs to " + owner
                                : "access was not checked, or the check said no: " + outcome);
    }

    void requireOwner() {
        if (owner != Thread.currentThread()) {
            throw misuse();
        }
    }

    /**
     * Reads a byte, plain.
     *
     * @param offset bytes from the start of the window
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public byte getByte(int offset) {
        return (byte) get(offset, 1);
    }

    /**
     * Writes a byte, plain.
     *
     * @param offset bytes from the start of the window
     * @param value the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public void putByte(int offset, byte value) {
        put(offset, 1, value);
    }

    /**
     * Reads two bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public short getShort(int offset) {
        return (short) get(offset, 2);
    }

    /**
     * Writes two bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public void putShort(int offset, short value) {
        put(offset, 2, value);
    }

    /**
     * Reads four bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public int getInt(int offset) {
        return (int) get(offset, 4);
    }

    /**
     * Writes four bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public void putInt(int offset, int value) {
        put(offset, 4, value);
    }

    /**
     * Reads eight bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @return the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public long getLong(int offset) {
        return get(offset, 8);
    }

    /**
     * Writes eight bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @param value the value
     * @throws IllegalArgumentException if they do not lie inside the window
     */
    public void putLong(int offset, long value) {
        put(offset, 8, value);
    }

    /**
     * Reads bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @param into filled whole
     * @throws IllegalArgumentException if {@code into.length} bytes from there do not lie inside the window
     */
    public void get(int offset, byte[] into) {
        forReading(offset, into.length).get(offset, into, 0, into.length);
    }

    /**
     * Writes bytes, plain.
     *
     * @param offset bytes from the start of the window
     * @param from written whole
     * @throws IllegalArgumentException if {@code from.length} bytes from there do not lie inside the window
     */
    public void put(int offset, byte[] from) {
        forWriting(offset, from.length).put(offset, from, 0, from.length);
    }

    /**
     * Sets a bit of a little-endian bit map, atomically at any alignment, with the effect of a full fence. Nothing but
     * the byte that holds the bit can be affected. On memory without {@linkplain
     * io.github.pfncache.host.HostMapping#hasNativeAtomics native atomics} it is atomic against other operations on
     * bits and all ordered and atomic accesses; a plain store to this very byte at the same moment may be lost.
     *
     * @param offset start of the map in bytes from the start of the window
     * @param bit number of the bit in the map, not negative
     * @return whether it was set before
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside the window
     */
    public boolean testAndSetBit(int offset, int bit) {
        int position = bytePosition(offset, bit);
        HostWindow usable = forWriting(position, 1);
        int inPage = usable.start() + position;
        int mask = maskInWord(inPage, bit);
        return (usable.mapping().getAndBitwiseOrInt(wordOf(inPage), mask) & mask) != 0;
    }

    /**
     * Clears a bit of a little-endian bit map, atomically at any alignment, with the effect of a full fence. Nothing
     * but the byte that holds the bit can be affected. On memory without {@linkplain
     * io.github.pfncache.host.HostMapping#hasNativeAtomics native atomics} it is atomic against other operations on
     * bits and all ordered and atomic accesses; a plain store to this very byte at the same moment may be lost.
     *
     * @param offset start of the map in bytes from the start of the window
     * @param bit number of the bit in the map, not negative
     * @return whether it was set before
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside the window
     */
    public boolean testAndClearBit(int offset, int bit) {
        int position = bytePosition(offset, bit);
        HostWindow usable = forWriting(position, 1);
        int inPage = usable.start() + position;
        int mask = maskInWord(inPage, bit);
        return (usable.mapping().getAndBitwiseAndInt(wordOf(inPage), ~mask) & mask) != 0;
    }

    // A bit changes by an atomic operation on the aligned word of the page that holds it: the window may start at any
    // byte. Where that takes a lock, no byte is written but the one that holds the bit.

    private static int wordOf(int positionInPage) {
        return positionInPage & -Integer.BYTES;
    }

    private static int maskInWord(int positionInPage, int bit) {
        return 1 << (bit & 7) + Byte.SIZE * (positionInPage & Integer.BYTES - 1);
    }

    /**
     * Reads a bit of a little-endian bit map.
     *
     * @param offset start of the map in bytes from the start of the window
     * @param bit number of the bit in the map, not negative
     * @return whether it is set
     * @throws IllegalArgumentException if the byte that holds the bit does not lie inside the window
     */
    public boolean testBit(int offset, int bit) {
        int position = bytePosition(offset, bit);
        return (forReading(position, 1).get(position, 1) >> (bit & 7) & 1) != 0;
    }

    /** The byte of a bit; a bit number that no window can hold becomes an offset that no check lets pass. */
    private static int bytePosition(int offset, int bit) {
        return bit < 0 || offset < 0 ? -1 : (int) Math.min(Integer.MAX_VALUE, (long) offset + (bit >>> 3));
    }

    @Override
    public String toString() {
        return "GuestAccess[" + outcome + (owner == null ? " closed" : "") + " length=" + length + "]";
    }
}
