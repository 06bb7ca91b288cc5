package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.io.IOException;

/**
 * A file in memory ({@link HostMemory#createFile}) or a real one ({@link HostMemory#openFile}), to be mapped by {@link
 * HostMemory#mapShared} and {@link HostMemory#mapPrivate}. Pages are committed when first touched and live until
 * punched or truncated away, or until no handle is open and nothing is mapped. All methods are thread-safe.
 *
 * <p>Kernel counterpart: a {@code memfd} or a file, with {@code ftruncate()}, {@code fallocate()}, {@code pread()},
 * {@code pwrite()}, {@code msync()}.
 *
 * @since 0.1.0
 */
public final class HostFile implements AutoCloseable {

    private final HostFamily family;
    final FilePages pages;
    private final boolean writable;

    private HostFile(HostFamily family, FilePages pages, boolean writable) {
        this.family = family;
        this.pages = pages;
        this.writable = writable;
    }

    /** A handle of a file; the first one makes the file known. */
    static HostFile open(HostFamily family, FilePages file, boolean writable) {
        HostFile handle = new HostFile(family, file, writable);
        family.locked(() -> {
            family.files.ensureCapacity(family.files.size() + 1);
            family.openFiles.add(handle);
            if (file.handles++ == 0) {
                family.files.add(file);
            }
        });
        return handle;
    }

    /** Keeps the file during a call: closed meanwhile, it is given up afterwards. */
    <T, E extends Exception> T during(Undisturbed.Use<T, E> call) throws E {
        family.locked(() -> {
            openLocked().handles++;
        });
        try {
            return call.run();
        } finally {
            family.giveUp(pages, 1);
        }
    }

    private FilePages openLocked() {
        if (!family.openFiles.contains(this)) {
            throw new IllegalStateException("this handle of the file is closed");
        }
        return pages;
    }

    /**
     * Gives this handle up: {@code close()}. Mappings, and other handles, keep the file and what is in it; with the
     * last of them its pages are freed. Nothing is written to a real file, whose channel stays open: {@link #sync}
     * before. A call under way on another thread goes on to its end, or finds the handle closed. Of a closed handle
     * all calls that need the file throw IllegalStateException; a second close does nothing.
     *
     * @since 0.1.0
     */
    @Override
    public void close() {
        if (family.openFiles.remove(this)) {
            family.giveUp(pages, 1);
        }
    }

    /**
     * The same file, as a descriptor opened for reading only: it cannot be changed through the result, nor mapped
     * shared and writable.
     *
     * @return a read-only handle, to be {@linkplain #close closed} for itself
     */
    public HostFile asReadOnly() {
        return during(() -> open(family, pages, false));
    }

    /**
     * Whether this handle allows changes.
     *
     * @return false for {@link #asReadOnly} handles
     */
    public boolean isWritable() {
        return writable;
    }

    /**
     * Size of the file.
     *
     * @return number of pages
     */
    public long npages() {
        return family.getLocked(() -> openLocked().npages());
    }

    /**
     * Frees pages; they read as zeros, at every place that maps them shared. The size stays. Private copies stay.
     * {@code fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)}.
     *
     * @param page first page of the hole; after the end of the file nothing happens
     * @param npages pages, at least 1
     * @return OK; EACCES through a read-only handle; BUSY if mappings would not hold still
     * @throws IllegalArgumentException if the range is not one of file pages
     */
    public HostResult punchHole(long page, long npages) {
        checkRange(page, npages);
        return during(() -> writable ? family.punch(pages, page, page + npages) : HostResult.EACCES);
    }

    /**
     * Changes the size. Pages after a smaller end are freed, private copies of them too, and accesses to mappings of
     * them fail until the file grows again; pages gained by growing read as zeros.
     *
     * @param npages the new size in pages
     * @return OK; EACCES through a read-only handle; BUSY if mappings would not hold still
     * @throws IllegalArgumentException if the size is negative or beyond 2<sup>44</sup> pages
     */
    public HostResult truncate(long npages) {
        checkRange(npages, 0);
        return during(() -> writable
                ? family.takeAway(pages, npages, PageTable.PAGES_END, true, () -> pages.resize(npages))
                : HostResult.EACCES);
    }

    /**
     * Reads bytes; holes read as zeros and stay holes.
     *
     * @param offset first byte
     * @param into receives the bytes
     * @return number of bytes read; fewer than asked at the end of the file; -1, with nothing read, if the real file
     *     cannot be read: see {@link #readFailure}
     * @throws IllegalArgumentException if the offset is negative or too large
     */
    public int read(long offset, byte[] into) {
        checkOffset(offset, into.length);
        FetchedPages fetched = new FetchedPages();
        byte[] bytes = new byte[into.length];
        int count = family.getLocked(() -> readLocked(offset, bytes, fetched));
        // Bounded: what was wanted is there the second time, and growing adds no unread pages.
        while (fetched.isWaiting()) {
            if (!fetched.fetch()) {
                return -1;
            }
            count = family.getLocked(() -> readLocked(offset, bytes, fetched));
        }
        System.arraycopy(bytes, 0, into, 0, count);
        return count;
    }

    private int readLocked(long offset, byte[] into, FetchedPages fetched) {
        int count = (int) Math.min(into.length, Math.max(0, openLocked().size() - offset));
        for (int at = 0; at < count; ) { // bounded by the pages of the array
            int within = Pages.offsetInPage(offset + at);
            int length = Math.min(count - at, Pages.PAGE_SIZE - within);
            pages.read((offset + at) >>> Pages.PAGE_SHIFT, within, into, at, length, fetched);
            at += length;
        }
        return count;
    }

    /**
     * Writes bytes, visible at every place that maps the pages shared. Grows the file if they end after it.
     *
     * @param offset first byte
     * @param from the bytes
     * @return OK; EACCES through a read-only handle; ENOMEM if frames ran out, with the pages before it written; EIO,
     *     with nothing written, if the real file cannot be read
     * @throws IllegalArgumentException if the offset is negative or too large
     */
    public HostResult write(long offset, byte[] from) {
        checkOffset(offset, from.length);
        if (!writable) {
            return HostResult.EACCES;
        }
        FetchedPages fetched = new FetchedPages();
        HostResult result = null;
        while (result == null) { // bounded as in read, and by the frames that the pages need
            result = family.getLocked(() -> writeLocked(offset, from, fetched));
            if (fetched.isWaiting()) {
                result = fetched.fetch() ? null : HostResult.EIO;
            } else if (result == null && !pages.store.frames.supply.grow(1)) {
                result = HostResult.ENOMEM;
            }
        }
        return result;
    }

    /** Null if the lock has to be left for more frames: what was written until then is written again. */
    private HostResult writeLocked(long offset, byte[] from, FetchedPages fetched) {
        openLocked();
        long end = offset + from.length;
        if (from.length == 0 || lacks(offset, offset, end, fetched) | lacks(end - 1, offset, end, fetched)) {
            return HostResult.OK; // nothing to do, or not yet
        }
        pages.markTail(end);
        for (int at = 0; at < from.length; ) { // bounded by the pages of the array
            long page = (offset + at) >>> Pages.PAGE_SHIFT;
            int within = Pages.offsetInPage(offset + at);
            int length = Math.min(from.length - at, Pages.PAGE_SIZE - within);
            if (!Pte.isPresent(pages.entry(page)) && !pages.store.frames.supply.hasFree(1)) {
                return null;
            }
            pages.markChanged(page);
            int pfn = length == Pages.PAGE_SIZE && pages.isUnread(page)
                    ? pages.install(page, null)
                    : pages.load(page, fetched);
            if (pfn == FrameStore.NONE) {
                return HostResult.ENOMEM;
            }
            pages.store.frames.write(pfn, within, from, at, length);
            at += length;
            pages.growTo(offset + at);
        }
        return HostResult.OK;
    }

    /** Whether the page of a byte has to be fetched before {@code [from, end)} is written: not if that is all of it. */
    private boolean lacks(long offset, long from, long end, FetchedPages fetched) {
        long start = Pages.pageStart(offset);
        boolean whole = from <= start && end >= start + Pages.PAGE_SIZE;
        long page = offset >>> Pages.PAGE_SHIFT;
        return !whole && pages.isUnread(page) && fetched.get(pages, page) == null;
    }

    /**
     * Writes what has changed back to the real file, and returns when it is there: {@code msync(MS_SYNC)}. Changed are
     * pages that were writable through a shared mapping since the last time, whether or not they were written, those
     * that {@link #write}, {@link #punchHole} and {@link #truncate} changed, and those that a fault handler has given
     * another content. Private mappings never get there. Holes are written as zeros. The last page is written up to the
     * file's size.
     *
     * <p>Pages are made read-only for a moment wherever they are mapped, and invalidated for that; what is written
     * during the call arrives now or next time. Not to be called by a notifier or a fault handler.
     *
     * @return OK; also of a file in memory, which has nothing to do; BUSY if the mappings of some pages would not hold
     *     still: those stay changed
     * @throws IOException if the real file cannot be written; what could not be written stays changed
     */
    public HostResult sync() throws IOException {
        return during(() -> pages.backing == null || !pages.backing.writable
                ? HostResult.OK
                : new WriteBack(family, pages).run());
    }

    /**
     * How many pages {@link #sync} would write.
     *
     * @return pages; 0 of a file in memory
     */
    public long changedPages() {
        return family.getLocked(() -> openLocked().backing == null ? 0 : pages.backing.marks.size(PageMarks.UNSAVED));
    }

    /**
     * Why the latest fault, {@link #read} or {@link #write} that could not read the real file failed.
     *
     * @return the failure, or null if there was none
     */
    public IOException readFailure() {
        return pages.backing == null ? null : pages.backing.readFailure;
    }

    static void checkRange(long page, long npages) {
        if (!Pages.rangeFits(page, npages, PageTable.PAGES_END)) {
            throw new IllegalArgumentException("file page=" + page + " npages=" + npages);
        }
    }

    static void checkOffset(long offset, int length) {
        if (!Pages.rangeFits(offset, length, PageTable.PAGES_END << Pages.PAGE_SHIFT)) {
            throw new IllegalArgumentException("file offset=" + Pages.hex(offset) + " length=" + length);
        }
    }

    @Override
    public String toString() {
        String state = (writable ? "" : ", read-only") + (family.openFiles.contains(this) ? "" : ", closed");
        return "file of " + family.getLocked(pages::npages) + " pages" + state;
    }
}
