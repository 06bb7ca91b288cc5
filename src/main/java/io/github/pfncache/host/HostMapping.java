package io.github.pfncache.host;

import static io.github.pfncache.host.LockAtomics.INT;
import static io.github.pfncache.host.LockAtomics.LONG;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;

/**
 * A usable mapping of one page frame, the khva: typed little-endian access to its 4096 bytes.
 *
 * <p>A mapping does not keep its frame. Its holder has to stop using it when a {@link MmuNotifier} says so;
 * until the host memory is collected an access through a stale mapping stays inside memory of the family, or inside the
 * caller's buffer that it maps, so that a reader may read first and find out afterwards that the value is worthless.
 *
 * <p>Every access is checked against the page; 0 to 4095 are its bytes. The memory order is in the name where it is not
 * plain. Where the platform offers plain access only ({@link #hasNativeAtomics}), the ordered and atomic accesses
 * exclude each other by a lock, and so are atomic against each other, whatever their width. Each method says how it
 * relates to plain accesses then, and to the caller's own: a plain store to a byte that it does not change is never
 * lost, one to a byte that it changes may be.
 *
 * <p>Kernel counterpart: the {@code khva} of {@code struct gfn_to_pfn_cache}, {@code kmap()}. Thread-safe as far as its
 * operations are atomic.
 *
 * @since 0.1.0
 */
public final class HostMapping extends FrameHandle {

    private final ByteBuffer buffer;
    private final int base;
    private final boolean nativeAtomics;

    HostMapping(AddressSpace space, FrameStore frames, int pfn) {
        super(space, pfn);
        Chunk chunk = frames.supply.chunk(pfn);
        this.buffer = chunk.buffer;
        this.base = chunk.base(FrameSupply.index(pfn));
        this.nativeAtomics = chunk.nativeAtomics;
    }

    /**
     * Whether ordered and atomic accesses are the processor's own.
     *
     * <p>Plain accesses are as the platform makes them, whatever this says. On the heap, 8 bytes at a multiple of 8 in
     * the array need not be at one in memory (where object headers are compact they are not), and then are two halves
     * to an interpreter.
     *
     * @return false only on memory of a caller's that is on the heap, or does not begin at a multiple of 8
     */
    public boolean hasNativeAtomics() {
        return nativeAtomics;
    }

    /**
     * Some of the page's bytes, and nothing else of it.
     *
     * @param start first byte in the page
     * @param length how many bytes
     * @return the window, to be used as long as this mapping
     * @throws IllegalArgumentException if they do not lie inside the page
     */
    public HostWindow window(int start, int length) {
        return new HostWindow(this, start, buffer.slice(at(start, length), length));
    }

    /**
     * The memory in which the page lies among others of the family or of the caller's buffer, from {@link #base}: for
     * a caller that checks by itself that an access stays inside of the page, and keep no object for each page.
     *
     * @return little-endian, writable; the same buffer for each page of a block
     */
    public ByteBuffer block() {
        return buffer;
    }

    /**
     * Where the page begins.
     *
     * @return index in {@link #block}
     */
    public int base() {
        return base;
    }

    /** Whether this maps a frame, which the caller holds: its number may have been that of other bytes before. */
    boolean isOf(FrameStore frames, int pfn) {
        return frame() == pfn && buffer == frames.supply.chunk(pfn).buffer;
    }

    // ---- plain

    /**
     * Reads 1, 2, 4 or 8 bytes, little endian, with no ordering and any alignment; as {@link HostWindow#get}.
     *
     * @param offset byte in the page
     * @param width number of bytes
     * @return the value, sign-extended
     * @throws IllegalArgumentException if the access leaves the page, or the width is another one
     */
    public long get(int offset, int width) {
        return LockAtomics.plainGet(buffer, at(offset, width), width);
    }

    /**
     * Writes 1, 2, 4 or 8 bytes, little endian, with no ordering and any alignment; as {@link HostWindow#put}.
     *
     * @param offset byte in the page
     * @param width number of bytes
     * @param value holds them in its low bytes
     * @throws IllegalArgumentException if the access leaves the page, or the width is another one
     */
    public void put(int offset, int width, long value) {
        LockAtomics.plainPut(buffer, at(offset, width), width, value);
    }

    // ---- ordered and atomic

    /**
     * Reads 4 or 8 bytes in one access: sequentially consistent.
     * Without native atomics a plain load under the lock: never half of what another ordered or atomic access writes.
     *
     * @param offset byte in the page, aligned
     * @param width number of bytes
     * @return the value, sign-extended
     * @throws IllegalArgumentException if the access leaves the page or is not aligned, or the width is another one
     */
    public long getVolatile(int offset, int width) {
        int index = aligned(offset, width);
        if (!nativeAtomics) {
            return LockAtomics.update(buffer, index, width, now -> now);
        }
        return width == Integer.BYTES ? (int) INT.getVolatile(buffer, index) : (long) LONG.getVolatile(buffer, index);
    }

    /**
     * Replaces 4 or 8 bytes if they have an expected value: atomic, sequentially consistent.
     * Without native atomics under the lock, and only the bytes that change are written: plain loads may see some of
     * them changed before the rest.
     *
     * @param offset byte in the page, aligned
     * @param width number of bytes
     * @param expected the value that is replaced; of 4 bytes sign-extended
     * @param value holds the new ones in its low bytes
     * @return whether they were replaced
     * @throws IllegalArgumentException if the access leaves the page or is not aligned, or the width is another one
     */
    public boolean compareAndSet(int offset, int width, long expected, long value) {
        int index = aligned(offset, width);
        if (!nativeAtomics) {
            return LockAtomics.update(buffer, index, width, now -> now == expected ? value : now) == expected;
        }
        return width == Integer.BYTES
                ? INT.compareAndSet(buffer, index, (int) expected, (int) value)
                : LONG.compareAndSet(buffer, index, expected, value);
    }

    private int at(int offset, int width) {
        if (offset < 0 || width < 0 || offset > Pages.PAGE_SIZE - width) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width + " leaves the page of " + this);
        }
        return base + offset;
    }

    /** Index in the buffer of an aligned access, checked. */
    private int aligned(int offset, int width) {
        if (width != Integer.BYTES && width != Long.BYTES || (offset & width - 1) != 0) {
            throw new IllegalArgumentException("offset=" + offset + " width=" + width + " is not aligned in " + this);
        }
        return at(offset, width);
    }

    @Override
    public String toString() {
        return "khva of pfn=" + Pages.hex(pfn());
    }
}
