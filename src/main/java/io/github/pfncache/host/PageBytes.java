package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The 4096 bytes of a page frame: typed little-endian access with no ordering, at any alignment, each checked against
 * the page. Not atomic: whoever needs that uses what {@link HostMapping} adds.
 */
abstract sealed class PageBytes extends FrameHandle permits HostMapping {

    static final VarHandle SHORT =
            MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    final ByteBuffer buffer;
    final int base;

    PageBytes(HostMemory memory, int pfn, ByteBuffer buffer, int base) {
        super(memory, pfn);
        this.buffer = buffer;
        this.base = base;
    }

    /**
     * Reads a byte.
     *
     * @param offset byte in the page
     * @return the byte
     * @throws IllegalArgumentException if the access leaves the page
     */
    public byte getByte(int offset) {
        return buffer.get(at(offset, Byte.BYTES));
    }

    /**
     * Writes a byte.
     *
     * @param offset byte in the page
     * @param value the byte
     * @throws IllegalArgumentException if the access leaves the page
     */
    public void putByte(int offset, byte value) {
        buffer.put(at(offset, Byte.BYTES), value);
    }

    /**
     * Reads 2 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @return the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public short getShort(int offset) {
        return (short) SHORT.get(buffer, at(offset, Short.BYTES));
    }

    /**
     * Writes 2 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @param value the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public void putShort(int offset, short value) {
        SHORT.set(buffer, at(offset, Short.BYTES), value);
    }

    /**
     * Reads 4 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @return the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public int getInt(int offset) {
        return (int) INT.get(buffer, at(offset, Integer.BYTES));
    }

    /**
     * Writes 4 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @param value the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public void putInt(int offset, int value) {
        INT.set(buffer, at(offset, Integer.BYTES), value);
    }

    /**
     * Reads 8 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @return the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public long getLong(int offset) {
        return (long) LONG.get(buffer, at(offset, Long.BYTES));
    }

    /**
     * Writes 8 bytes, little endian, with no ordering and any alignment.
     *
     * @param offset byte in the page
     * @param value the value
     * @throws IllegalArgumentException if the access leaves the page
     */
    public void putLong(int offset, long value) {
        LONG.set(buffer, at(offset, Long.BYTES), value);
    }

    /**
     * Copies bytes out, with no ordering.
     *
     * @param offset first byte in the page
     * @param into receives the bytes
     * @param start first index in the array
     * @param length number of bytes
     * @throws IllegalArgumentException if the access leaves the page
     * @throws IndexOutOfBoundsException if it leaves the array
     */
    public void getBytes(int offset, byte[] into, int start, int length) {
        buffer.get(at(offset, length), into, start, length);
    }

    /**
     * Copies bytes in, with no ordering.
     *
     * @param offset first byte in the page
     * @param from the bytes
     * @param start first index in the array
     * @param length number of bytes
     * @throws IllegalArgumentException if the access leaves the page
     * @throws IndexOutOfBoundsException if it leaves the array
     */
    public void putBytes(int offset, byte[] from, int start, int length) {
        buffer.put(at(offset, length), from, start, length);
    }

    /** Index in the buffer of an access, checked. */
    final int at(int offset, int width) {
        if (offset < 0 || width < 0 || offset > Pages.PAGE_SIZE - width) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width + " leaves the page of " + this);
        }
        return base + offset;
    }

    /** Index in the buffer of an aligned access, checked. */
    final int aligned(int offset, int width) {
        if ((offset & width - 1) != 0) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width + " is not aligned in " + this);
        }
        return at(offset, width);
    }
}
