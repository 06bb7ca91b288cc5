package io.github.pfncache.memslot;

import java.util.BitSet;

/**
 * Some pages of a slot, or all: one bit each, 64 to a word. Costs what lies between the first and the last of them.
 *
 * @param from number of the first word: page / 64
 * @param words bits, as by {@link BitSet#toLongArray}; null for all pages
 */
record PageMask(int from, long[] words) {

    static final PageMask ALL = new PageMask(0, null);

    static PageMask of(BitSet pages) {
        return new PageMask(0, pages.toLongArray());
    }

    static PageMask of(long page) {
        return new PageMask((int) (page / Long.SIZE), new long[] {1L << page});
    }

    /** The bits of 64 pages, by number of their word. */
    long word(int number) {
        int at = number - from;
        return words == null ? -1 : at >= 0 && at < words.length ? words[at] : 0;
    }

    boolean has(long page) {
        return (word((int) (page / Long.SIZE)) & 1L << page) != 0;
    }

    /** Number of the word after the last. */
    long end() {
        return words == null ? Long.MAX_VALUE : (long) from + words.length;
    }
}
