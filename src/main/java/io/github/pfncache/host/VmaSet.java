package io.github.pfncache.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The mappings of one address space: disjoint, neighbours that continue each other merged. All methods run under the
 * lock of the owning family.
 */
final class VmaSet {

    // Guarded by the family lock. Keyed by first page.
    private final TreeMap<Long, Vma> byStart = new TreeMap<>();

    /** The mapping of a page, or null. */
    Vma find(long page) {
        Map.Entry<Long, Vma> entry = byStart.floorEntry(page);
        return entry != null && entry.getValue().end() > page ? entry.getValue() : null;
    }

    /** The parts of mappings inside {@code [start, end)}, ascending. */
    List<Vma> within(long start, long end) {
        List<Vma> parts = new ArrayList<>();
        Vma first = find(start);
        long from = first == null ? start : first.start();
        for (Vma vma : byStart.subMap(from, end).values()) { // bounded by the number of mappings
            parts.add(vma.slice(start, end));
        }
        return parts;
    }

    /**
     * First page of a gap of {@code npages} pages, the first one from {@code from} on, before {@code end}; -1 if there
     * is none.
     */
    long gap(long from, long npages, long end) {
        Vma at = find(from);
        long start = at == null ? from : at.end();
        for (Vma next : byStart.tailMap(start).values()) { // bounded by the number of mappings
            if (next.start() - start >= npages) {
                break;
            }
            start = next.end();
        }
        return end - start >= npages ? start : -1;
    }

    /** Every mapping, ascending. */
    Iterable<Vma> all() {
        return byStart.values();
    }

    int size() {
        return byStart.size();
    }

    /** Unmaps {@code [start, end)}, splitting what reaches over its ends. */
    void carve(long start, long end) {
        List<Vma> parts = within(start, end);
        for (Vma part : parts) { // bounded by the number of mappings
            count(part, -1);
            Vma whole = find(part.start());
            byStart.remove(whole.start());
            if (whole.start() < part.start()) {
                put(whole.slice(whole.start(), part.start()));
            }
            if (whole.end() > part.end()) {
                put(whole.slice(part.end(), whole.end()));
            }
        }
    }

    /** Adds a mapping where there is none, merging it with the neighbours that it continues. */
    void insert(Vma vma) {
        count(vma, 1);
        Vma merged = vma;
        Vma before = merged.start() == 0 ? null : find(merged.start() - 1);
        if (before != null && before.isContinuedBy(merged)) {
            byStart.remove(before.start());
            merged = join(before, merged);
        }
        Vma after = find(merged.end());
        if (after != null && merged.isContinuedBy(after)) {
            byStart.remove(after.start());
            merged = join(merged, after);
        }
        put(merged);
    }

    private static void count(Vma vma, int sign) {
        if (vma.file() != null) {
            vma.file().mappedPages += sign * (vma.end() - vma.start());
        }
    }

    private static Vma join(Vma first, Vma second) {
        return new Vma(
                first.start(),
                second.end(),
                first.file(),
                first.filePage(),
                first.shared(),
                first.mayWrite(),
                first.protection());
    }

    private void put(Vma vma) {
        byStart.put(vma.start(), vma);
    }
}
