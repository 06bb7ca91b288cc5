package io.github.pfncache.host;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The mappings of one address space: disjoint, neighbours that continue each other merged. All methods run under the
 * lock of the owning family.
 */
final class VmaSet {

    /** Whether the files of the mappings count them: not in a draft. */
    private final boolean counted;

    // Guarded by the family lock. The first so many are the mappings, ascending.
    private Vma[] vmas = new Vma[4];
    private int size;

    /** An empty set. */
    VmaSet() {
        this(true);
    }

    private VmaSet(boolean counted) {
        this.counted = counted;
    }

    /** What is in {@code [start, end)}, to try changes on that are to happen all at once. */
    VmaSet draft(long start, long end) {
        VmaSet draft = new VmaSet(false);
        draft.replace(start, end, within(start, end));
        return draft;
    }

    /** The mapping of a page, or null. */
    Vma find(long page) {
        int i = firstEndingAfter(page);
        return i < size && vmas[i].start() <= page ? vmas[i] : null;
    }

    /** Index of the first mapping that does not end before or at a page. */
    private int firstEndingAfter(long page) {
        int low = 0;
        int high = size;
        while (low < high) { // halves each turn
            int middle = (low + high) >>> 1;
            if (vmas[middle].end() > page) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** The parts of mappings inside {@code [start, end)}, ascending. */
    List<Vma> within(long start, long end) {
        List<Vma> parts = new ArrayList<>();
        for (int i = firstEndingAfter(start); i < size && vmas[i].start() < end; i++) { // bounded by the mappings
            parts.add(vmas[i].slice(start, end));
        }
        return parts;
    }

    /**
     * First page of a gap of {@code npages} pages, the first one from {@code from} on, before {@code end}; -1 if there
     * is none.
     */
    long gap(long from, long npages, long end) {
        long start = from;
        for (int i = firstEndingAfter(from); i < size && vmas[i].start() - start < npages; i++) { // by the mappings
            start = vmas[i].end();
        }
        return end - start >= npages ? start : -1;
    }

    /** Every mapping, ascending. */
    List<Vma> all() {
        return Arrays.asList(vmas).subList(0, size);
    }

    int size() {
        return size;
    }

    /** Takes the last mapping out. Allocates nothing. */
    Vma removeLast() {
        Vma last = vmas[--size];
        vmas[size] = null;
        count(last, -1);
        return last;
    }

    /** Adds a mapping where there is none. */
    void insert(Vma vma) {
        replace(vma.start(), vma.end(), List.of(vma));
    }

    /**
     * Puts mappings in place of what is in {@code [start, end)}, splitting what reaches over its ends, and merging what
     * continues its neighbour. Without memory for that, nothing has changed.
     *
     * @param parts ascending, disjoint and inside the range
     */
    void replace(long start, long end, List<Vma> parts) {
        replacement(start, end, parts, Integer.MAX_VALUE).run();
    }

    /**
     * As {@link #replace}, which is done when it is run: that allocates nothing. Until then the set stays as it is.
     *
     * @param most null is answered if there were more mappings afterwards than this, and more than there are now
     */
    Runnable replacement(long start, long end, List<Vma> parts, int most) {
        int first = firstEndingAfter(start - 1); // a neighbour too: it may be continued
        List<Vma> merged = new ArrayList<>(parts.size() + 2);
        if (first < size && vmas[first].start() < start) {
            merged.add(vmas[first].slice(0, start));
        }
        for (Vma part : parts) { // the caller's
            append(merged, part);
        }
        int last = first;
        for (; last < size && vmas[last].start() <= end; last++) { // bounded by the mappings
            if (vmas[last].end() > end) {
                append(merged, vmas[last].slice(end, PageTable.PAGES_END));
            }
        }
        int after = last;
        int newSize = size - (after - first) + merged.size();
        if (newSize > Math.max(size, most)) {
            return null;
        }
        Vma[] room = newSize <= vmas.length ? vmas : Arrays.copyOf(vmas, 2 * newSize);
        return () -> {
            for (int i = first; i < after; i++) {
                count(vmas[i], -1);
            }
            System.arraycopy(vmas, after, room, first + merged.size(), size - after);
            for (int i = 0; i < merged.size(); i++) {
                count(merged.get(i), 1);
                room[first + i] = merged.get(i);
            }
            for (int i = newSize; i < size; i++) {
                room[i] = null;
            }
            vmas = room;
            size = newSize;
        };
    }

    private static void append(List<Vma> merged, Vma next) {
        int last = merged.size() - 1;
        if (last >= 0 && merged.get(last).isContinuedBy(next)) {
            merged.set(last, merged.get(last).upTo(next.end()));
        } else {
            merged.add(next);
        }
    }

    private void count(Vma vma, int sign) {
        if (counted && vma.file() != null) {
            vma.file().mappedPages += sign * (vma.end() - vma.start());
        }
    }
}
