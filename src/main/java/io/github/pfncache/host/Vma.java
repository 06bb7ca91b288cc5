package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.Objects;

/**
 * One mapping: pages {@code [start, end)} with one backing and one protection. Immutable; page numbers, not addresses.
 *
 * @param start first page
 * @param end first page after it
 * @param file what the pages come from, or null for anonymous memory
 * @param filePage page of the file at {@code start}; 0 without a file
 * @param shared whether writes reach the file; false: private, copied on write
 * @param mayWrite whether the protection may be raised to read-write
 * @param protection what is allowed now
 */
record Vma(
        long start, long end, FilePages file, long filePage, boolean shared, boolean mayWrite, Protection protection) {

    Vma {
        Objects.requireNonNull(protection, "protection");
    }

    static Vma anonymous(HvaRange range, Protection protection) {
        return of(range, null, 0, false, true, protection);
    }

    static Vma of(
            HvaRange range, FilePages file, long filePage, boolean shared, boolean mayWrite, Protection protection) {
        long start = PageTable.firstPage(range);
        return new Vma(start, PageTable.endPage(range), file, filePage, shared, mayWrite, protection);
    }

    /** Whether its pages may have to be read. */
    boolean isOfRealFile() {
        return file != null && file.backing != null;
    }

    boolean isWritable() {
        return protection == Protection.READ_WRITE;
    }

    HvaRange range() {
        return PageTable.rangeOf(start, end);
    }

    /** Page of the file that a page of this mapping shows. */
    long toFilePage(long page) {
        return filePage + (page - start);
    }

    /** First page that the file does not reach; the end, if there is none. Family lock held. */
    long endInFile() {
        return file == null ? end : Math.max(start, Math.min(end, toPage(file.npages())));
    }

    /** Page of this mapping that shows a page of the file. */
    long toPage(long pageOfFile) {
        return start + (pageOfFile - filePage);
    }

    /** The part of this mapping inside {@code [from, to)}, which overlaps it. */
    Vma slice(long from, long to) {
        long first = Math.max(start, from);
        return moved(first, Math.min(end, to), file == null ? 0 : toFilePage(first));
    }

    /** This and what continues it. */
    Vma upTo(long newEnd) {
        return moved(start, newEnd, filePage);
    }

    /** The same pages at another place. */
    Vma movedTo(long newStart) {
        return moved(newStart, newStart + (end - start), filePage);
    }

    Vma withProtection(Protection wanted) {
        return new Vma(start, end, file, filePage, shared, mayWrite, wanted);
    }

    /** Whether the two behave alike at {@code page}, which both contain. */
    boolean isAlikeAt(long page, Vma other) {
        return isSameKind(other) && (file == null || toFilePage(page) == other.toFilePage(page));
    }

    /** Whether {@code next} begins where this ends and continues it. */
    boolean isContinuedBy(Vma next) {
        return next.start == end && isSameKind(next) && (file == null || next.filePage == toFilePage(end));
    }

    private boolean isSameKind(Vma other) {
        return file == other.file
                && shared == other.shared
                && mayWrite == other.mayWrite
                && protection == other.protection;
    }

    private Vma moved(long newStart, long newEnd, long newFilePage) {
        return new Vma(newStart, newEnd, file, newFilePage, shared, mayWrite, protection);
    }
}
