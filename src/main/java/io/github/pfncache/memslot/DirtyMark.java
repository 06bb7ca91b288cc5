package io.github.pfncache.memslot;

/**
 * Marks one page of a slot that logs, again and again: what {@link Memslot#markDirty} finds out each time is found out
 * once. Immutable; safe from any thread.
 *
 * <p>Kernel counterpart: {@code mark_page_dirty_in_slot()}.
 */
public final class DirtyMark {

    private final Memslot slot;
    private final DirtyBitmap bitmap;
    private final long page;

    /** The words of the bitmap that have the page's bit; null with rings, which each thread has its own of. */
    private final long[] words;

    DirtyMark(Memslot slot, DirtyBitmap bitmap, long page, boolean rings) {
        this.slot = slot;
        this.bitmap = bitmap;
        this.page = page;
        this.words = rings ? null : bitmap.wordsOf(page);
    }

    boolean isOf(Memslot itsSlot, DirtyBitmap itsBitmap, long itsPage) {
        return slot == itsSlot && bitmap == itsBitmap && page == itsPage;
    }

    /**
     * Logs that the page was written. For a caller with a brief hold of a lock, announced before the data was written,
     * which has not ended yet: so it needs no fence, because a harvest waits for such holds.
     */
    public void setUnderBriefHold() {
        if (words == null ? isForBitmap() : !DirtyBitmap.isMarked(words, page)) {
            bitmap.markUnderBriefHold(page);
        }
    }

    /**
     * With rings: whether the slot logs still, and no ring took the mark. A mark made while a change turns logging off
     * outlives the log; the bitmap of such a one is never harvested again, but a ring would fill up with it.
     */
    private boolean isForBitmap() {
        return slot.log() != null && !slot.pushed(page);
    }

    @Override
    public String toString() {
        return "mark of page " + page + " of " + slot;
    }
}
