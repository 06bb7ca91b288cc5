package io.github.pfncache.host;

import java.nio.ByteBuffer;

/**
 * Some consecutive bytes of one mapped page: typed little-endian access to them, with no ordering and at any alignment,
 * and to nothing else of the page. Offsets count from its first byte. Not atomic.
 *
 * <p>An access costs what it costs on a {@link ByteBuffer} of just these bytes, which checks it: one that would leave
 * the window is an {@link IndexOutOfBoundsException} and touches nothing.
 *
 * <p>Immutable, so a thread that finds one by a race finds a whole one. Usable as long as its mapping is. Through a
 * stale window an access reads memory of the family: see {@link HostMapping}.
 *
 * <p>Kernel counterpart: {@code khva} plus the offset of {@code gpa} in its page, with the length.
 *
 * @since 0.1.0
 */
public final class HostWindow {

    private final ByteBuffer bytes;
    private final HostMapping mapping;
    private final int start;

    HostWindow(HostMapping mapping, int start, ByteBuffer bytes) {
        this.bytes = bytes;
        this.mapping = mapping;
        this.start = start;
    }

    /**
     * The mapping of the whole page.
     *
     * @return the khva
     */
    public HostMapping mapping() {
        return mapping;
    }

    /**
     * Where the window starts.
     *
     * @return byte in the page
     */
    public int start() {
        return start;
    }

    /**
     * Size of the window.
     *
     * @return bytes, 1 to 4096
     */
    public int length() {
        return bytes.capacity();
    }

    /**
     * Reads a number.
     *
     * @param offset byte in the window
     * @param width 1, 2, 4 or 8 bytes; fastest where it is a constant
     * @return the value, sign-extended
     * @throws IndexOutOfBoundsException if it leaves the window
     * @throws IllegalArgumentException for another width
     */
    public long get(int offset, int width) {
        return get(bytes, offset, width);
    }

    /**
     * Writes the low bytes of a number.
     *
     * @param offset byte in the window
     * @param width 1, 2, 4 or 8 bytes; fastest where it is a constant
     * @param value the value; bytes beyond the width do not matter
     * @throws IndexOutOfBoundsException if it leaves the window; nothing is written
     * @throws IllegalArgumentException for another width
     */
    public void put(int offset, int width, long value) {
        put(bytes, offset, width, value);
    }

    /**
     * The bytes as a buffer of just these: for accesses so frequent that one object less on the way counts.
     *
     * @return the same buffer each time; to be used with {@link #get(ByteBuffer, int, int)} and its counterpart
     */
    public ByteBuffer bytes() {
        return bytes;
    }

    /**
     * As {@link #get(int, int)}, on the bytes of a window.
     *
     * @param bytes the {@link #bytes} of a window
     * @param offset byte in the window
     * @param width 1, 2, 4 or 8 bytes; fastest where it is a constant
     * @return the value, sign-extended
     * @throws IndexOutOfBoundsException if it leaves the window
     * @throws IllegalArgumentException for another width
     */
    public static long get(ByteBuffer bytes, int offset, int width) {
        return LockAtomics.plainGet(bytes, offset, width);
    }

    /**
     * As {@link #put(int, int, long)}, on the bytes of a window.
     *
     * @param bytes the {@link #bytes} of a window
     * @param offset byte in the window
     * @param width 1, 2, 4 or 8 bytes; fastest where it is a constant
     * @param value the value; bytes beyond the width do not matter
     * @throws IndexOutOfBoundsException if it leaves the window; nothing is written
     * @throws IllegalArgumentException for another width
     */
    public static void put(ByteBuffer bytes, int offset, int width, long value) {
        LockAtomics.plainPut(bytes, offset, width, value);
    }

    /**
     * Copies bytes out.
     *
     * @param offset first byte in the window
     * @param into receives the bytes
     * @param at first index in the array
     * @param count how many
     * @throws IndexOutOfBoundsException if they leave the window or the array
     */
    public void get(int offset, byte[] into, int at, int count) {
        bytes.get(offset, into, at, count);
    }

    /**
     * Copies bytes in.
     *
     * @param offset first byte in the window
     * @param from has the bytes
     * @param at first index in the array
     * @param count how many
     * @throws IndexOutOfBoundsException if they leave the window or the array; nothing is written
     */
    public void put(int offset, byte[] from, int at, int count) {
        bytes.put(offset, from, at, count);
    }

    @Override
    public String toString() {
        return length() + " bytes at " + start + " of " + mapping;
    }
}
