package io.github.pfncache.memslot;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The dirty log of one slot: one bit for each page, set since the last harvest. Any number of threads may mark and
 * harvest at once.
 *
 * <p><b>Readers.</b> A harvest takes the marks out for all readers, and then returns those that are kept for its own
 * reader: bits leave the bitmap in one place, and no reader takes a page from another. The reader without a name,
 * {@link Memslots#harvestDirty}, is one of them; each {@link DirtyReader} is another. What a reader puts back is kept
 * for that reader alone; what may still be written without a mark goes back for all, also for a later reader.
 *
 * <p>Bits live in chunks of 32,768 pages that are made when the first of their pages is marked, or gets a {@link
 * DirtyMark}, so the log of a large slot costs memory for the parts in use only.
 *
 * <p><b>Memory order.</b> A writer writes the data, then marks; a harvest clears the bit, then its caller reads the
 * data. A mark may find the bit set and skip the atomic instruction, which is why it fences first: data, full fence,
 * look at the bit. If it sees the bit set, the clearing comes later in the order of that word, so the fence has made
 * the data visible to the harvest that cleared it. Without the fence the look could be done before the data is visible:
 * the harvest clears the bit in between, its caller reads the old data, and the page written is lost to the log. If the
 * mark sees the bit clear, it sets it, and the next harvest reports the page: at worst once more than needed.
 *
 * <p>A writer that announced itself for a brief hold marks before it writes the data, so that nothing can come in
 * between that loses the mark; and it has fenced already. A harvest, having cleared the bits, waits until the brief
 * holds that were announced by then have ended. If the announcement came before the harvest looked for it, the harvest
 * waits, and the data is there when it returns. If it came after, so did the look at the bit, which was clear by then,
 * and the next harvest has the page, and waits. That look is opaque: it stays after the announcement because the
 * writer reads the sequence of its lock in between, which is volatile. To move the look before that read breaks this,
 * on processors that let a load overtake the store of a compare-and-set. Holds that do not end in time may have
 * skipped any of the marks, so all are set again.
 *
 * <p>Kernel counterpart: {@code memslot->dirty_bitmap} and {@code KVM_GET_DIRTY_LOG}.
 *
 * @since 0.1.0
 */
public final class DirtyBitmap {

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle CHUNKS = MethodHandles.arrayElementVarHandle(long[][].class);

    /** How long a harvest waits for holds of a few instructions, whose threads may be preempted: 100 milliseconds. */
    private static final long BRIEF_NANOS = 100_000_000;

    private static final int PAGES_PER_WORD_SHIFT = 6;
    private static final int PAGES_PER_CHUNK_SHIFT = 15;
    static final int PAGES_PER_CHUNK = 1 << PAGES_PER_CHUNK_SHIFT;
    private static final int LAST_WORD_OF_CHUNK = (PAGES_PER_CHUNK >>> PAGES_PER_WORD_SHIFT) - 1;

    private final long npages;

    /** Elements are set once, by compare-and-set from null; their words only by atomic operations. */
    private final long[][] chunks;

    /** Held while marks go from the bitmap to the readers: no harvest sees them in neither place. */
    private final TrackedLock handing = new TrackedLock(LockClass.DIRTY);

    /** What is kept for {@link #harvest()}; null in what is itself kept for a reader. */
    private final DirtyBitmap unnamed;

    /** What is kept for the first of the other readers; null without any. Written under {@link #handing}. */
    private volatile DirtyBitmap named;

    /** What is kept for the reader after this one; the last is {@link #unnamed}. To leave a chain takes no memory. */
    private volatile DirtyBitmap next;

    /** Whether the maker of the slot asked for the log; if not, it goes with its last reader. */
    private volatile boolean wanted;

    /**
     * An empty log.
     *
     * @param npages pages of the slot, 1 to 2<sup>31</sup> - 1
     */
    DirtyBitmap(long npages) {
        this(npages, new DirtyBitmap(npages, null));
    }

    private DirtyBitmap(long npages, DirtyBitmap unnamed) {
        this.npages = npages;
        this.chunks = new long[(int) (npages + PAGES_PER_CHUNK - 1 >>> PAGES_PER_CHUNK_SHIFT)][];
        this.unnamed = unnamed;
    }

    /**
     * Marks a page as written, after its data was.
     *
     * @param page page of the slot, 0 to npages - 1
     */
    void mark(long page) {
        VarHandle.fullFence(); // pairs with the clearing in harvest(): see the class comment
        markUnderBriefHold(page);
    }

    /**
     * As {@link #mark}, for a writer that has announced a brief hold, and is about to write the data under it.
     *
     * @param page page of the slot, 0 to npages - 1
     */
    void markUnderBriefHold(long page) {
        long[] words = wordsOf(page);
        if (!isMarked(words, page)) {
            WORDS.getAndBitwiseOr(words, wordOf(page), 1L << page);
        }
    }

    /** The words that have the bit of a page, the same ones for the life of the bitmap. */
    long[] wordsOf(long page) {
        return chunk((int) (page >>> PAGES_PER_CHUNK_SHIFT));
    }

    /** Whether the bit of a page is set, in the words that have it. */
    static boolean isMarked(long[] words, long page) {
        return ((long) WORDS.getOpaque(words, wordOf(page)) & 1L << page) != 0;
    }

    private static int wordOf(long page) {
        return (int) (page >>> PAGES_PER_WORD_SHIFT) & LAST_WORD_OF_CHUNK;
    }

    private long[] chunk(int number) {
        long[] words = (long[]) CHUNKS.getAcquire(chunks, number);
        if (words != null) {
            return words;
        }
        long pages = Math.min(PAGES_PER_CHUNK, npages - ((long) number << PAGES_PER_CHUNK_SHIFT));
        long[] fresh = new long[(int) (pages + Long.SIZE - 1 >>> PAGES_PER_WORD_SHIFT)];
        long[] winner = (long[]) CHUNKS.compareAndExchange(chunks, number, null, fresh);
        return winner == null ? fresh : winner;
    }

    /**
     * Takes the marks away and hands them out. A page marked meanwhile is in this harvest or in the next.
     *
     * @return the pages marked since the last harvest
     */
    Harvest harvest() {
        return harvestFor(unnamed);
    }

    /** As {@link #harvest()}, for a reader that {@link #newReader} made. */
    Harvest harvestFor(DirtyBitmap reader) {
        List<Part> parts;
        handing.lock();
        try {
            handOut();
            parts = placeOf(reader).take();
        } finally {
            handing.unlock();
        }
        boolean whole = false;
        try {
            // After the bits were cleared, see the class comment; also if another harvest has cleared them.
            VarHandle.fullFence();
            Harvest harvest = new Harvest(this, reader, parts);
            whole = awaitBriefHolds();
            if (!whole) {
                harvest.unsettled = true;
            }
            return harvest;
        } finally {
            if (!whole) {
                putBackForAll(parts);
            }
        }
    }

    /** Where a reader's marks are: for the one without a name, while there is no other, where they were made. */
    private DirtyBitmap placeOf(DirtyBitmap reader) {
        return reader == unnamed && named == null ? this : reader;
    }

    private void putBackFor(DirtyBitmap reader, List<Part> parts) {
        handing.lock();
        try {
            placeOf(reader).putBack(parts);
        } finally {
            handing.unlock();
        }
    }

    /**
     * What may still be written without a mark is marked again where a writer would: a reader that is made after this
     * copies the page as it is now, and has to get it once more, like every other reader.
     */
    private void putBackForAll(List<Part> parts) {
        handing.lock();
        try {
            putBack(parts);
        } finally {
            handing.unlock();
        }
    }

    /** Each reader gets what is marked. Room first, then the marks: whatever throws, they are in one of the places. */
    private void handOut() {
        for (int c = 0; named != null && c < chunks.length; c++) { // bounded by the size of the slot
            long[] words = (long[]) CHUNKS.getAcquire(chunks, c);
            if (words != null && isAnyMarked(words)) {
                for (DirtyBitmap reader = named; reader != null; reader = reader.next) { // bounded by the readers
                    reader.chunk(c);
                }
                for (int w = 0; w < words.length; w++) { // bounded by the size of a chunk
                    long marks = takeWord(words, w);
                    for (DirtyBitmap reader = named; reader != null; reader = reader.next) { // as above
                        reader.putWord(c, w, marks);
                    }
                }
            }
        }
    }

    /** Marks all pages, for what a thread has changed before. */
    void markAll() {
        VarHandle.fullFence(); // as in mark()
        for (long page = 0; page < npages; page++) { // bounded by the size of the slot
            markUnderBriefHold(page);
        }
    }

    /** How many pages the next harvest of the reader without a name has, if nothing comes between. */
    long marked() {
        long count = 0;
        for (int c = 0; c < chunks.length; c++) { // bounded by the size of the slot
            long[] made = (long[]) CHUNKS.getAcquire(chunks, c);
            long[] kept = (long[]) CHUNKS.getAcquire(unnamed.chunks, c);
            for (int w = 0; w <= LAST_WORD_OF_CHUNK; w++) { // bounded by the size of a chunk
                count += Long.bitCount(word(made, w) | word(kept, w));
            }
        }
        return count;
    }

    private static long word(long[] words, int w) {
        return words == null || w >= words.length ? 0 : (long) WORDS.getOpaque(words, w);
    }

    private static boolean isAnyMarked(long[] words) {
        for (int w = 0; w < words.length; w++) { // bounded by the size of a chunk
            if ((long) WORDS.getOpaque(words, w) != 0) {
                return true;
            }
        }
        return false;
    }

    /** Room for the marks of one reader more. */
    DirtyBitmap newReader() {
        return new DirtyBitmap(npages, null);
    }

    /** Keeps the marks from now on for what {@link #newReader} made; nothing if it does already. Allocates nothing. */
    void addReader(DirtyBitmap reader) {
        handing.lock();
        try {
            if (reader != named && beforeReader(reader) == null) {
                reader.next = named == null ? unnamed : named;
                named = reader;
            }
        } finally {
            handing.unlock();
        }
    }

    /** Ends what {@link #addReader} began; nothing if it has ended. Allocates nothing. */
    void removeReader(DirtyBitmap reader) {
        handing.lock();
        try {
            DirtyBitmap before = beforeReader(reader);
            if (before != null) {
                before.next = reader.next;
            } else if (reader == named) {
                named = reader.next == unnamed ? null : reader.next;
                if (named == null) {
                    takeBackMarks(); // kept for the last one, which needs no place for it any more
                }
            }
        } finally {
            handing.unlock();
        }
    }

    private DirtyBitmap beforeReader(DirtyBitmap reader) {
        DirtyBitmap at = named;
        while (at != null && at.next != reader) { // bounded by the readers
            at = at.next;
        }
        return at;
    }

    /** The marks of the reader without a name go where marks are made, which is where they came from. */
    private void takeBackMarks() {
        for (int c = 0; c < chunks.length; c++) { // bounded by the size of the slot
            long[] words = (long[]) CHUNKS.getAcquire(unnamed.chunks, c);
            for (int w = 0; words != null && w < words.length; w++) { // bounded by the size of a chunk
                putWord(c, w, takeWord(words, w));
            }
        }
    }

    /** Whether the log is needed no more: its readers have gone, and the maker of the slot has not asked for it. */
    boolean isIdle() {
        return named == null && !wanted;
    }

    boolean isWanted() {
        return wanted;
    }

    /** The maker of the slot asks for the log. */
    void want() {
        wanted = true;
    }

    /** Marks a page for all readers but the one without a name, which gets it from a ring. */
    void markForNamed(long page) {
        wordsOf(page); // what is put back for all finds its words here
        for (DirtyBitmap reader = named; reader != null && reader != unnamed; reader = reader.next) { // by the readers
            reader.mark(page);
        }
    }

    long npages() {
        return npages;
    }

    /** Takes the marks out: room for them first, so that none is lost without memory. */
    private List<Part> take() {
        List<Part> parts = new ArrayList<>();
        for (int c = 0; c < chunks.length; c++) { // bounded by the size of the slot
            long[] words = (long[]) CHUNKS.getAcquire(chunks, c);
            if (words != null && isAnyMarked(words)) {
                parts.add(new Part(c, new long[words.length]));
            }
        }
        for (int i = 0; i < parts.size(); i++) {
            long[] taken = parts.get(i).words;
            long[] words = chunk(parts.get(i).chunk);
            for (int w = 0; w < words.length; w++) { // bounded by the size of a chunk
                taken[w] = takeWord(words, w);
            }
        }
        return parts;
    }

    private static long takeWord(long[] words, int w) {
        return (long) WORDS.getOpaque(words, w) == 0 ? 0 : (long) WORDS.getAndSet(words, w, 0L);
    }

    /** Whether the holds have ended that were announced by now; what was written under them can be seen then. */
    static boolean awaitBriefHolds() {
        return TrackedRwLock.awaitBriefReaders(System.nanoTime() + BRIEF_NANOS);
    }

    /** Allocates nothing: the marks come from a chunk that is here. */
    private void putWord(int c, int w, long marks) {
        if (marks != 0) {
            WORDS.getAndBitwiseOr(chunk(c), w, marks);
        }
    }

    private void putBack(List<Part> parts) {
        for (int i = 0; i < parts.size(); i++) { // bounded by the size of the slot
            Part part = parts.get(i);
            for (int w = 0; w < part.words.length; w++) { // bounded by the size of a chunk
                putWord(part.chunk, w, part.words[w]);
            }
        }
    }

    /** The marks taken out of one chunk. */
    private record Part(int chunk, long[] words) {}

    /**
     * The pages that were found marked, taken out of the log. Safe from any thread.
     *
     * <p>A reader that cannot deliver them puts them back, and its next harvest has them again.
     */
    public static final class Harvest {

        private final DirtyBitmap origin;
        private final DirtyBitmap reader;
        private final List<Part> parts;
        private final AtomicBoolean putBack = new AtomicBoolean();

        /** Written by the thread that harvests, before another thread has the harvest. */
        private boolean unsettled;

        private Harvest(DirtyBitmap origin, DirtyBitmap reader, List<Part> parts) {
            this.origin = origin;
            this.reader = reader;
            this.parts = parts;
        }

        /** The harvest where there is no log; a new one for each caller, which may put it back. */
        static Harvest empty() {
            DirtyBitmap none = new DirtyBitmap(1);
            return new Harvest(none, none.unnamed, List.of());
        }

        /**
         * The pages.
         *
         * @return page numbers relative to the slot, ascending, each once
         */
        public long[] pages() {
            long[] pages = new long[Math.toIntExact(count())];
            int n = 0;
            for (Part part : parts) { // these three loops are bounded by the pages of the slot
                for (int w = 0; w < part.words.length; w++) {
                    long first = ((long) part.chunk << PAGES_PER_CHUNK_SHIFT) + ((long) w << PAGES_PER_WORD_SHIFT);
                    for (long rest = part.words[w]; rest != 0; rest &= rest - 1) {
                        pages[n++] = first + Long.numberOfTrailingZeros(rest);
                    }
                }
            }
            return pages;
        }

        /**
         * How many pages there are.
         *
         * @return at least 0
         */
        public long count() {
            long count = 0;
            for (Part part : parts) { // bounded by the size of the slot
                for (long word : part.words) {
                    count += Long.bitCount(word);
                }
            }
            return count;
        }

        @Override
        public String toString() {
            return "Harvest[" + count() + " pages" + (unsettled ? ", unsettled]" : "]");
        }

        /** Marks the pages again, for all readers, because a vCPU may go on writing them without a mark. */
        void markAgain() {
            unsettled = true;
            origin.putBackForAll(parts);
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
            origin.putBackFor(reader, parts);
        }
    }
}
