package io.github.pfncache.host;

import java.util.ArrayList;
import java.util.List;

/**
 * Where the contents of pages live: another frame (migration) or swap (eviction). The contents never change, the
 * mappings do. Methods that end in {@code Locked} run under the family lock.
 *
 * <p>A page that somebody holds a reference to stays where it is: that somebody is about to use the frame. An entry is
 * cleared before the references are looked at, and a resolver takes its reference before it looks at the entry again;
 * so either it sees the entry gone, or its reference is seen here.
 */
final class Residency {

    /** An entry taken out of a page table, to be put back or replaced. */
    private record Taken(HostMemory memory, long page, long pte) {
        void restore() {
            memory.table().set(page, pte);
        }
    }

    private final HostMemory memory;
    private final HostFamily family;

    Residency(HostMemory memory) {
        this.memory = memory;
        this.family = memory.family();
    }

    /** Gives a page another frame with the same content; OK iff it was moved. */
    HostResult migrate(long page) {
        List<Vma> parts = memory.ranges().partsWithin(page, page + 1);
        if (parts.isEmpty()) {
            return HostResult.ENOMEM;
        }
        Vma part = parts.get(0);
        if (part.shared()) {
            FilePages file = part.file();
            HostFamily.Scope scope = family.ofFile(file, part.filePage(), part.filePage() + 1, false);
            return family.change(scope, true, () -> migrateSharedLocked(file, part.filePage()));
        }
        return family.change(fixed(part), true, () -> migratePrivateLocked(page));
    }

    private HostResult migratePrivateLocked(long page) {
        Vma vma = memory.vmas().find(page);
        long pte = memory.table().get(page);
        if (vma == null || vma.shared() || !Pte.isPresent(pte)) {
            return HostResult.EINVAL;
        }
        Taken taken = takeLocked(memory, page);
        int former = Pte.index(pte);
        int frame = family.frames.isPinned(former) ? FrameStore.NONE : family.frames.allocateCopy(former);
        if (frame == FrameStore.NONE) {
            taken.restore();
            return HostResult.BUSY;
        }
        memory.table().set(page, Pte.withFrame(pte, frame));
        family.frames.dropOwner(former);
        return HostResult.OK;
    }

    private HostResult migrateSharedLocked(FilePages file, long filePage) {
        long entry = file.entry(filePage);
        if (file.userMemory || !Pte.isPresent(entry)) {
            return HostResult.EINVAL;
        }
        int former = Pte.index(entry);
        List<Taken> taken = takeAllLocked(file, filePage);
        int frame = family.frames.isPinned(former) ? FrameStore.NONE : family.frames.allocateCopy(former);
        if (frame == FrameStore.NONE) {
            taken.forEach(Taken::restore);
            return HostResult.BUSY;
        }
        file.entries.set(filePage, Pte.withFrame(entry, frame));
        for (Taken one : taken) { // bounded by the mappings of the page
            family.frames.addOwner(frame);
            one.memory().table().set(one.page(), Pte.withFrame(one.pte(), frame));
            family.frames.dropOwner(former);
        }
        family.frames.dropOwner(former);
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
            HostResult one = part.shared() ? evictShared(part, mayBlock) : evictPrivate(part, mayBlock);
            if (one != HostResult.OK) {
                result = one;
            }
            at = part.end();
        }
        return result == HostResult.OK && at != to ? HostResult.ENOMEM : result;
    }

    private HostResult evictPrivate(Vma part, boolean mayBlock) {
        return family.change(fixed(part), mayBlock, () -> {
            boolean[] pinned = {false};
            memory.table().forEach(part.start(), part.end(), (page, pte) -> {
                if (Pte.isPresent(pte) && !memory.vmas().find(page).shared()) {
                    pinned[0] |= !evictPrivateLocked(page, pte);
                }
            });
            return pinned[0] ? HostResult.BUSY : HostResult.OK;
        });
    }

    private boolean evictPrivateLocked(long page, long pte) {
        Taken taken = takeLocked(memory, page);
        int pfn = Pte.index(pte);
        if (family.frames.isPinned(pfn)) {
            taken.restore();
            return false;
        }
        memory.table().set(page, Pte.keepArmed(Pte.ofSwap(family.swap.store(family.frames, pfn)), pte));
        family.frames.dropOwner(pfn);
        return true;
    }

    private HostResult evictShared(Vma part, boolean mayBlock) {
        FilePages file = part.file();
        if (file.userMemory) {
            return HostResult.OK;
        }
        long from = part.filePage();
        long to = part.toFilePage(part.end());
        return family.change(family.ofFile(file, from, to, false), mayBlock, () -> {
            boolean[] pinned = {false};
            file.entries.forEach(from, to, (filePage, entry) -> {
                if (Pte.isPresent(entry)) {
                    pinned[0] |= !evictSharedLocked(file, filePage, Pte.index(entry));
                }
            });
            return pinned[0] ? HostResult.BUSY : HostResult.OK;
        });
    }

    private boolean evictSharedLocked(FilePages file, long filePage, int pfn) {
        List<Taken> taken = takeAllLocked(file, filePage);
        if (family.frames.isPinned(pfn)) {
            taken.forEach(Taken::restore);
            return false;
        }
        file.entries.set(filePage, Pte.ofSwap(family.swap.store(family.frames, pfn)));
        for (Taken one : taken) { // bounded by the mappings of the page
            one.memory().table().set(one.page(), Pte.withoutFrame(one.pte()));
            family.frames.dropOwner(pfn);
        }
        family.frames.dropOwner(pfn);
        return true;
    }

    private static Taken takeLocked(HostMemory owner, long page) {
        Taken taken = new Taken(owner, page, owner.table().get(page));
        owner.table().set(page, 0);
        return taken;
    }

    private List<Taken> takeAllLocked(FilePages file, long filePage) {
        List<Taken> all = new ArrayList<>();
        family.forEachMapping(file, filePage, filePage + 1, (owner, part) -> {
            if (part.shared() && Pte.isPresent(owner.table().get(part.start()))) {
                all.add(takeLocked(owner, part.start()));
            }
        });
        return all;
    }

    private HostFamily.Scope fixed(Vma part) {
        return HostFamily.fixed(memory, HostMemory.pagesToHvaRange(part.start(), part.end()));
    }
}
