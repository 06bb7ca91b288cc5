package io.github.pfncache.memslot;

import io.github.pfncache.address.GfnRange;
import io.github.pfncache.address.Pages;

/**
 * One guest memory region: the guest frames {@code [baseGfn, baseGfn + npages)} are backed by the host user addresses
 * from {@code hva} on. Immutable, but for its dirty log; safe from any thread.
 *
 * <pre>{@code
 * Memslot slot = memslots.table().find(gfn);
 * long hva = slot.gfnToHva(gfn);
 * ...                                  // write there
 * slot.markDirty(gfn);                 // after the write, before the right to write is given up
 * }</pre>
 *
 * <p>Kernel counterpart: {@code struct kvm_memory_slot}, {@code gfn_to_hva_memslot()},
 * {@code mark_page_dirty_in_slot()}.
 *
 * @since 0.1.0
 */
public final class Memslot {

    /** Pages written are logged. ABI: {@code KVM_MEM_LOG_DIRTY_PAGES}. */
    public static final int FLAG_LOG_DIRTY_PAGES = 1;

    /** The guest must not write. ABI: {@code KVM_MEM_READONLY}. */
    public static final int FLAG_READONLY = 2;

    private final int id;
    private final int flags;
    private final long baseGfn;
    private final long npages;
    private final long hva;
    private final DirtyRings rings;

    /** Set once, by the thread that changes the memory map. Read by any thread. */
    volatile boolean givenUp;

    /** The same object for a slot and all that it becomes by changes, until it is deleted. */
    private final Object line;

    /**
     * The log, or null. Written by the holder under its SLOTS lock, read without a lock: a thread that still sees the
     * log of a slot that has ceased to log marks a page no harvest asks for, and may put an entry too many into its
     * ring. Useless, but no mark is ever lost.
     */
    private DirtyBitmap log;

    /**
     * A slot whose numbers {@link MemslotRequest} has checked.
     *
     * @param log the bitmap that marks go to, or null
     * @param rings the rings that marks go to first, or null in bitmap mode
     * @param former what the slot was before a change; null for a slot that is made
     */
    Memslot(int id, int flags, GfnRange gfns, long hva, DirtyBitmap log, DirtyRings rings, Memslot former) {
        this.id = id;
        this.flags = flags;
        this.baseGfn = gfns.start();
        this.npages = gfns.npages();
        this.hva = hva;
        this.log = log;
        this.rings = rings;
        this.line = former == null ? new Object() : former.line;
    }

    /**
     * The number by which the region is changed.
     *
     * @return 0 to 32763
     */
    public int id() {
        return id;
    }

    /**
     * First guest frame.
     *
     * @return a gfn
     */
    public long baseGfn() {
        return baseGfn;
    }

    /**
     * Size.
     *
     * @return pages, 1 to 2<sup>31</sup> - 1
     */
    public long npages() {
        return npages;
    }

    /**
     * First guest frame after the slot.
     *
     * @return {@code baseGfn + npages}
     */
    public long endGfn() {
        return baseGfn + npages;
    }

    /**
     * Host user virtual address of the first page.
     *
     * @return page aligned, below 2<sup>56</sup>
     */
    public long hva() {
        return hva;
    }

    /**
     * The flags as given.
     *
     * @return any of {@link #FLAG_LOG_DIRTY_PAGES} and {@link #FLAG_READONLY}
     */
    public int flags() {
        return flags;
    }

    /**
     * Whether the slot was given up: the change that made it was taken back. A thread that has found it meanwhile must
     * find another one.
     *
     * @return true from soon after the former table is there again
     */
    public boolean isGivenUp() {
        return givenUp;
    }

    /**
     * Whether the guest must not write here.
     *
     * @return true iff {@link #FLAG_READONLY} is set
     */
    public boolean readOnly() {
        return (flags & FLAG_READONLY) != 0;
    }

    /**
     * Whether pages written are logged.
     *
     * @return true iff {@link #FLAG_LOG_DIRTY_PAGES} is set
     */
    public boolean logsDirtyPages() {
        return (flags & FLAG_LOG_DIRTY_PAGES) != 0;
    }

    /**
     * The guest frames as a range.
     *
     * @return {@code [baseGfn, endGfn)}
     */
    public GfnRange gfns() {
        return new GfnRange(baseGfn, npages);
    }

    /**
     * Whether a guest frame lies in the slot.
     *
     * @param gfn any value
     * @return true iff {@code baseGfn <= gfn < endGfn}
     */
    public boolean contains(long gfn) {
        return gfn >= baseGfn && gfn < baseGfn + npages;
    }

    /**
     * Host user virtual address of a guest frame.
     *
     * @param gfn a frame of this slot; an exclusive end is not one
     * @return page-aligned hva
     * @throws IllegalArgumentException if the frame is not in the slot
     */
    public long gfnToHva(long gfn) {
        return hva + (relativePage(gfn) << Pages.PAGE_SHIFT);
    }

    /**
     * Logs that a page was written. To be called after the data was written and before the right to write it is given
     * up ([rule L12]), once for every page written. Does nothing if the slot does not log.
     *
     * <p>With rings, the mark goes to the ring that is bound to the current thread; without one, or when that ring is
     * full to the last entry, it goes to the slot's bitmap, so no mark is ever lost.
     *
     * @param gfn a frame of this slot
     * @throws IllegalArgumentException if the slot logs and the frame is not in it
     */
    public void markDirty(long gfn) {
        DirtyBitmap bitmap = log;
        if (bitmap != null) {
            long page = relativePage(gfn);
            if (!pushed(page)) {
                bitmap.mark(page);
            }
        }
    }

    /**
     * The flags that the maker of the slot asked for: a log that is on for its readers alone is not among them.
     *
     * @return any of {@link #FLAG_LOG_DIRTY_PAGES} and {@link #FLAG_READONLY}
     */
    public int askedFlags() {
        DirtyBitmap bitmap = log;
        return bitmap == null || bitmap.wanted ? flags : flags & ~FLAG_LOG_DIRTY_PAGES;
    }

    /**
     * A mark of a page that is written often.
     *
     * @param gfn a frame of this slot
     * @param former a mark the caller has, or null
     * @return the mark, {@code former} if that is of the same page and log; null if the slot does not log, and no
     *     change that turned logging off can be taken back any more
     * @throws IllegalArgumentException if the slot logs and the frame is not in it
     */
    public DirtyMark dirtyMark(long gfn, DirtyMark former) {
        DirtyBitmap bitmap = log;
        if (bitmap == null) {
            return null;
        }
        long page = relativePage(gfn);
        return former != null && former.isOf(this, bitmap, page)
                ? former
                : new DirtyMark(this, bitmap, page, rings != null);
    }

    /**
     * Whether marks are kept, also because a change that turns logging off could still be taken back.
     *
     * @return false iff {@link #markDirty} does nothing
     */
    public boolean hasLog() {
        return log != null;
    }

    /**
     * How many pages are marked and were not harvested yet; what waits in a vCPU's ring is not counted.
     *
     * @return pages; 0 without a log
     */
    public long dirtyPages() {
        DirtyBitmap bitmap = log;
        return bitmap == null ? 0 : bitmap.peek(bitmap.unnamed).count();
    }

    /**
     * Whether one of the two has become the other, by moves, flags or other memory.
     *
     * @param other a slot
     * @return false if one was made after the other, or its like, was deleted
     */
    public boolean isSameSlotAs(Memslot other) {
        return line == other.line;
    }

    /** Marks every page, in the bitmap also where there are rings: no thread has written them. */
    void markWhole() {
        DirtyBitmap bitmap = log;
        if (bitmap != null) {
            bitmap.markAll();
        }
    }

    /** Makes the room that {@link #markWhole} takes. */
    void makeRoomForMarks() {
        DirtyBitmap bitmap = log;
        for (long page = 0; bitmap != null && page < npages; page += Marks.PAGES_PER_CHUNK) { // by the slot
            bitmap.wordsOf(page);
        }
    }

    /**
     * Whether marks of both go to one log: the same slot, or one that has moved and where it was.
     *
     * @param other a slot
     * @return true iff there is a log, and it is the same
     */
    public boolean sharesLogWith(Memslot other) {
        DirtyBitmap bitmap = log;
        return bitmap != null && bitmap == other.log;
    }

    /** Whether a mark went to the current thread's ring. */
    boolean pushed(long page) {
        boolean pushed = rings != null && rings.push(id, page);
        DirtyBitmap bitmap = log;
        if (pushed && bitmap != null) {
            bitmap.tellWatches(page);
        }
        return pushed;
    }

    /** The log, or null; with rings it holds what no ring took. Read under SLOTS, or racily by a harvest. */
    DirtyBitmap log() {
        return log;
    }

    /** Lets go of a log kept only while the change that turned logging off could still be taken back. Under SLOTS. */
    void dropLogUnlessLogging() {
        if (!logsDirtyPages()) {
            log = null;
        }
    }

    private long relativePage(long gfn) {
        if (!contains(gfn)) {
            throw new IllegalArgumentException("gfn=" + Pages.hex(gfn) + " is not in " + this);
        }
        return gfn - baseGfn;
    }

    @Override
    public String toString() {
        return "slot " + id + " " + gfns() + " hva=" + Pages.hex(hva) + " flags=" + Pages.hex(flags);
    }
}
