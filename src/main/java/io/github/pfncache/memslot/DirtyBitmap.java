package io.github.pfncache.memslot;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;

/**
 * The dirty log of one slot: one bit for each page, set since the last harvest. Any number of threads may mark and
 * harvest at once.
 *
 * <p><b>Readers.</b> A harvest moves the marks from the bitmap to what is kept for each reader, and then returns what
 * is kept for its own. Bits leave the bitmap in this one place, so no reader takes a page from another. The reader
 * without a name, {@link Memslots#harvestDirty}, is one of them; each {@link DirtyReader} is another. What a reader
 * puts back is kept for that reader alone. A page that may still be written without a mark is marked again for all
 * readers, later ones included.
 *
 * <p><b>Part of them.</b> A harvest may be of some pages: the marks of the others stay where they are.
 *
 * <p><b>Watches.</b> A page that a {@link WriteWatch} watches has no mark. So the next writer has to set the mark, and
 * tells the watch before it does. A writer that finds the mark set has nothing to tell: the watch was told when it was
 * set. A writer counts itself, or has announced a brief hold; then it looks at the watches, and then it marks. A watch
 * is entered, then waits for the writers that are counted or announced, and only then clears the mark. So a writer that
 * missed the watch sets no mark after that.
 *
 * <p><b>Memory order.</b> A writer writes the data, then marks; a harvest clears the bit, then its caller reads the
 * data. A mark may find the bit set and skip the atomic instruction, which is why it fences first: data, full fence,
 * look at the bit. If it sees the bit set, the clearing comes later in the order of that word, so the fence has made
 * the data visible to the harvest that cleared it. Without the fence the look could be done before the data is visible:
 * the harvest clears the bit in between, its caller reads the old data, and the page written is lost to the log. If the
 * mark sees the bit clear, it sets it, and the next harvest reports the page: at worst once more than needed.
 *
 * <p>A writer that has announced a brief hold marks before it writes the data, so that an exception between the two
 * cannot lose the mark. Its announcement was the fence. A harvest clears the bits, and then waits until the brief holds
 * that are announced by then have ended. If the announcement came before the harvest looked for it, the harvest waits,
 * and the data is there when it returns. If it came after, so did the look at the bit, which was clear by then, and the
 * next harvest has the page, and waits. That look is opaque: it stays after the announcement because the writer reads
 * the sequence of its lock in between, which is volatile. To move the look before that read breaks this, on processors
 * that let a load overtake the store of a compare-and-set. Holds that do not end in time may have skipped any of the
 * marks, so all are set again.
 *
 * <p>Kernel counterpart: {@code memslot->dirty_bitmap} and {@code KVM_GET_DIRTY_LOG}.
 *
 * @since 0.1.0
 */
public final class DirtyBitmap {

    /** How long a harvest waits for holds of a few instructions, whose threads may be preempted: 100 milliseconds. */
    private static final long BRIEF_NANOS = 100_000_000;

    /** What was marked, and is not kept for the readers yet. */
    private final Marks marks;

    /** Held while marks go from the bitmap to the readers: no harvest sees them in neither place. */
    private final TrackedLock handing = new TrackedLock(LockClass.DIRTY);

    /** What is kept for {@link #harvest}; the last of the chain. */
    final Marks unnamed;

    /** What is kept for the readers, a chain: to leave it takes no memory. Written under {@link #handing}. */
    private volatile Marks readers;

    /** The first of those that are told of writes; null without any. Written under {@link #handing}. */
    private volatile WatchedSlot watches;

    /** How many threads may have looked at the watches, and are about to mark; but for those with a brief hold. */
    private final AtomicInteger marking = new AtomicInteger();

    /** Made once: to mark must not need memory. */
    private final LongConsumer marker = this::mark;

    /** Whether the maker of the slot asked for the log; if not, it goes with its last reader. */
    volatile boolean wanted;

    /**
     * An empty log.
     *
     * @param npages pages of the slot, 1 to 2<sup>31</sup> - 1
     */
    DirtyBitmap(long npages) {
        this.marks = new Marks(npages);
        this.unnamed = newReader();
        this.readers = unnamed;
    }

    /**
     * Marks a page as written, after its data was.
     *
     * @param page page of the slot, 0 to npages - 1
     */
    void mark(long page) {
        VarHandle.fullFence(); // pairs with the clearing in harvest(): see the class comment
        if (!marks.has(page)) {
            marking.getAndIncrement(); // first, then the look at the watches: pairs with awaitMarks()
            try {
                markUnderBriefHold(page); // no call more: an access has made sure of room for these
            } finally {
                marking.getAndDecrement();
            }
        }
    }

    /**
     * As {@link #mark}, for a writer that has announced a brief hold, and is about to write the data under it.
     *
     * @param page page of the slot, 0 to npages - 1
     */
    void markUnderBriefHold(long page) {
        long[] words = marks.wordsOf(page);
        if (!Marks.isMarked(words, page)) {
            tellWatches(page);
            Marks.mark(words, page);
        }
    }

    /** A page is written, or was: allocates nothing. */
    void tellWatches(long page) {
        for (WatchedSlot watch = watches; watch != null; watch = watch.next) { // bounded by the watches
            watch.written(page);
        }
    }

    /** The words that have the bit of a page, the same ones for the life of the bitmap. */
    long[] wordsOf(long page) {
        return marks.wordsOf(page);
    }

    /**
     * Takes marks out, for {@link #unnamed} or a reader that {@link #newReader} made.
     *
     * @param which of which pages
     * @return the pages
     */
    Harvest harvest(Marks reader, PageMask which) {
        Marks taken;
        Marks all;
        handing.lock();
        try (handing) {
            all = readers;
            marks.moveTo(all, which);
            taken = reader.take(which);
        }
        boolean whole = false;
        try {
            // After the bits were cleared, see the class comment; also if another harvest has cleared them.
            VarHandle.fullFence();
            Harvest harvest = new Harvest(this, reader, taken, all);
            whole = awaitBriefHolds();
            harvest.unsettled = !whole;
            return harvest;
        } finally {
            if (!whole) {
                taken.forEach(marker); // for all, see Harvest.markAgain
            }
        }
    }

    /** What the next harvest of a reader has, if nothing comes between; nothing is taken out. */
    Harvest peek(Marks reader) {
        Marks seen = newReader();
        handing.lock();
        try (handing) {
            seen.add(marks);
            seen.add(reader);
        }
        return new Harvest(this, reader, seen, null);
    }

    private void putBackFor(Marks reader, Marks taken) {
        handing.lock();
        try (handing) {
            reader.add(taken);
        }
    }

    /** Marks all pages, for what a thread has changed before. */
    void markAll() {
        for (long page = 0; page < marks.npages; page++) { // bounded by the size of the slot
            mark(page);
        }
    }

    /** Makes room for the marks of one reader more. */
    Marks newReader() {
        return new Marks(marks.npages);
    }

    /** Keeps the marks from now on for what {@link #newReader} made; nothing if it does already. Allocates nothing. */
    void addReader(Marks reader) {
        handing.lock();
        try (handing) {
            readers = Linked.with(readers, reader);
        }
    }

    /** Ends what {@link #addReader} began; nothing if it has ended. Allocates nothing. */
    void removeReader(Marks reader) {
        handing.lock();
        try (handing) {
            readers = Linked.without(readers, reader);
        }
    }

    /** Tells a watch of writes from now on, or no longer; nothing if it is so already. Allocates nothing. */
    void setWatch(WatchedSlot watch, boolean on) {
        handing.lock();
        try (handing) {
            watches = on ? Linked.with(watches, watch) : Linked.without(watches, watch);
        }
    }

    /** Whether the log is needed no more: its users have gone, and the maker of the slot has not asked for it. */
    boolean isIdle() {
        return readers == unnamed && watches == null && !wanted;
    }

    /** Marks a page for all readers but the one without a name, which gets it from a ring. */
    void markForNamed(long page) {
        wordsOf(page); // what is put back for all finds its words here
        for (Marks reader = readers; reader != unnamed; reader = reader.next) { // bounded by the readers
            Marks.mark(reader.wordsOf(page), page);
        }
    }

    /** Whether all have marked that may have looked at the watches by now: what they have set can be cleared then. */
    boolean awaitMarks() {
        return awaitBriefHolds()
                && TrackedRwLock.awaitBriefly(() -> marking.get() == 0, System.nanoTime() + BRIEF_NANOS);
    }

    /** Whether the holds have ended that were announced by now; what was written under them can be seen then. */
    static boolean awaitBriefHolds() {
        return TrackedRwLock.awaitBriefReaders(System.nanoTime() + BRIEF_NANOS);
    }

    /**
     * The pages that were found marked: taken out of the log, unless they were only looked at. Safe from any thread.
     *
     * <p>A reader that cannot deliver them puts them back, and its next harvest has them again.
     */
    public static final class Harvest {

        private final DirtyBitmap origin;
        private final Marks reader;
        private final Marks taken;
        private final AtomicBoolean putBack = new AtomicBoolean();

        /** Written by the thread that harvests, before another thread has the harvest. */
        private boolean unsettled;

        /** The chain of readers that got the marks. */
        private final Marks all;

        private Harvest(DirtyBitmap origin, Marks reader, Marks taken, Marks all) {
            this.origin = origin;
            this.reader = reader;
            this.taken = taken;
            this.all = all;
        }

        /** The harvest where there is no log; a new one for each caller, which may put it back. */
        static Harvest empty() {
            DirtyBitmap none = new DirtyBitmap(1);
            return none.peek(none.unnamed);
        }

        /**
         * The pages.
         *
         * @return page numbers relative to the slot, ascending, each once
         */
        public long[] pages() {
            long[] pages = new long[Math.toIntExact(count())];
            int[] n = {0};
            taken.forEach(page -> pages[n[0]++] = page);
            return pages;
        }

        /**
         * How many pages there are.
         *
         * @return at least 0
         */
        public long count() {
            return taken.count();
        }

        @Override
        public String toString() {
            return "Harvest[" + count() + " pages" + (unsettled ? ", unsettled]" : "]");
        }

        /**
         * Marks the pages again, where a writer would, because a vCPU may go on writing them without a mark: a reader
         * that is made after this copies a page as it is now, and has to get it once more, like all others and a watch.
         */
        void markAgain() {
            unsettled = true;
            taken.forEach(origin.marker);
        }

        /** Whether no reader came while vCPUs were still writing: it has copied before, and has to have a mark. */
        boolean isForAllReaders() {
            return origin.readers == all;
        }

        /** Whether pages may still be written without a mark; those that were taken are marked again. */
        boolean isUnsettled() {
            return unsettled;
        }

        /**
         * Marks the pages again, for the reader that harvested them, because they could not be delivered. If the slot
         * has stopped logging or is gone, no harvest will ask for them and nothing comes of it.
         *
         * @throws IllegalStateException if they were put back before: pages of a later harvest would be reported twice
         */
        public void putBack() {
            if (!putBack.compareAndSet(false, true)) {
                throw new IllegalStateException("this harvest of " + count() + " pages was put back before");
            }
            origin.putBackFor(reader, taken);
        }
    }
}
