package io.github.pfncache.host;

import io.github.pfncache.address.Pages;

/**
 * A file in memory, to be mapped by {@link HostMemory#mapShared} and {@link HostMemory#mapPrivate}. Pages are committed
 * when first touched and live until punched or truncated away, whatever is mapped. All methods are thread-safe.
 *
 * <p>Kernel counterpart: a {@code memfd}, with {@code ftruncate()}, {@code fallocate()}, {@code pread()}, {@code
 * pwrite()}.
 */
public final class HostFile {

    private final FilePages pages;
    private final HostFamily family;
    private final boolean writable;

    HostFile(FilePages pages, boolean writable) {
        this.pages = pages;
        this.family = pages.family;
        this.writable = writable;
    }

    FilePages pages() {
        return pages;
    }

    /**
     * The same file, as a descriptor opened for reading only: it cannot be changed through the result, nor mapped
     * shared and writable.
     *
     * @return a read-only handle
     */
    public HostFile asReadOnly() {
        return new HostFile(pages, false);
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
        family.lock.lock();
        try {
            return pages.npages();
        } finally {
            family.lock.unlock();
        }
    }

    /**
     * Frees pages; they read as zeros, at every place that maps them shared. The size stays. Private copies stay.
     * {@code fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)}.
     *
     * @param page first page of the hole; behind the end of the file nothing happens
     * @param npages pages, at least 1
     * @return OK; EACCES through a read-only handle; EINVAL for a caller's buffer; BUSY if mappings would not hold
     *     still
     * @throws IllegalArgumentException if the range is not one of file pages
     */
    public HostResult punchHole(long page, long npages) {
        checkRange(page, npages);
        return writable ? punch(pages, page, page + npages) : HostResult.EACCES;
    }

    static HostResult punch(FilePages file, long from, long to) {
        if (file.userMemory) {
            return HostResult.EINVAL;
        }
        HostFamily family = file.family;
        return family.change(family.ofFile(file, from, to, false), true, () -> {
            unmapLocked(file, from, to, false);
            file.drop(from, to);
            return HostResult.OK;
        });
    }

    /**
     * Changes the size. Pages behind a smaller end are freed, private copies of them too, and accesses to mappings of
     * them fail until the file grows again; pages gained by growing read as zeros.
     *
     * @param npages the new size in pages
     * @return OK; EACCES through a read-only handle; EINVAL for a caller's buffer; BUSY if mappings would not hold
     *     still
     * @throws IllegalArgumentException if the size is negative or beyond 2<sup>44</sup> pages
     */
    public HostResult truncate(long npages) {
        checkRange(npages, 0);
        if (!writable) {
            return HostResult.EACCES;
        }
        if (pages.userMemory) {
            return HostResult.EINVAL;
        }
        return family.change(family.ofFile(pages, npages, PageTable.PAGES_END, true), true, () -> {
            // The size first: a page that faults from now on is already behind the end.
            pages.setNpages(npages);
            unmapLocked(pages, npages, PageTable.PAGES_END, true);
            pages.drop(npages, PageTable.PAGES_END);
            return HostResult.OK;
        });
    }

    private static void unmapLocked(FilePages file, long from, long to, boolean alsoPrivate) {
        file.family.forEachMapping(file, from, to, (memory, part) -> {
            if (part.shared() || alsoPrivate) {
                memory.ranges().dropPagesLocked(part.start(), part.end());
            }
        });
    }

    /**
     * Reads bytes; holes read as zeros and stay holes.
     *
     * @param offset first byte
     * @param into receives the bytes
     * @return number of bytes read; fewer than asked at the end of the file
     * @throws IllegalArgumentException if the offset is negative or too large
     */
    public int read(long offset, byte[] into) {
        checkOffset(offset, into.length);
        family.lock.lock();
        try {
            long left = Math.max(0, (pages.npages() << Pages.PAGE_SHIFT) - offset);
            int count = (int) Math.min(into.length, left);
            for (int at = 0; at < count; ) { // bounded by the pages of the array
                int within = Pages.offsetInPage(offset + at);
                int length = Math.min(count - at, Pages.PAGE_SIZE - within);
                pages.read((offset + at) >>> Pages.PAGE_SHIFT, within, into, at, length);
                at += length;
            }
            return count;
        } finally {
            family.lock.unlock();
        }
    }

    /**
     * Writes bytes, visible at every place that maps the pages shared. Grows the file, in whole pages, if they end
     * behind it.
     *
     * @param offset first byte
     * @param from the bytes
     * @return OK; EACCES through a read-only handle; ENOMEM if frames ran out, with the pages before it written; EINVAL
     *     behind the end of a caller's buffer
     * @throws IllegalArgumentException if the offset is negative or too large
     */
    public HostResult write(long offset, byte[] from) {
        checkOffset(offset, from.length);
        if (!writable) {
            return HostResult.EACCES;
        }
        family.lock.lock();
        try {
            long end = (offset + from.length + Pages.PAGE_SIZE - 1) >>> Pages.PAGE_SHIFT;
            if (end > pages.npages() && from.length > 0) {
                if (pages.userMemory) {
                    return HostResult.EINVAL;
                }
                pages.setNpages(end);
            }
            for (int at = 0; at < from.length; ) { // bounded by the pages of the array
                int pfn = pages.load((offset + at) >>> Pages.PAGE_SHIFT);
                if (pfn == FrameStore.NONE) {
                    return HostResult.ENOMEM;
                }
                int within = Pages.offsetInPage(offset + at);
                int length = Math.min(from.length - at, Pages.PAGE_SIZE - within);
                family.frames.write(pfn, within, from, at, length);
                at += length;
            }
            return HostResult.OK;
        } finally {
            family.lock.unlock();
        }
    }

    static void checkRange(long page, long npages) {
        if (!Pages.rangeFits(page, npages, PageTable.PAGES_END)) {
            throw new IllegalArgumentException("file page=" + page + " npages=" + npages);
        }
    }

    private static void checkOffset(long offset, int length) {
        if (!Pages.rangeFits(offset, length, PageTable.PAGES_END << Pages.PAGE_SHIFT)) {
            throw new IllegalArgumentException("file offset=" + Pages.hex(offset) + " length=" + length);
        }
    }

    @Override
    public String toString() {
        return "file of " + npages() + " pages" + (writable ? "" : ", read-only");
    }
}
