package io.github.pfncache.memslot;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.LongConsumer;

/**
 * One bit for each page of a slot. Bits lie in chunks of 32,768 pages, each made when the first of its bits is needed:
 * a large slot costs memory for the parts in use only. Those that are kept for readers are a chain. Safe from any
 * thread, word by word.
 */
final class Marks extends Linked<Marks> {

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle CHUNKS = MethodHandles.arrayElementVarHandle(long[][].class);

    private static final int PAGES_PER_WORD_SHIFT = 6;
    private static final int PAGES_PER_CHUNK_SHIFT = 15;
    static final int PAGES_PER_CHUNK = 1 << PAGES_PER_CHUNK_SHIFT;
    private static final int WORDS_PER_CHUNK = PAGES_PER_CHUNK >>> PAGES_PER_WORD_SHIFT;

    final long npages;

    /** Elements are set once, by compare-and-set from null; their words only by atomic operations. */
    private final long[][] chunks;

    /** None. */
    Marks(long npages) {
        this.npages = npages;
        this.chunks = new long[(int) (npages + PAGES_PER_CHUNK - 1 >>> PAGES_PER_CHUNK_SHIFT)][];
    }

    /** The words that have the bit of a page, the same ones for life. */
    long[] wordsOf(long page) {
        return chunk((int) (page >>> PAGES_PER_CHUNK_SHIFT));
    }

    private long[] chunk(int number) {
        long[] words = existing(number);
        if (words != null) {
            return words;
        }
        long pages = Math.min(PAGES_PER_CHUNK, npages - ((long) number << PAGES_PER_CHUNK_SHIFT));
        long[] fresh = new long[(int) (pages + Long.SIZE - 1 >>> PAGES_PER_WORD_SHIFT)];
        long[] witness = (long[]) CHUNKS.compareAndExchange(chunks, number, (long[]) null, fresh);
        return witness == null ? fresh : witness;
    }

    private long[] existing(int number) {
        return (long[]) CHUNKS.getAcquire(chunks, number);
    }

    /** Whether the bit of a page is set, in the words that have it. */
    static boolean isMarked(long[] words, long page) {
        return ((long) WORDS.getOpaque(words, wordOf(page)) & 1L << page) != 0;
    }

    private static int wordOf(long page) {
        return (int) (page >>> PAGES_PER_WORD_SHIFT) & WORDS_PER_CHUNK - 1;
    }

    /** Sets the bit of a page, in the words that have it. */
    static void mark(long[] words, long page) {
        WORDS.getAndBitwiseOr(words, wordOf(page), 1L << page);
    }

    /** Whether the bit of a page is set; allocates nothing. */
    boolean has(long page) {
        long[] words = existing((int) (page >>> PAGES_PER_CHUNK_SHIFT));
        return words != null && isMarked(words, page);
    }

    /** Clears the bit of a page whose words are there. */
    void clear(long page) {
        WORDS.getAndBitwiseAnd(wordsOf(page), wordOf(page), ~(1L << page));
    }

    private static boolean isAnyMarked(long[] words) {
        for (int w = 0; w < words.length; w++) { // bounded by the size of a chunk
            if ((long) WORDS.getOpaque(words, w) != 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes bits out. Without memory for more, those that were moved are put back, and none is lost.
     *
     * @param which of which pages
     */
    Marks take(PageMask which) {
        Marks taken = new Marks(npages);
        try {
            moveTo(taken, which);
            return taken;
        } catch (Error e) { // no memory for more: what has been moved by then
            add(taken);
            throw e;
        }
    }

    /**
     * Moves bits to some chained marks. Room first, then the bits: also after an exception each bit is in one of the
     * places.
     *
     * @param which as for {@link #take}
     */
    void moveTo(Marks first, PageMask which) {
        int end = (int) Math.min(chunks.length, (which.end() - 1) / WORDS_PER_CHUNK + 1);
        for (int c = which.from() / WORDS_PER_CHUNK; c < end; c++) { // bounded by the size of the slot
            long[] words = existing(c);
            if (words != null && isAnyMarked(words)) {
                for (Marks to = first; to != null; to = to.next) { // bounded by the readers
                    to.chunk(c);
                }
                for (int w = 0; w < words.length; w++) { // bounded by the size of a chunk
                    long bits = takeWord(words, w, which.word(c * WORDS_PER_CHUNK + w));
                    for (Marks to = first; bits != 0 && to != null; to = to.next) { // as above
                        WORDS.getAndBitwiseOr(to.chunk(c), w, bits);
                    }
                }
            }
        }
    }

    private static long takeWord(long[] words, int w, long mask) {
        boolean some = ((long) WORDS.getOpaque(words, w) & mask) != 0;
        return some ? (long) WORDS.getAndBitwiseAnd(words, w, ~mask) & mask : 0;
    }

    /** Sets all the bits that others have set. Allocates nothing where the chunks are here, as those are of a take. */
    void add(Marks others) {
        for (int c = 0; c < chunks.length; c++) { // bounded by the size of the slot
            long[] words = others.existing(c);
            for (int w = 0; words != null && w < words.length; w++) { // bounded by the size of a chunk
                long bits = (long) WORDS.getOpaque(words, w);
                if (bits != 0) {
                    WORDS.getAndBitwiseOr(chunk(c), w, bits);
                }
            }
        }
    }

    long count() {
        long[] count = {0};
        forEach(page -> count[0]++);
        return count[0];
    }

    /** Visits the pages whose bits are set, ascending; the visitor may clear the bit. Allocates nothing. */
    void forEach(LongConsumer visitor) {
        for (int c = 0; c < chunks.length; c++) { // these three loops are bounded by the pages of the slot
            long[] words = existing(c);
            for (int w = 0; words != null && w < words.length; w++) {
                long first = ((long) c << PAGES_PER_CHUNK_SHIFT) + ((long) w << PAGES_PER_WORD_SHIFT);
                for (long rest = (long) WORDS.getOpaque(words, w); rest != 0; rest &= rest - 1) {
                    visitor.accept(first + Long.numberOfTrailingZeros(rest));
                }
            }
        }
    }
}
