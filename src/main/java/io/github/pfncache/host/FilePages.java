package io.github.pfncache.host;

/**
 * The pages of one file, shared by all handles and mappings of it. All state is guarded by the family lock.
 *
 * <p>An entry has the form of a {@link Pte}: a present one owns its frame, a swapped one its slot, zero is a hole.
 */
final class FilePages {

    final HostFamily family;
    /** Whether the pages are a caller's buffer: no holes can be made, nothing moves. */
    final boolean userMemory;

    // Guarded by the family lock.
    final PageTable entries = new PageTable();
    private long npages;

    FilePages(HostFamily family, long npages, boolean userMemory) {
        this.family = family;
        this.npages = npages;
        this.userMemory = userMemory;
    }

    long npages() {
        return npages;
    }

    void setNpages(long size) {
        npages = size;
    }

    /** The entry of a page, zero for a hole and for what is behind the end. */
    long entry(long page) {
        return page < npages ? entries.get(page) : 0;
    }

    /** Frees the pages in {@code [from, to)}; no page-table entry names them any more. */
    void drop(long from, long to) {
        entries.forEach(from, to, (page, entry) -> {
            entries.set(page, 0);
            family.dropEntry(entry);
        });
        entries.prune(from, to);
    }

    /**
     * The frame of a page, brought back from swap or made of zeros if need be.
     *
     * @return the pfn, owned by the file, or {@link FrameStore#NONE} without memory
     */
    int load(long page) {
        long entry = entries.get(page);
        if (Pte.isPresent(entry)) {
            return Pte.index(entry);
        }
        return install(page, Pte.isSwapped(entry) ? family.swap.content(Pte.index(entry)) : null);
    }

    /**
     * Gives a page that is not present a frame with a content, zeros if null; {@link FrameStore#NONE} without memory.
     */
    int install(long page, byte[] content) {
        int pfn = content == null ? family.frames.allocateZeroed() : family.frames.allocateWith(content);
        if (pfn != FrameStore.NONE) {
            family.dropEntry(entries.get(page));
            entries.set(page, Pte.ofFrame(pfn, true));
        }
        return pfn;
    }

    /** Copies content that is not there to be mapped: zeros for a hole. */
    void read(long page, int offset, byte[] into, int at, int length) {
        family.readEntry(entry(page), offset, into, at, length);
    }
}
