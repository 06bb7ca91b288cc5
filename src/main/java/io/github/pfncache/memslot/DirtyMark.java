package io.github.pfncache.memslot;

/**
 * A prepared mark of one page of a slot that logs: it has looked up once what {@link Memslot#markDirty} looks up each
 * time. Immutable; safe from any thread.
 *
 * <p>Kernel counterpart: {@code mark_page_dirty_in_slot()}.
 *
 * @since 0.1.0
 */
public final class DirtyMark {

    private final Memslot slot;
    private final DirtyBitmap bitmap;
    private final long page;

    /** The words of the bitmap that have the page's bit: made here, so that to mark takes no memory. */
    private final long[] words;

    /** Whether marks go to the ring of the thread first. */
    private final boolean rings;

    DirtyMark(Memslot slot, DirtyBitmap bitmap, long page, boolean rings) {
        this.slot = slot;
        this.bitmap = bitmap;
        this.page = page;
        this.words = bitmap.wordsOf(page);
        this.rings = rings;
    }

    boolean isOf(Memslot itsSlot, DirtyBitmap itsBitmap, long itsPage) {
        return slot == itsSlot && bitmap == itsBitmap && page == itsPage;
    }

    /**
     * Logs that the page is written. The caller has announced a brief hold of a lock, and writes the data afterwards,
     * under it: a harvest waits for such holds. So an exception between the two cannot lose the mark.
     */
    public void setUnderBriefHold() {
        if (rings ? isForBitmap() : !Marks.isMarked(words, page)) {
            bitmap.markUnderBriefHold(page);
        }
    }

    /**
     * With rings: whether the slot logs still, and no ring took the mark. A mark made while a change turns logging off
     * outlives the log; its bitmap is never harvested again, but a ring would fill up with such marks.
     */
    private boolean isForBitmap() {
        return slot.log() != null && !slot.pushed(page);
    }

    @Override
    public String toString() {
        return "mark of page " + page + " of " + slot;
    }
}
