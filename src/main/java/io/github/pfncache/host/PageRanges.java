package io.github.pfncache.host;

import java.util.Map;
import java.util.TreeMap;

/** A set of page numbers, kept as runs: cheap for few long ones. All methods run under the family lock. */
final class PageRanges {

    // Guarded by the family lock. Runs by first page, with the first page behind each; disjoint and never adjacent.
    private final TreeMap<Long, Long> runs = new TreeMap<>();

    /** Adds {@code [from, to)}; nothing if that is empty. */
    void add(long from, long to) {
        if (from >= to) {
            return;
        }
        Map.Entry<Long, Long> before = runs.floorEntry(from);
        if (before != null && before.getValue() >= to) {
            return;
        }
        long first = before != null && before.getValue() >= from ? before.getKey() : from;
        long end = to;
        Map.Entry<Long, Long> last = runs.floorEntry(to); // begins inside the new run or right behind it
        if (last != null && last.getValue() > end) {
            end = last.getValue();
        }
        runs.subMap(first, true, to, true).clear();
        runs.put(first, end);
    }

    /** Takes {@code [from, to)} out. */
    void remove(long from, long to) {
        if (from >= to) {
            return;
        }
        Map.Entry<Long, Long> last = runs.lowerEntry(to);
        if (last == null || last.getValue() <= from) {
            return;
        }
        long end = last.getValue();
        Map.Entry<Long, Long> before = runs.lowerEntry(from);
        runs.subMap(from, true, to, false).clear();
        if (before != null && before.getValue() > from) {
            runs.put(before.getKey(), from);
        }
        if (end > to) {
            runs.put(to, end);
        }
    }

    boolean contains(long page) {
        Map.Entry<Long, Long> entry = runs.floorEntry(page);
        return entry != null && entry.getValue() > page;
    }

    /** First page in the set at or behind {@code page}, or -1. */
    long next(long page) {
        if (contains(page)) {
            return page;
        }
        Long start = runs.ceilingKey(page);
        return start == null ? -1 : start;
    }

    /** First page behind {@code page}, which is in the set, that is not. */
    long runEnd(long page) {
        return runs.floorEntry(page).getValue();
    }

    /** Number of pages in the set. */
    long size() {
        long pages = 0;
        for (Map.Entry<Long, Long> run : runs.entrySet()) { // bounded by the runs
            pages += run.getValue() - run.getKey();
        }
        return pages;
    }
}
