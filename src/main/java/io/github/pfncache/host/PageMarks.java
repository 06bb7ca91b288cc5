package io.github.pfncache.host;

import java.util.Map;
import java.util.TreeMap;

/** Marks of a file's pages, kept as runs: cheap for few long ones. All methods run under the family lock. */
final class PageMarks {

    /** The content in memory may differ from the real file's. */
    static final int CHANGED = 1;
    /** It did, and is being written; stays if that fails. */
    static final int WRITING = 2;
    /** The page was discarded: without another content it reads as zeros, whatever the real file holds there. */
    static final int ZEROED = 4;

    /** The page was marked as changed since the file was opened; never taken away. */
    static final int EVER_CHANGED = 8;

    /** The page was evicted, and nothing was kept: it is in the real file. */
    static final int DROPPED = 16;

    /** Marks of pages that have to be written: a page whose writing failed is one of them. */
    static final int UNSAVED = CHANGED | WRITING;

    // Guarded by the family lock. The marks of each run by its first page; a run ends where the next begins.
    private final TreeMap<Long, Integer> runs = new TreeMap<>();

    /** The marks of a page. */
    int at(long page) {
        Map.Entry<Long, Integer> run = runs.floorEntry(page);
        return run == null ? 0 : run.getValue();
    }

    /** Whether a page has one of the marks. */
    boolean has(int marks, long page) {
        return (at(page) & marks) != 0;
    }

    /** Takes marks from all pages in {@code [from, to)} and gives them others; without memory for that, from none. */
    void change(long from, long to, int taken, int given) {
        if (from >= to || to - from == 1 && (at(from) & ~taken | given) == at(from)) {
            return;
        }
        runs.put(from, at(from)); // cuts a run in two, which says the same
        runs.put(to, at(to));
        Long[] starts = runs.subMap(from, true, to, true).keySet().toArray(new Long[0]);
        int former = from == 0 ? 0 : at(from - 1);
        // From here on nothing is allocated: such small numbers have their objects.
        for (int i = 0; i < starts.length; i++) { // bounded by the runs of the range
            int marks = runs.get(starts[i]);
            int now = i == starts.length - 1 ? marks : marks & ~taken | given;
            if (now == former) {
                runs.remove(starts[i]);
            } else {
                runs.replace(starts[i], now);
            }
            former = now;
        }
    }

    /** The same marks, to be changed apart. */
    PageMarks copy() {
        PageMarks copy = new PageMarks();
        copy.runs.putAll(runs);
        return copy;
    }

    /** To be changed apart, if one of pages {@code [from, to)} has a mark; these themselves, if none has. */
    PageMarks draft(long from, long to) {
        long first = next(-1, from);
        return first < 0 || first >= to ? this : copy();
    }

    /** Gives pages {@code shift} pages on, which are others, the marks of {@code [from, to)}; those have none then. */
    void move(long from, long to, long shift) {
        change(from + shift, to + shift, -1, 0);
        for (long at = from; at < to; ) { // bounded by the runs
            Long next = runs.higherKey(at);
            long end = next == null ? to : Math.min(next, to);
            change(at + shift, end + shift, 0, at(at));
            at = end;
        }
        change(from, to, -1, 0);
    }

    /** First page at or after {@code page} with one of the marks, or -1. */
    long next(int marks, long page) {
        if (has(marks, page)) {
            return page;
        }
        for (Map.Entry<Long, Integer> run : runs.tailMap(page).entrySet()) { // bounded by the runs
            if ((run.getValue() & marks) != 0) {
                return run.getKey();
            }
        }
        return -1;
    }

    /** Number of pages with one of the marks. */
    long size(int marks) {
        long pages = 0;
        for (long page = next(marks, 0), end; page >= 0; page = next(marks, end)) { // bounded by the runs
            end = runs.higherKey(page); // the last run has no marks
            pages += end - page;
        }
        return pages;
    }
}
