package io.github.pfncache.host;

import io.github.pfncache.address.Pages;

/**
 * The pages of one file, shared by all handles and mappings of it. All state is guarded by the family lock.
 *
 * <p>An entry has the form of a {@link Pte}: a present one owns its frame, a swapped one its slot, zero is a hole.
 */
final class FilePages {

    final PageStore store;
    /** Whether the pages are a caller's memory: no holes can be made, nothing moves. */
    final boolean userMemory;
    /** The real file that pages come from and go to, or null. */
    final Backing backing;
    /** What is known of the pages, of a real file's or not. Guarded by the family lock. */
    final PageMarks marks;

    // Guarded by the family lock.
    final PageTable entries;
    /** Handles that are open, and calls that keep the file; a caller's memory has none. */
    int handles;
    /** In how many places pages are mapped, over all address spaces; a page may be mapped more than once. */
    long mappedPages;
    /** In bytes. */
    private long size;

    FilePages(PageStore store, long size, boolean userMemory, Backing backing) {
        this.store = store;
        this.entries = new PageTable(store);
        this.size = size;
        this.userMemory = userMemory;
        this.backing = backing;
        this.marks = backing == null ? new PageMarks() : backing.marks;
    }

    long size() {
        return size;
    }

    /** The last page may be part of the file only. */
    long npages() {
        return (size + Pages.PAGE_SIZE - 1) >>> Pages.PAGE_SHIFT;
    }

    /** Sets the size when bytes up to {@code end} exist now. */
    void growTo(long end) {
        size = Math.max(size, end);
    }

    /** Whether a page has to be read from the real file before its content is known here. */
    boolean isUnread(long page) {
        return backing != null && page < npages() && entries.get(page) == 0 && backing.holds(page);
    }

    /** Whether a page is a hole because of what was done to the file. */
    boolean isZeroed(long page) {
        return marks.has(PageMarks.ZEROED, page) && !Pte.hasContent(entries.get(page));
    }

    /** Whether a page is what it was in the real file from the beginning: it may be unread again. */
    boolean isClean(long page) {
        return backing != null && !backing.marks.has(PageMarks.EVER_CHANGED, page);
    }

    /** A page will be, or can be from now on, written without a word. Before it is: this may fail. */
    void markChanged(long page) {
        if (backing != null) {
            int unsaved = backing.writable ? PageMarks.CHANGED : 0;
            backing.marks.change(page, page + 1, 0, PageMarks.EVER_CHANGED | unsaved);
        }
    }

    /** What mappings have put behind the end is of the file when that grows. Before it does: this may fail. */
    void markTail(long newSize) {
        if (newSize > size && Pages.offsetInPage(size) != 0 && !isClean(npages() - 1)) {
            markChanged(npages() - 1);
        }
    }

    /** Whether a page that can be written without a word will be written back. */
    boolean isChanged(long page) {
        return backing == null || backing.marks.has(PageMarks.CHANGED, page);
    }

    /** The entry of a page, zero for a hole and after the end. */
    long entry(long page) {
        return page < npages() ? entries.get(page) : 0;
    }

    /** Marks holes that are about to be made. */
    void markHoles(long from, long to) {
        marks.change(from, Math.min(to, npages()), 0, PageMarks.ZEROED | PageMarks.CHANGED);
    }

    /** Sets the size to whole pages; what is after a smaller end is about to go, and is zeros should it come back. */
    void resize(long npages) {
        markTail(npages << Pages.PAGE_SHIFT);
        marks.change(npages, npages(), PageMarks.UNSAVED | PageMarks.DROPPED, PageMarks.ZEROED);
        if (backing != null && npages < npages()) {
            backing.shrunk(npages);
        }
        size = npages << Pages.PAGE_SHIFT;
    }

    /**
     * The frame of a page, brought back from swap or made of zeros or fetched content if need be.
     *
     * @param fetched holds the page if it is unread
     * @return the pfn, owned by the file, or {@link FrameStore#NONE} without memory
     */
    int load(long page, FetchedPages fetched) {
        long entry = entries.get(page);
        if (Pte.isPresent(entry)) {
            return Pte.index(entry);
        }
        return install(page, Pte.isSwapped(entry) ? store.swap.content(Pte.index(entry))
                : isUnread(page) ? fetched.get(this, page) : null);
    }

    /**
     * Gives a page that is not present a frame with a content, zeros if null; {@link FrameStore#NONE} without memory.
     */
    int install(long page, byte[] content) {
        entries.reserve(page); // before there is a frame that could be lost
        int pfn = store.frames.allocateWith(content == null ? Chunk.ZEROS : content);
        if (pfn != FrameStore.NONE) {
            store.drop(entries.get(page));
            entries.set(page, Pte.ofFrame(pfn, true));
        }
        return pfn;
    }

    /**
     * Copies content, zeros for a hole and after the end; nothing is installed.
     *
     * @return false if the page has to be fetched first
     */
    boolean read(long page, int offset, byte[] into, int at, int length, FetchedPages fetched) {
        if (!isUnread(page)) {
            store.read(entry(page), offset, into, at, length);
            return true;
        }
        byte[] content = fetched.get(this, page);
        if (content != null) {
            System.arraycopy(content, offset, into, at, length);
        }
        return content != null;
    }
}
