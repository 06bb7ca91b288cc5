package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the contents of pages live: another frame (migration) or swap (eviction). The contents never change, the
 * mappings do. Methods that end in {@code Locked} run under the family lock.
 *
 * <p>A page that somebody holds a reference to stays where it is: that somebody is about to use the frame. An entry is
 * cleared before the references are looked at, and a resolver takes its reference before it looks at the entry again;
 * so either it sees the entry gone, or its reference is seen here.
 *
 * <p>The new place is allocated before an entry is cleared, and from there on nothing is: a page that has been taken
 * out of a table is put back or put elsewhere, whatever fails.
 */
final class Residency {

    /** An entry of a page table, to be cleared, and put back or replaced. */
    private record Taken(HostMemory memory, long page, long pte) {
        void put(long entry) {
            memory.table().set(page, entry);
        }
    }

    private final HostMemory memory;
    private final HostFamily family;

    Residency(HostMemory memory) {
        this.memory = memory;
        this.family = memory.family();
    }

    /** Gives a page another frame with the same content: see {@link HostMemory#migrate}. */
    HostResult migrate(long page) {
        Vma[] found = new Vma[1];
        HostResult here = family.getLocked(() -> {
            found[0] = memory.vmas().find(page);
            return found[0] == null ? HostResult.ENOMEM : isResidentLocked(found[0], page);
        });
        if (here != HostResult.OK) {
            return here; // nobody has to be told of what is not there
        }
        if (!family.frames.hasFree() && !family.frames.grow()) {
            return HostResult.ENOMEM;
        }
        Vma part = found[0].slice(page, page + 1);
        if (part.shared()) {
            HostFamily.Scope scope = family.ofFile(part.file(), part.filePage(), part.filePage() + 1, false);
            return family.change(scope, true, () -> migrateLocked(part.file(), part.filePage(), page));
        }
        return family.change(fixed(page, page + 1), true, () -> {
            Vma now = memory.vmas().find(page);
            return now == null || now.shared() ? HostResult.EINVAL : migrateLocked(null, 0, page);
        });
    }

    /** EINVAL unless a frame of ours backs a page. */
    private HostResult isResidentLocked(Vma vma, long page) {
        boolean resident = vma.shared()
                ? !vma.file().userMemory && Pte.isPresent(vma.file().entry(vma.toFilePage(page)))
                : Pte.isPresent(memory.table().get(page));
        return resident ? HostResult.OK : HostResult.EINVAL;
    }

    /** Of a file's page, or of a private one without a file. */
    private HostResult migrateLocked(FilePages file, long filePage, long page) {
        long entry = file == null ? memory.table().get(page) : file.entry(filePage);
        if (!Pte.isPresent(entry)) {
            return HostResult.EINVAL;
        }
        int former = Pte.index(entry);
        List<Taken> places = file == null ? List.of(new Taken(memory, page, entry)) : placesOf(file, filePage);
        int frame = family.frames.allocate();
        if (frame == FrameStore.NONE) {
            return HostResult.ENOMEM;
        }
        if (!takeAllLocked(places, former)) {
            family.frames.dropOwner(frame);
            return HostResult.BUSY;
        }
        family.frames.copyTo(former, frame);
        if (file != null) {
            file.entries.set(filePage, Pte.withFrame(entry, frame));
            family.frames.dropOwner(former);
        }
        for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the page
            if (file != null) {
                family.frames.addOwner(frame); // the file has the first
            }
            places.get(i).put(Pte.withFrame(places.get(i).pte(), frame));
            family.frames.dropOwner(former);
        }
        return HostResult.OK;
    }

    /** Migrates the resident pages of a range: see {@link HostMemory#collapse}. */
    HostResult collapse(long from, long to) {
        RangeOps ranges = memory.ranges();
        for (long page = ranges.nextEntry(from, to); page >= 0; page = ranges.nextEntry(page + 1, to)) { // ascending
            migrate(page);
        }
        return ranges.coverage(from, to);
    }

    /** Evicts the pages of a range: see {@link HostMemory#evict}. */
    HostResult evict(long from, long to, boolean mayBlock) {
        HostResult result = HostResult.OK;
        long at = from;
        for (Vma part : memory.ranges().partsWithin(from, to)) { // bounded by the number of mappings
            if (part.start() != at && result == HostResult.OK) {
                result = HostResult.ENOMEM;
            }
            HostResult one = evict(part, mayBlock);
            if (one != HostResult.OK) {
                result = one;
            }
            at = part.end();
        }
        return result == HostResult.OK && at != to ? HostResult.ENOMEM : result;
    }

    /** Run by run of the pages that are there: nobody has to be told of the others. */
    private HostResult evict(Vma part, boolean mayBlock) {
        if (part.shared() && part.file().userMemory) {
            return HostResult.OK;
        }
        FilePages file = part.shared() ? part.file() : null;
        PageTable table = file == null ? memory.table() : file.entries;
        long end = file == null ? part.end() : part.toFilePage(part.end());
        HostResult result = HostResult.OK;
        long[] run = {0, file == null ? part.start() : part.filePage()};
        while (family.getLocked(() -> findResident(table, run, end))) { // ascending: bounded by the pages of the part
            HostFamily.Scope scope = file == null ? fixed(run[0], run[1]) : family.ofFile(file, run[0], run[1], false);
            HostResult one = family.change(scope, mayBlock, () -> evictLocked(file, table, run[0], run[1]));
            result = one == HostResult.OK ? result : one;
        }
        return result;
    }

    /** Finds the next run of resident pages behind a run; false if there is none before {@code end}. */
    private static boolean findResident(PageTable table, long[] run, long end) {
        long page = table.next(run[1], end);
        while (page >= 0 && !Pte.isPresent(table.get(page))) { // bounded by the entries
            page = table.next(page + 1, end);
        }
        run[0] = page;
        while (page >= 0 && page < end && Pte.isPresent(table.get(page))) { // bounded by the entries
            page++;
        }
        run[1] = page;
        return page >= 0;
    }

    /** Evicts what is resident of pages {@code [from, to)}: of a file, or private ones without a file. */
    private HostResult evictLocked(FilePages file, PageTable table, long from, long to) {
        HostResult result = HostResult.OK;
        for (long page = from; page < to; page++) { // bounded by the run
            long entry = table.get(page);
            if (Pte.isPresent(entry) && (file != null || !memory.vmas().find(page).shared())) {
                List<Taken> places = file == null ? List.of(new Taken(memory, page, entry)) : placesOf(file, page);
                int slot = family.swap.allocate();
                if (takeAllLocked(places, Pte.index(entry))) {
                    evictPageLocked(file, page, places, Pte.index(entry), slot);
                } else {
                    family.swap.drop(slot);
                    result = HostResult.BUSY;
                }
            }
        }
        return result;
    }

    private void evictPageLocked(FilePages file, long page, List<Taken> places, int pfn, int slot) {
        family.frames.read(pfn, 0, family.swap.content(slot), 0, Pages.PAGE_SIZE);
        if (file != null) {
            file.entries.set(page, Pte.ofSwap(slot));
            family.frames.dropOwner(pfn);
        }
        for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the page
            long pte = places.get(i).pte();
            places.get(i).put(file == null ? Pte.keepArmed(Pte.ofSwap(slot), pte) : Pte.withoutFrame(pte));
            family.frames.dropOwner(pfn);
        }
    }

    /** Clears the entries of a page; if somebody holds its frame puts them back, and answers false. */
    private boolean takeAllLocked(List<Taken> places, int pfn) {
        for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the page
            places.get(i).put(0);
        }
        if (!family.frames.isPinned(pfn)) {
            return true;
        }
        for (int i = 0; i < places.size(); i++) {
            places.get(i).put(places.get(i).pte());
        }
        return false;
    }

    /** The entries that name a file's page. Lock held. */
    private List<Taken> placesOf(FilePages file, long filePage) {
        List<Taken> all = new ArrayList<>();
        for (HostFamily.Place place : family.placesOf(file, filePage, filePage + 1, false)) { // bounded by the mappings
            long page = place.part().start();
            long pte = place.memory().table().get(page);
            if (Pte.isPresent(pte)) {
                all.add(new Taken(place.memory(), page, pte));
            }
        }
        return all;
    }

    private HostFamily.Scope fixed(long from, long to) {
        return HostFamily.fixed(memory, HostMemory.pagesToHvaRange(from, to));
    }
}
