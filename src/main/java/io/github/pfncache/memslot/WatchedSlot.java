package io.github.pfncache.memslot;

import java.util.function.LongConsumer;

/** The pages of one slot that a {@link WriteWatch} watches. Told by any thread; asked and changed by one. */
final class WatchedSlot extends Linked<WatchedSlot> {

    private final WriteWatch owner;
    final Memslot slot;

    /** The log whose marks tell the owner; named here because the slot may have let go of it. */
    final DirtyBitmap log;

    final Marks watched;

    /** Has room for each page that is watched: a writer allocates nothing. */
    private final Marks written;

    /** Made once: to be told must not need memory. */
    private final LongConsumer writing = this::written;

    WatchedSlot(WriteWatch owner, Memslot slot, DirtyBitmap log) {
        this.owner = owner;
        this.slot = slot;
        this.log = log;
        this.watched = new Marks(slot.npages());
        this.written = new Marks(slot.npages());
    }

    /** Whether the next writer of a page tells, and none has. */
    boolean awaits(long page) {
        return watched.has(page) && !written.has(page);
    }

    void watch(long page) {
        written.wordsOf(page); // first: a writer that finds the page watched finds room
        Marks.mark(watched.wordsOf(page), page);
    }

    /** First the page, then that there is one. Allocates nothing. */
    void written(long page) {
        if (watched.has(page)) {
            Marks.mark(written.wordsOf(page), page);
            owner.due = true;
        }
    }

    /** The slot is another one now, or none: all that is watched. Allocates nothing. */
    void allWritten() {
        watched.forEach(writing);
    }

    /** Tells of the pages that were written, which are not watched any more then; if that throws, the rest stays. */
    void take(LongConsumer reader) {
        written.forEach(page -> {
            watched.clear(page); // first: a writer that still finds it watched tells once more
            written.clear(page);
            reader.accept(slot.baseGfn() + page);
        });
    }

    boolean isIdle() {
        return watched.count() == 0 && written.count() == 0;
    }
}
