package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A stretch of guest memory of any size, for any thread: loads and stores relative to its start, at any alignment. An
 * embedder of WebAssembly gives it to its guest as linear memory; a device uses it whose addresses are the guest's.
 *
 * <pre>{@code
 * try (GuestView view = vm.view(0x1000_0000L, 1L << 32)) {   // may be more than there is now: memory may grow
 *     int value = view.loadInt(address, 0);
 *     Outcome stored = view.storeLong(address + 8, 42);      // marks the page dirty by itself
 * }
 * }</pre>
 *
 * <p>A view has one {@link GfnPfnCache} for each page that was used while there was memory, made on first use. So it
 * stays right when memory moves under it. A load or store finds the cache in two steps, and is then what it is on a
 * cache. One that crosses a page's end is done byte by byte and is not atomic; a store that crosses may be done in
 * part, if the outcome is not OK. What lies outside of the view is not there: FAULT.
 *
 * <p>A {@link GuestArea} is for one structure: a lock on all of its pages, so that several fields belong together. A
 * {@link GuestTlb} is for one thread, and faster. A page that was used costs about a kilobyte of heap until {@link
 * #close}.
 *
 * <p>Thread-safe. Kernel counterpart: none; the address space of a device in a VMM.
 *
 * @since 0.1.0
 */
public final class GuestView implements AutoCloseable {

    /** Longest view: a tebibyte. */
    public static final long MAX_LENGTH = 1L << 40;

    private static final int CHUNK_SHIFT = 9;
    private static final int CHUNK = 1 << CHUNK_SHIFT;

    private final DomainState domain;
    private final long gpa;
    private final long length;

    /** The caches, by page; parts and elements are set once, by compare-and-set from null. */
    private final AtomicReferenceArray<AtomicReferenceArray<GfnPfnCache>> chunks;

    /** Set before the caches are deactivated, read after one was activated: the later of the two deactivates it. */
    private volatile boolean closed;

    GuestView(DomainState domain, long gpa, long length) {
        if (length < 1 || length > MAX_LENGTH || Pages.wraps(gpa, length)) {
            throw new IllegalArgumentException("gpa=" + Pages.hex(gpa) + " length=" + length
                    + " wraps, or is not 1 to " + MAX_LENGTH);
        }
        this.domain = domain;
        this.gpa = gpa;
        this.length = length;
        this.chunks = new AtomicReferenceArray<>((pageOf(length - 1) >>> CHUNK_SHIFT) + 1);
    }

    /**
     * Where the view starts.
     *
     * @return guest physical address
     */
    public long gpa() {
        return gpa;
    }

    /**
     * Size of the view.
     *
     * @return bytes, 1 to {@link #MAX_LENGTH}
     */
    public long length() {
        return length;
    }

    /**
     * Loads a byte.
     *
     * @param offset bytes from the start, any value
     * @param otherwise what to answer if it is not available
     * @return the value
     */
    public byte loadByte(long offset, byte otherwise) {
        return (byte) load(offset, Byte.BYTES, otherwise);
    }

    /**
     * Loads two bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param otherwise what to answer if they are not available
     * @return the value
     */
    public short loadShort(long offset, short otherwise) {
        return (short) load(offset, Short.BYTES, otherwise);
    }

    /**
     * Loads four bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param otherwise what to answer if they are not available
     * @return the value
     */
    public int loadInt(long offset, int otherwise) {
        return (int) load(offset, Integer.BYTES, otherwise);
    }

    /**
     * Loads eight bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param otherwise what to answer if they are not available
     * @return the value
     */
    public long loadLong(long offset, long otherwise) {
        return load(offset, Long.BYTES, otherwise);
    }

    /**
     * Stores a byte.
     *
     * @param offset bytes from the start, any value
     * @param value the value
     * @return OK; otherwise nothing was written: FAULT, BUSY, or INACTIVE once the view is closed
     */
    public Outcome storeByte(long offset, byte value) {
        return store(offset, Byte.BYTES, value);
    }

    /**
     * Stores two bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param value the value
     * @return as for {@link #storeByte}
     */
    public Outcome storeShort(long offset, short value) {
        return store(offset, Short.BYTES, value);
    }

    /**
     * Stores four bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param value the value
     * @return as for {@link #storeByte}
     */
    public Outcome storeInt(long offset, int value) {
        return store(offset, Integer.BYTES, value);
    }

    /**
     * Stores eight bytes, little endian.
     *
     * @param offset bytes from the start, any value
     * @param value the value
     * @return as for {@link #storeByte}
     */
    public Outcome storeLong(long offset, long value) {
        return store(offset, Long.BYTES, value);
    }

    /**
     * The cache of the page that has a byte, for all else that a cache can: several fields at once, atomic operations.
     * Offsets are those in the page then. The view deactivates it. It is made also where there is no memory yet.
     *
     * @param offset bytes from the start, 0 to {@code length - 1}
     * @return a cache of 4096 bytes, the same each time
     * @throws IllegalArgumentException if the offset lies outside
     * @throws IllegalStateException if the view is closed
     */
    public GfnPfnCache pageAt(long offset) {
        if (!fits(offset, 1)) {
            throw new IllegalArgumentException("offset=" + offset + " exceeds length=" + length);
        }
        GfnPfnCache cache = known(pageOf(offset));
        if (cache == null) {
            cache = make(pageOf(offset), null);
        }
        if (closed) {
            throw new IllegalStateException("closed: " + this);
        }
        return cache;
    }

    private GfnPfnCache known(int page) {
        AtomicReferenceArray<GfnPfnCache> chunk = chunks.get(page >>> CHUNK_SHIFT);
        return chunk == null ? null : chunk.get(page & CHUNK - 1);
    }

    /**
     * Active before it can be found: the first use by another thread finds it so. One that is known is activated again:
     * its activation was cut short.
     */
    private GfnPfnCache make(int page, GfnPfnCache known) {
        int number = page >>> CHUNK_SHIFT;
        if (chunks.get(number) == null) {
            chunks.compareAndSet(number, null, new AtomicReferenceArray<>(CHUNK));
        }
        GfnPfnCache cache = known == null ? new GfnPfnCache(domain, Pages.PAGE_SIZE) : known;
        boolean used = known != null;
        try {
            cache.activate(gpaOf(page));
            used |= chunks.get(number).compareAndSet(page & CHUNK - 1, null, cache);
        } finally {
            if (!used || closed) { // another thread was faster, or it failed; or the view was closed meanwhile
                cache.deactivate();
            }
        }
        return known(page);
    }

    /**
     * The cache for a load or a store; null if the view is closed, or if there never was memory at the page: a guest
     * that tries every address takes no memory of the host's.
     */
    private GfnPfnCache cacheFor(int page) {
        GfnPfnCache cache = known(page);
        if (closed || cache == null && domain.memslots.table().find(Pages.gpaToGfn(gpaOf(page))) == null) {
            return null;
        }
        if (cache == null || cache.isInactive()) {
            cache = make(page, cache);
        }
        return closed ? null : cache;
    }

    private long gpaOf(int page) {
        return Pages.pageStart(gpa) + ((long) page << Pages.PAGE_SHIFT);
    }

    private long load(long offset, int width, long otherwise) {
        if (!fits(offset, width)) {
            return otherwise;
        }
        int inPage = Pages.offsetInPage(gpa + offset);
        if (inPage <= Pages.PAGE_SIZE - width) {
            GfnPfnCache cache = cacheFor(pageOf(offset));
            return cache == null ? otherwise : cache.load(inPage, width, otherwise);
        }
        long value = 0;
        for (int i = width - 1; i >= 0; i--) { // bounded by the width: the highest byte first
            GfnPfnCache cache = cacheFor(pageOf(offset + i));
            OptionalLong each = cache == null
                    ? OptionalLong.empty()
                    : cache.tryLoad(Pages.offsetInPage(gpa + offset + i), Byte.BYTES);
            if (each.isEmpty()) {
                return otherwise;
            }
            value = value << Byte.SIZE | each.getAsLong() & 0xff; // the sign is up to the caller, by the width
        }
        return value;
    }

    private Outcome store(long offset, int width, long value) {
        if (!fits(offset, width)) {
            return Outcome.FAULT;
        }
        int inPage = Pages.offsetInPage(gpa + offset);
        if (inPage <= Pages.PAGE_SIZE - width) {
            GfnPfnCache cache = cacheFor(pageOf(offset));
            return cache != null ? cache.store(inPage, width, value) : closed ? Outcome.INACTIVE : Outcome.FAULT;
        }
        Outcome outcome = Outcome.OK;
        for (int i = width - 1; outcome == Outcome.OK && i >= 0; i--) { // bounded by the width: the second page first
            outcome = storeByte(offset + i, (byte) (value >>> Byte.SIZE * i));
        }
        return outcome;
    }

    private boolean fits(long offset, int width) {
        return Pages.rangeFits(offset, width, length);
    }

    private int pageOf(long offset) {
        return (int) (Pages.offsetInPage(gpa) + offset >>> Pages.PAGE_SHIFT);
    }

    /**
     * Takes the caches of the view out of use; nothing can be loaded or stored any more. May be called again.
     *
     * @throws IllegalStateException if an access of another thread, or of this one, to one of its caches does not end:
     *     the others are out of use, and this can be repeated
     */
    @Override
    public void close() {
        closed = true;
        GfnPfnCache left = null;
        for (int c = 0; c < chunks.length(); c++) { // these two loops are bounded by the length
            AtomicReferenceArray<GfnPfnCache> chunk = chunks.get(c);
            for (int i = 0; chunk != null && i < CHUNK; i++) {
                GfnPfnCache cache = chunk.get(i);
                if (cache != null && !isOutOfUse(cache)) {
                    left = cache;
                }
            }
        }
        if (left != null) {
            throw new IllegalStateException("in use: " + left + " of " + this);
        }
    }

    private static boolean isOutOfUse(GfnPfnCache cache) {
        try {
            return cache.deactivate() == Outcome.OK;
        } catch (IllegalStateException e) {
            return false; // this thread has an access open to it, as the caller is told
        }
    }

    @Override
    public String toString() {
        return "GuestView[gpa=" + Pages.hex(gpa) + " length=" + Pages.hex(length) + (closed ? " closed]" : "]");
    }
}
