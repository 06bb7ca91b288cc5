package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import java.util.stream.LongStream;

/**
 * The state of one address space: mappings, page table, notifiers, fault handlers. Everything in this package that
 * changes memory works on it; {@link HostMemory} is its public face. Methods that end in {@code Locked}, or have no
 * other comment, run under the family lock.
 *
 * <p>Kernel counterpart: {@code struct mm_struct}.
 */
final class AddressSpace {

    final HostFamily family;
    final PageStore store;
    final VmaSet vmas = new VmaSet();
    final PageTable table;

    /** Pages resolved and not yet released. Thread-safe by itself. */
    final StripedCount pageReferences = new StripedCount();

    // Written under the family lock; immutable lists, replaced.
    private volatile List<MmuNotifier> notifiers = List.of();
    private volatile List<Registration> handlers = List.of();

    // Guarded by the family lock.
    /** Which private pages were discarded since they were mapped: {@link PageMarks#ZEROED}. */
    PageMarks discarded = new PageMarks();
    /** Counts changes of the notifiers. */
    long notifiersVersion;
    private boolean closed;

    /** One registered fault handler. */
    private record Registration(HvaRange range, PageFaultHandler handler, boolean missing, boolean writeProtect) {
        boolean covers(long hva, PageFault.Reason reason) {
            return range.contains(hva) && (reason == PageFault.Reason.WRITE_PROTECTED ? writeProtect : missing);
        }
    }

    /** {@link #leaveLocked}, made once: what gives back must not need memory. */
    final Runnable leave = this::leaveLocked;

    /** A space of a family, which does not know it yet. */
    AddressSpace(HostFamily family) {
        this.family = family;
        this.store = family.store;
        this.table = new PageTable(store);
    }

    // ---- notifiers, handlers

    /** Any thread, no lock held. */
    void registerNotifier(MmuNotifier notifier) {
        family.locked(() -> setNotifiers(Stream.concat(notifiers.stream(), Stream.of(notifier)).toList()));
    }

    /** Any thread, no lock held. */
    void unregisterNotifier(MmuNotifier notifier) {
        family.locked(() -> setNotifiers(notifiers.stream().filter(one -> one != notifier).toList()));
    }

    private void setNotifiers(List<MmuNotifier> replaced) {
        notifiers = replaced;
        notifiersVersion++;
        family.listenersChanged();
    }

    /** Any thread. */
    List<MmuNotifier> notifiers() {
        return notifiers;
    }

    /** A range of this space, for each of those to be told of its change. */
    Stream<Invalidation.Target> targets(HvaRange range) {
        return notifiers.stream().map(notifier -> new Invalidation.Target(range, notifier));
    }

    /** Any thread, no lock held. Latest first, in the order in which they are asked. */
    void registerHandler(HvaRange range, PageFaultHandler handler, boolean missing, boolean writeProtect) {
        Registration registration = new Registration(range, handler, missing, writeProtect);
        family.locked(() -> handlers = Stream.concat(Stream.of(registration), handlers.stream()).toList());
    }

    /** Any thread, no lock held. */
    void unregisterHandler(PageFaultHandler handler) {
        family.locked(() -> handlers = handlers.stream().filter(one -> one.handler != handler).toList());
    }

    /** Whether a handler is asked for missing pages. Any thread. */
    boolean hasFaultHandlers() {
        return handlers.stream().anyMatch(Registration::missing);
    }

    /** The handler of a fault, or null. Any thread. Allocates nothing: a rewind asks between the pages it puts. */
    PageFaultHandler handlerFor(long page, PageFault.Reason reason) {
        List<Registration> now = handlers;
        for (int i = 0; i < now.size(); i++) { // bounded by the registrations
            if (now.get(i).covers(PageTable.hvaOf(page), reason)) {
                return now.get(i).handler;
            }
        }
        return null;
    }

    /** Adds what the handlers of pages {@code [from, to)} are to be told, of the part that is theirs. */
    void tellOf(long from, long to, List<Runnable> told, BiConsumer<PageFaultHandler, HvaRange> event) {
        for (Registration one : handlers) { // bounded by the registrations
            long first = Math.max(from, PageTable.firstPage(one.range));
            long end = Math.min(to, PageTable.endPage(one.range));
            if (first < end) {
                HvaRange theirs = PageTable.rangeOf(first, end);
                told.add(() -> event.accept(one.handler, theirs));
            }
        }
    }

    // ---- mappings

    /** Parts of mappings in a range, as of now. Any thread, no lock held. */
    List<Vma> partsWithin(HvaRange range) {
        return family.getLocked(() -> partsLocked(range));
    }

    /** Parts of mappings in a range. */
    List<Vma> partsLocked(HvaRange range) {
        return vmas.within(PageTable.firstPage(range), PageTable.endPage(range));
    }

    /** Parts of mappings in some ranges. */
    List<Vma> partsLocked(List<HvaRange> ranges) {
        List<Vma> parts = new ArrayList<>();
        ranges.forEach(range -> parts.addAll(partsLocked(range))); // bounded by the ranges
        return parts;
    }

    /** Pages that a fault handler has still to fill, ascending. Any thread, no lock held. */
    long[] unfilled(HvaRange range) {
        return family.getLocked(() -> partsLocked(range).stream().flatMapToLong(this::unfilledLocked).toArray());
    }

    /** Pages of a part that a fault handler has still to fill, ascending. */
    LongStream unfilledLocked(Vma part) {
        return hasFaultHandlers()
                ? LongStream.range(part.start(), part.end()).filter(page -> isUnfilledLocked(part, page))
                : LongStream.empty();
    }

    private boolean isUnfilledLocked(Vma part, long page) {
        FilePages file = part.file();
        boolean exists = file == null || part.toFilePage(page) < file.npages();
        long entry = part.shared() ? file.entry(part.toFilePage(page)) : table.get(page);
        return exists && !Pte.hasContent(entry) && part.protection() != Protection.NONE && isAsked(page);
    }

    /** Whether a fault handler says what is in a page that is not there. */
    boolean isAsked(long page) {
        return handlerFor(page, PageFault.Reason.MISSING) != null;
    }

    /** ENOMEM if a range has a hole. */
    HostResult coverageLocked(HvaRange range) {
        return coverage(range, partsLocked(range));
    }

    /** OK if the parts of mappings in a range are all of it; ENOMEM if there is a hole. */
    static HostResult coverage(HvaRange range, List<Vma> parts) {
        long at = PageTable.firstPage(range);
        for (Vma part : parts) { // bounded by the number of mappings
            if (part.start() != at) {
                return HostResult.ENOMEM;
            }
            at = part.end();
        }
        return at == PageTable.endPage(range) ? HostResult.OK : HostResult.ENOMEM;
    }

    /** Whether what a page shows has never been read from its real file. */
    boolean isUnread(Vma part, long page) {
        return part.file() != null
                && part.file().isUnread(part.toFilePage(page))
                && (part.shared() || !Pte.hasContent(table.get(page)));
    }

    /**
     * Copies what a page of a mapping holds: its own content, or its file's, or zeros.
     *
     * @return false if the page has to be fetched first
     */
    boolean readLocked(Vma vma, long page, int offset, byte[] into, int at, int length, FetchedPages fetched) {
        long own = table.get(page);
        if (vma.file() != null && !Pte.hasContent(own)) {
            return vma.file().read(vma.toFilePage(page), offset, into, at, length, fetched);
        }
        store.read(own, offset, into, at, length);
        return true;
    }

    /** What is done with a page that was read from its real file. */
    interface Reading {
        void of(long page, byte[] content);
    }

    /** Reads what was never read of a part of a real file; the page that cannot be, or -1. Any thread, no lock held. */
    long readFile(Vma part, Reading reading) {
        for (long page = part.start(); part.isOfRealFile() && page < part.end(); page++) { // bounded by the mapping
            FetchedPages fetched = new FetchedPages();
            long at = page;
            family.getLocked(() -> isUnread(part, at) ? fetched.get(part.file(), part.toFilePage(at)) : null);
            if (fetched.isWaiting()) {
                if (!fetched.fetch()) {
                    return page;
                }
                reading.of(page, fetched.get(part.file(), part.toFilePage(page)));
            }
        }
        return -1;
    }

    /** The pages of a range that are not known to be as in another space, found one by one. No lock held. */
    LongStream unlike(AddressSpace other, RewindRange range) {
        PageTable there = other == null ? new PageTable(store) : other.table;
        long first = nextUnlike(other, there, range, PageTable.firstPage(range.target()));
        return LongStream.iterate(first, page -> page >= 0, page -> nextUnlike(other, there, range, page + 1));
    }

    /** The first page of a range, at or after one, that is not known to be as in another space; -1 if there is none. */
    private long nextUnlike(AddressSpace other, PageTable there, RewindRange range, long page) {
        long end = PageTable.endPage(range.target());
        if (other != null && other.family != family) {
            return page < end ? page : -1;
        }
        long shift = PageTable.firstPage(range.source()) - PageTable.firstPage(range.target());
        return family.getLocked(() -> {
            checkOpen();
            (other == null ? this : other).checkOpen(); // it has nothing any more that pages could be unlike
            long at = table.nextUnshared(there, shift, page, end);
            while (at >= 0 && Pte.isSameContent(table.get(at), there.get(at + shift))) { // bounded by the range
                at = table.nextUnshared(there, shift, at + 1, end);
            }
            return at;
        });
    }

    // ---- life

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("host memory is closed");
        }
    }

    /** Becomes a member of its family. */
    void enterLocked() {
        family.members.add(this);
        family.listenersChanged();
    }

    /** Unmaps everything and leaves the family: no notifier has to be told any more. Allocates nothing. */
    void leaveLocked() {
        table.drop(0, PageTable.PAGES_END);
        while (vmas.size() > 0) { // bounded by the mappings
            FilePages file = vmas.removeLast().file();
            if (file != null) {
                family.forgetUnmapped(file);
            }
        }
        if (family.members.remove(this)) {
            family.listenersChanged();
        }
    }

    /** Ends for good. Allocates nothing. */
    void closeLocked() {
        leaveLocked();
        closed = true;
    }
}
