package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The calls that change what is mapped in a range of one address space: {@code mmap}, {@code munmap}, {@code mprotect},
 * {@code madvise} and {@code mremap}. Methods that end in {@code Locked} run under the family lock; the others take it,
 * with the invalidation around it. What the calls answer is documented at {@link HostMemory}.
 */
final class RangeOps extends SpaceOps {

    private final VmaSet vmas;
    private final PageTable table;

    // Guarded by the family lock.
    /** Counts the armings. */
    private int armings;
    /** Where the next reservation is looked for: an address is used again as late as possible. */
    private long nextReserved = PageTable.PAGES_END / 2;

    RangeOps(AddressSpace space) {
        super(space);
        this.vmas = space.vmas;
        this.table = space.table;
    }

    /** One change of a range. */
    private HostResult change(HvaRange range, Supplier<HostResult> apply) {
        return family.change(HostFamily.fixed(space, range), true, apply);
    }

    /** Puts a mapping in place of what was there. */
    HostResult map(Vma vma) {
        return change(vma.range(), () -> {
            space.checkOpen();
            return lacksRoom(2) ? HostResult.ENOMEM : replaceLocked(vma.start(), vma.end(), List.of(vma));
        });
    }

    /** Maps a caller's memory, shared; lets go of it if that fails. */
    HostResult mapBlocks(long hva, List<ByteBuffer> blocks, Protection protection) {
        FilePages file = family.adopt(blocks);
        if (file == null) {
            return HostResult.ENOMEM;
        }
        try {
            HvaRange range = HvaRange.ofPages(hva, file.npages());
            return map(Vma.of(range, file, 0, true, true, protection));
        } finally { // if it could not be mapped; with nothing to allocate, or that could fail too
            family.lock.lock();
            try {
                family.forgetUnmapped(file);
            } finally {
                family.lock.unlock();
            }
        }
    }

    /** Maps pages without access where nothing is. Nothing is taken away, so no notifier has to be told. */
    long reserve(long npages) {
        return family.getLocked(() -> {
            space.checkOpen();
            long end = PageTable.PAGES_END;
            long page = vmas.gap(nextReserved, npages, end);
            if (page < 0) {
                page = vmas.gap(end / 2, npages, end);
            }
            if (page < 0 || lacksRoom(1)) {
                return -1L;
            }
            PageMarks discarded = space.discarded.without(page, page + npages); // a discard passes over holes
            vmas.insert(Vma.anonymous(PageTable.rangeOf(page, page + npages), Protection.NONE));
            space.discarded = discarded;
            family.layoutChanged();
            nextReserved = page + npages;
            return PageTable.hvaOf(page);
        });
    }

    HostResult unmap(HvaRange range) {
        return change(range, () -> lacksRoom(1)
                ? HostResult.ENOMEM
                : replaceLocked(PageTable.firstPage(range), PageTable.endPage(range), List.of()));
    }

    /**
     * A change of protection, judged at one moment.
     *
     * @param parts the mappings that change, as they are
     * @param result the answer when they have: the first hole is ENOMEM, the first file that forbids it EACCES
     */
    private record Reprotection(List<Vma> parts, HostResult result) {}

    private Reprotection judgeLocked(HvaRange range, Protection protection) {
        List<Vma> parts = new ArrayList<>();
        long at = PageTable.firstPage(range);
        for (Vma part : space.partsLocked(range)) { // bounded by the number of mappings
            if (part.start() != at) {
                break;
            }
            if (protection == Protection.READ_WRITE && !part.mayWrite()) {
                return new Reprotection(parts, HostResult.EACCES);
            }
            if (part.protection() != protection) {
                parts.add(part);
            }
            at = part.end();
        }
        return new Reprotection(parts, at == PageTable.endPage(range) ? HostResult.OK : HostResult.ENOMEM);
    }

    /** Applies a protection up to the first hole, which answers ENOMEM, or to the first file that forbids it. */
    HostResult protect(HvaRange range, Protection protection) {
        HostFamily.Scope whatChanges = new HostFamily.Scope(space, true, () ->
                judgeLocked(range, protection).parts.stream().map(part -> space.target(part.range())).toList());
        return family.change(whatChanges, true, () -> {
            Reprotection change = judgeLocked(range, protection);
            if (change.parts.isEmpty()) {
                return change.result;
            }
            if (lacksRoom(2)) {
                return HostResult.ENOMEM;
            }
            long start = change.parts.get(0).start();
            long end = change.parts.get(change.parts.size() - 1).end();
            VmaSet draft = vmas.draft(start, end);
            for (Vma part : change.parts) { // bounded by the number of mappings
                draft.replace(part.start(), part.end(), List.of(part.withProtection(protection)));
            }
            vmas.replace(start, end, draft.all());
            family.layoutChanged();
            // Raised to read-write, the entries stay: the next write faults, and finds out about copy on write there.
            for (int i = 0; protection != Protection.READ_WRITE && i < change.parts.size(); i++) {
                table.makeReadOnly(change.parts.get(i).start(), change.parts.get(i).end());
            }
            return change.result;
        });
    }

    /** Forgets private pages and unmaps shared ones; a hole answers ENOMEM, the rest is done. */
    HostResult discard(HvaRange range) {
        return change(range, () -> {
            HostResult covered = space.coverageLocked(range);
            table.reserveEnds(PageTable.firstPage(range), PageTable.endPage(range));
            space.discarded.change(PageTable.firstPage(range), PageTable.endPage(range), 0, PageMarks.ZEROED);
            table.drop(PageTable.firstPage(range), PageTable.endPage(range));
            return covered;
        });
    }

    /** Frees the file pages mapped in a range, mapping by mapping. */
    HostResult remove(HvaRange range) {
        HostResult result = HostResult.OK;
        long at = PageTable.firstPage(range);
        for (Vma part : space.partsWithin(range)) { // bounded by the number of mappings
            if (part.start() != at) {
                result = HostResult.ENOMEM;
            }
            if (!part.shared() || part.file().userMemory) {
                return HostResult.EINVAL;
            }
            if (!part.mayWrite()) {
                return HostResult.EACCES;
            }
            HostResult punched = punch(family, part.file(), part.filePage(), part.toFilePage(part.end()));
            if (punched != HostResult.OK) {
                return punched;
            }
            at = part.end();
        }
        return at == PageTable.endPage(range) ? result : HostResult.ENOMEM;
    }

    /** Makes a hole of a file's pages {@code [from, to)}, at every place that maps them shared. */
    static HostResult punch(HostFamily family, FilePages file, long from, long to) {
        return family.change(family.ofFile(file, from, to, false), true, () -> {
            List<HostFamily.Place> places = family.placesOf(file, from, to, false);
            file.punch(from, to); // what can fail first: the entries that go after it are not looked at in between
            unmapLocked(places);
            return HostResult.OK;
        });
    }

    /** Clears the entries of some places. Allocates nothing. */
    static void unmapLocked(List<HostFamily.Place> places) {
        for (int i = 0; i < places.size(); i++) { // bounded by the mappings of the family
            Vma part = places.get(i).part();
            places.get(i).space().table.drop(part.start(), part.end());
        }
    }

    /** Moves what is mapped in a range to {@code destination}, which is as long. */
    HostResult move(HvaRange source, HvaRange destination) {
        if (source.overlaps(destination)) {
            return HostResult.EINVAL;
        }
        long from = PageTable.firstPage(source);
        return family.change(HostFamily.fixed(space, source, destination), true, () -> {
            List<Vma> parts = space.partsLocked(source);
            if (parts.isEmpty() || parts.get(0).start() != from) {
                return HostResult.EFAULT;
            }
            if (lacksRoom(parts.size() + 2)) {
                return HostResult.ENOMEM;
            }
            moveLocked(parts, from, PageTable.firstPage(destination), PageTable.endPage(source) - from);
            return HostResult.OK;
        });
    }

    private void moveLocked(List<Vma> parts, long from, long target, long npages) {
        long shift = target - from;
        long start = Math.min(from, target);
        long end = Math.max(from, target) + npages;
        VmaSet draft = vmas.draft(start, end);
        draft.replace(from, from + npages, List.of());
        List<Vma> gone = new ArrayList<>();
        PageMarks discarded = space.discarded;
        for (Vma part : parts) { // bounded by the number of mappings
            discarded = discarded.moved(part.start(), part.end(), shift);
            gone.addAll(vmas.within(part.start() + shift, part.end() + shift));
            draft.replace(part.start() + shift, part.end() + shift, List.of(part.movedTo(part.start() + shift)));
        }
        table.forEach(from, from + npages, (page, pte) -> {
            table.reserve(page);
            table.reserve(page + shift);
        });
        for (Vma one : gone) { // bounded by the number of mappings
            table.forEach(one.start(), one.end(), (page, pte) -> table.reserve(page));
        }
        PageTable.Visitor moveOne = (page, pte) -> {
            table.set(page, 0);
            table.set(page + shift, pte);
        };
        PageTable.Visitor dropOne = (page, pte) -> {
            table.set(page, 0);
            store.drop(pte);
        };
        vmas.replace(start, end, draft.all());
        // From here on nothing is allocated.
        space.discarded = discarded;
        family.layoutChanged();
        for (int i = 0; i < gone.size(); i++) {
            table.forEach(gone.get(i).start(), gone.get(i).end(), dropOne); // the leaves are needed
        }
        table.forEach(from, from + npages, moveOne);
        table.drop(from, from + npages);
        forgetLocked(gone);
    }

    /** Arms or disarms the write-protect faults of the pages that are there. */
    HostResult arm(HvaRange range, boolean armed) {
        return change(range, () -> {
            HostResult covered = space.coverageLocked(range);
            int round = armings + 1;
            PageTable.Visitor one =
                    (page, pte) -> table.set(page, armed ? Pte.armed(pte, round) : Pte.disarmed(pte));
            table.forEach(PageTable.firstPage(range), PageTable.endPage(range), (page, pte) -> table.reserve(page));
            armings = round;
            table.forEach(PageTable.firstPage(range), PageTable.endPage(range), one);
            return covered;
        });
    }

    /** Has the fault handlers fill what was never touched. */
    HostResult fill(HvaRange range) {
        HostResult result = HostResult.OK;
        for (long page : space.unfilled(range)) { // bounded by the range
            if (result == HostResult.OK) {
                result = populate(HvaRange.ofPages(PageTable.hvaOf(page), 1), FaultPath.Access.READ);
            }
        }
        return result;
    }

    /** Faults pages in. */
    HostResult populate(HvaRange range, FaultPath.Access access) {
        HostResult result = HostResult.OK;
        long end = PageTable.endPage(range);
        for (long page = PageTable.firstPage(range); page < end && result == HostResult.OK; page++) { // by the range
            result = new FaultPath(space, page, access, pfn -> {}).run().populated;
        }
        return result;
    }

    HostResult freeLazily(HvaRange range) {
        return family.getLocked(() -> {
            boolean anonymous = space.partsLocked(range).stream().allMatch(part -> part.file() == null);
            return anonymous ? space.coverageLocked(range) : HostResult.EINVAL;
        });
    }

    /** The end of the process: everything is unmapped. Without notifiers it takes no memory. */
    void close() {
        family.lock.lock();
        try {
            if (space.notifiers().isEmpty()) {
                space.closeLocked();
                return;
            }
        } finally {
            family.lock.unlock();
        }
        HostResult result = change(HvaRange.WHOLE, () -> {
            space.closeLocked();
            return HostResult.OK;
        });
        if (result != HostResult.OK) {
            throw new IllegalStateException("host memory cannot be closed while its notifiers change");
        }
    }

    /** Puts mappings without pages in place of what was there; without memory for that, nothing has changed. */
    private HostResult replaceLocked(long from, long to, List<Vma> parts) {
        List<Vma> gone = vmas.within(from, to);
        table.reserveEnds(from, to);
        PageMarks discarded = space.discarded.without(from, to);
        vmas.replace(from, to, parts);
        // From here on nothing is allocated.
        space.discarded = discarded;
        table.drop(from, to);
        family.layoutChanged();
        forgetLocked(gone);
        return HostResult.OK;
    }

    private void forgetLocked(List<Vma> gone) {
        for (int i = 0; i < gone.size(); i++) { // bounded by the number of mappings
            if (gone.get(i).file() != null) {
                family.forgetUnmapped(gone.get(i).file());
            }
        }
    }

    private boolean lacksRoom(int more) {
        return vmas.size() > family.maxMappings - more;
    }
}
