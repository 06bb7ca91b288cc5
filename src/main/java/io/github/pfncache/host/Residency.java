package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;

/**
 * Moves of page contents: to another frame (migration) or to swap (eviction). The contents never change, the mappings
 * do. Methods that end in {@code Locked} run under the family lock.
 *
 * <p>A page that is referenced stays where it is: the holder of the reference is about to use the frame. An entry is
 * cleared before the references are looked at, and a resolver takes its reference before it looks at the entry again;
 * so either it sees the entry gone, or its reference is seen here.
 *
 * <p>The new place is allocated before an entry is cleared, and a page whose entries have been cleared is put back or
 * put elsewhere, whatever fails.
 */
final class Residency extends SpaceOps {

    /** An entry of a page table, to be cleared, and put back or replaced. */
    private record Taken(AddressSpace space, long page, long pte) {
        Taken {
            space.table.reserve(page); // to clear it, and put it back, allocates nothing
        }

        void put(long entry) {
            space.table.set(page, entry);
        }
    }

    Residency(AddressSpace space) {
        super(space);
    }

    /** Gives a page another frame with the same content: see {@link HostMemory#migrate}. */
    HostResult migrate(long page) {
        Vma[] found = new Vma[1];
        HostResult here = family.getLocked(() -> {
            found[0] = space.vmas.find(page);
            return found[0] == null ? HostResult.ENOMEM : isResidentLocked(found[0], page);
        });
        if (here != HostResult.OK) {
            return here; // no notifier has to be told of what is not there
        }
        if (!store.frames.supply.grow(1)) {
            return HostResult.ENOMEM;
        }
        Vma part = found[0].slice(page, page + 1);
        if (part.shared()) {
            HostFamily.Scope scope = family.ofFile(part.file(), part.filePage(), part.filePage() + 1, false);
            return family.change(scope, true, () -> migrateLocked(part.file(), part.filePage(), page));
        }
        return family.change(HostFamily.fixed(space, PageTable.rangeOf(page, page + 1)), true, () -> {
            Vma now = space.vmas.find(page);
            return now == null || now.shared() ? HostResult.EINVAL : migrateLocked(null, 0, page);
        });
    }

    /** EINVAL unless a frame of ours backs a page. */
    private HostResult isResidentLocked(Vma vma, long page) {
        boolean resident = vma.shared()
                ? !vma.file().userMemory && Pte.isPresent(vma.file().entry(vma.toFilePage(page)))
                : Pte.isPresent(space.table.get(page));
        return resident ? HostResult.OK : HostResult.EINVAL;
    }

    /** Of a file's page, or of a private one without a file. */
    private HostResult migrateLocked(FilePages file, long filePage, long page) {
        long entry = file == null ? space.table.get(page) : file.entry(filePage);
        if (!Pte.isPresent(entry)) {
            return HostResult.EINVAL;
        }
        int former = Pte.index(entry);
        List<Taken> places = file == null ? List.of(new Taken(space, page, entry)) : placesOf(file, filePage);
        int frame = store.frames.allocate();
        if (frame == FrameStore.NONE) {
            return HostResult.BUSY; // another thread has taken the one that was there
        }
        boolean moved = false;
        try {
            moved = takeAllLocked(places, former, () -> store.frames.copyTo(former, frame));
        } finally {
            if (!moved) {
                store.frames.dropOwner(frame);
            }
        }
        if (!moved) {
            return HostResult.BUSY;
        }
        if (file != null) {
            file.entries.set(filePage, Pte.withFrame(entry, frame));
            store.frames.dropOwner(former);
        }
        for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the page
            if (file != null) {
                store.frames.addOwner(frame); // the file has the first
            }
            places.get(i).put(Pte.withFrame(places.get(i).pte(), frame));
            store.frames.dropOwner(former);
        }
        return HostResult.OK;
    }

    /** Migrates the resident pages of a range: see {@link HostMemory#collapse}. */
    HostResult collapse(HvaRange range) {
        for (long page = nextEntry(PageTable.firstPage(range), range); page >= 0; page = nextEntry(page + 1, range)) {
            migrate(page); // ascending: bounded by the entries
        }
        return family.getLocked(() -> space.coverageLocked(range));
    }

    private long nextEntry(long from, HvaRange range) {
        return family.getLocked(() -> space.table.next(from, PageTable.endPage(range)));
    }

    /** Evicts the pages of a range: see {@link HostMemory#evict}. */
    HostResult evict(HvaRange range, boolean mayBlock) {
        HostResult result = family.getLocked(() -> space.coverageLocked(range));
        for (Vma part : space.partsWithin(range)) { // bounded by the number of mappings
            HostResult one = evict(part, mayBlock);
            result = one == HostResult.OK ? result : one;
        }
        return result;
    }

    /** Run by run of the pages that are there: no notifier has to be told of the others. */
    private HostResult evict(Vma part, boolean mayBlock) {
        if (part.shared() && part.file().userMemory) {
            return HostResult.OK;
        }
        FilePages file = part.shared() ? part.file() : null;
        PageTable table = file == null ? space.table : file.entries;
        long end = file == null ? part.end() : part.toFilePage(part.end());
        HostResult result = HostResult.OK;
        long[] run = {0, file == null ? part.start() : part.filePage()};
        while (family.getLocked(() -> findResident(table, run, end))) { // ascending: bounded by the pages of the part
            HostFamily.Scope scope = file == null
                    ? HostFamily.fixed(space, PageTable.rangeOf(run[0], run[1]))
                    : family.ofFile(file, run[0], run[1], false);
            HostResult one = family.change(scope, mayBlock, () -> evictLocked(file, table, run[0], run[1]));
            result = one == HostResult.OK ? result : one;
        }
        return result;
    }

    /** Finds the next run of resident pages after a run; false if there is none before {@code end}. */
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
            if (Pte.isPresent(entry) && (file != null || !space.vmas.find(page).shared())) {
                List<Taken> places = file == null ? List.of(new Taken(space, page, entry)) : placesOf(file, page);
                result = evictPageLocked(file, page, places, Pte.index(entry)) ? result : HostResult.BUSY;
            }
        }
        return result;
    }

    private boolean evictPageLocked(FilePages file, long page, List<Taken> places, int pfn) {
        boolean drops = file != null && file.isClean(page); // it is read again when it is needed
        int slot = drops ? -1 : store.swap.allocate();
        boolean moved = false;
        try {
            if (drops) {
                file.marks.change(page, page + 1, 0, PageMarks.DROPPED);
            }
            byte[] content = drops ? new byte[Pages.PAGE_SIZE] : store.swap.content(slot);
            moved = takeAllLocked(places, pfn, () -> store.frames.read(pfn, 0, content, 0, Pages.PAGE_SIZE));
        } finally {
            if (!moved && !drops) {
                store.swap.drop(slot);
            }
        }
        if (moved && file != null) {
            file.entries.set(page, drops ? 0 : Pte.ofSwap(slot));
            store.frames.dropOwner(pfn);
        }
        for (int i = 0; moved && i < places.size(); i++) { // bounded by the mappings of the page
            long pte = places.get(i).pte();
            places.get(i).put(file == null ? Pte.keepArmed(Pte.ofSwap(slot), pte) : Pte.withoutFrame(pte));
            store.frames.dropOwner(pfn);
        }
        return moved;
    }

    /**
     * Clears the entries of a page, and copies what is in its frame. If the frame is referenced, or the copy fails, the
     * entries are put back.
     *
     * @return whether that was done; false: the frame is referenced
     */
    private boolean takeAllLocked(List<Taken> places, int pfn, Runnable copy) {
        boolean taken = false;
        try {
            for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the page
                places.get(i).put(0);
            }
            if (!store.frames.isPinned(pfn)) {
                copy.run();
                taken = true;
            }
            return taken;
        } finally {
            for (int i = 0; !taken && i < places.size(); i++) {
                places.get(i).put(places.get(i).pte());
            }
        }
    }

    /** The entries that name a file's page. Lock held. */
    private List<Taken> placesOf(FilePages file, long filePage) {
        List<Taken> all = new ArrayList<>();
        for (HostFamily.Place place : family.placesOf(file, filePage, filePage + 1, false)) { // bounded by the mappings
            long page = place.part().start();
            long pte = place.space().table.get(page);
            if (Pte.isPresent(pte)) {
                all.add(new Taken(place.space(), page, pte));
            }
        }
        return all;
    }
}
