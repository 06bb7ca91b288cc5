package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
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

    /** One change of a range; told of it are the handlers that it adds. */
    private HostResult change(HvaRange range, List<Runnable> told, Supplier<HostResult> apply) {
        return family.change(HostFamily.fixed(space, range), true, told, apply);
    }

    /** Puts a mapping in place of what was there. */
    HostResult map(Vma vma) {
        List<Runnable> told = new ArrayList<>();
        return change(vma.range(), told, () -> {
            space.checkOpen();
            return replaceLocked(vma.start(), vma.end(), List.of(vma), told);
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
        } finally {
            family.giveUp(file, 0); // if it could not be mapped
        }
    }

    /**
     * Maps pages without access where nothing is, nor beside them: what is one mapping is unmapped at any limit. Of
     * what is there nothing is taken away, so no notifier has to be told.
     */
    long reserve(long npages) {
        return family.getLocked(() -> {
            space.checkOpen();
            long room = Math.min(npages, PageTable.PAGES_END) + 2;
            long gap = vmas.gap(nextReserved, room, PageTable.PAGES_END); // is found at once, as a rule
            long page = (gap < 0 ? vmas.gap(PageTable.PAGES_END / 2, room, PageTable.PAGES_END) : gap) + 1;
            Vma reserved = page == 0 ? null : Vma.anonymous(PageTable.rangeOf(page, page + npages), Protection.NONE);
            if (reserved == null || replaceLocked(page, page + npages, List.of(reserved), List.of()) != HostResult.OK) {
                return -1L;
            }
            nextReserved = page + npages;
            return PageTable.hvaOf(page);
        });
    }

    HostResult unmap(HvaRange range) {
        List<Runnable> told = new ArrayList<>();
        return change(range, told, () ->
                replaceLocked(PageTable.firstPage(range), PageTable.endPage(range), List.of(), told));
    }

    /**
     * Judges a change of protection: the first hole is ENOMEM, the first file that forbids it EACCES.
     *
     * @param parts receives the mappings that change before that, as they are
     */
    private HostResult judgeLocked(HvaRange range, Protection protection, List<Vma> parts) {
        long at = PageTable.firstPage(range);
        for (Vma part : space.partsLocked(range)) { // bounded by the number of mappings
            if (part.start() != at) {
                break;
            }
            if (protection == Protection.READ_WRITE && !part.mayWrite()) {
                return HostResult.EACCES;
            }
            if (part.protection() != protection) {
                parts.add(part);
            }
            at = part.end();
        }
        return at == PageTable.endPage(range) ? HostResult.OK : HostResult.ENOMEM;
    }

    /** Applies a protection up to the first hole, which answers ENOMEM, or to the first file that forbids it. */
    HostResult protect(HvaRange range, Protection protection) {
        HostFamily.Scope whatChanges = new HostFamily.Scope(space, true, () -> {
            List<Vma> parts = new ArrayList<>();
            judgeLocked(range, protection, parts);
            return parts.stream().flatMap(part -> space.targets(part.range())).toList();
        });
        return family.change(whatChanges, true, () -> {
            List<Vma> parts = new ArrayList<>();
            HostResult result = judgeLocked(range, protection, parts);
            if (parts.isEmpty()) {
                return result;
            }
            long start = parts.get(0).start();
            long end = parts.get(parts.size() - 1).end();
            VmaSet draft = vmas.draft(start, end);
            for (Vma part : parts) { // bounded by the number of mappings
                draft.replace(part.start(), part.end(), List.of(part.withProtection(protection)));
            }
            Runnable replacement = vmas.replacement(start, end, draft.all(), family.maxMappings);
            if (replacement == null) {
                return HostResult.ENOMEM;
            }
            replacement.run();
            family.layoutChanged();
            // Raised to read-write, the entries stay: the next write faults, and finds out about copy on write there.
            for (int i = 0; protection != Protection.READ_WRITE && i < parts.size(); i++) {
                table.makeReadOnly(parts.get(i).start(), parts.get(i).end());
            }
            return result;
        });
    }

    /** Forgets private pages and unmaps shared ones; a hole answers ENOMEM, the rest is done. */
    HostResult discard(HvaRange range) {
        List<Runnable> told = new ArrayList<>();
        return change(range, told, () -> {
            List<Vma> parts = space.partsLocked(range);
            HostResult covered = AddressSpace.coverage(range, parts);
            for (Vma part : parts) { // bounded by the number of mappings
                if (!part.shared()) { // what is in a shared one stays
                    space.tellOf(part.start(), part.end(), told, PageFaultHandler::onDiscard);
                }
            }
            table.reserveEnds(PageTable.firstPage(range), PageTable.endPage(range));
            space.discarded.change(PageTable.firstPage(range), PageTable.endPage(range), 0, PageMarks.ZEROED);
            table.drop(PageTable.firstPage(range), PageTable.endPage(range));
            return covered;
        });
    }

    /** Frees the file pages mapped in a range, mapping by mapping. */
    HostResult remove(HvaRange range) {
        List<Vma> parts = space.partsWithin(range);
        HostResult covered = AddressSpace.coverage(range, parts); // a handler that is told may unmap some
        for (Vma part : parts) { // bounded by the number of mappings
            if (!part.shared() || part.file().userMemory) {
                return HostResult.EINVAL;
            }
            if (!part.mayWrite()) {
                return HostResult.EACCES;
            }
            HostResult punched = family.punch(part.file(), part.filePage(), part.toFilePage(part.end()));
            if (punched != HostResult.OK) {
                return punched;
            }
        }
        return covered;
    }

    /** Moves what is mapped in a range to {@code destination}, which is as long. */
    HostResult move(HvaRange source, HvaRange destination) {
        if (source.overlaps(destination)) {
            return HostResult.EINVAL;
        }
        long from = PageTable.firstPage(source);
        List<Runnable> told = new ArrayList<>();
        return family.change(HostFamily.fixed(space, source, destination), true, told, () -> {
            List<Vma> parts = space.partsLocked(source);
            if (parts.isEmpty() || parts.get(0).start() != from) {
                return HostResult.EFAULT;
            }
            long npages = PageTable.endPage(source) - from;
            return moveLocked(parts, from, PageTable.firstPage(destination), npages, told);
        });
    }

    private HostResult moveLocked(List<Vma> parts, long from, long target, long npages, List<Runnable> told) {
        long shift = target - from;
        long start = Math.min(from, target);
        long end = Math.max(from, target) + npages;
        VmaSet draft = vmas.draft(start, end);
        draft.replace(from, from + npages, List.of());
        List<Vma> gone = new ArrayList<>();
        PageMarks discarded = space.discarded.draft(start, end);
        for (Vma part : parts) { // bounded by the number of mappings
            discarded.move(part.start(), part.end(), shift);
            gone.addAll(vmas.within(part.start() + shift, part.end() + shift));
            draft.replace(part.start() + shift, part.end() + shift, List.of(part.movedTo(part.start() + shift)));
        }
        Runnable replacement = vmas.replacement(start, end, draft.all(), family.maxMappings);
        if (replacement == null) {
            return HostResult.ENOMEM;
        }
        table.forEach(from, from + npages, (page, pte) -> {
            table.reserve(page);
            table.reserve(page + shift);
        });
        tellUnmappedLocked(gone, told);
        for (Vma one : gone) { // bounded by the number of mappings
            table.forEach(one.start(), one.end(), (page, pte) -> table.reserve(page));
        }
        for (Vma part : parts) {
            space.tellOf(part.start(), part.end(), told, (handler, range) ->
                    handler.onMove(range, range.start() + (shift << Pages.PAGE_SHIFT)));
        }
        PageTable.Visitor moveOne = (page, pte) -> {
            table.set(page, 0);
            table.set(page + shift, pte);
        };
        PageTable.Visitor dropOne = (page, pte) -> {
            table.set(page, 0);
            store.drop(pte);
        };
        // From here on nothing is allocated.
        replacement.run();
        space.discarded = discarded;
        family.layoutChanged();
        for (int i = 0; i < gone.size(); i++) {
            table.forEach(gone.get(i).start(), gone.get(i).end(), dropOne); // the leaves are needed
        }
        table.forEach(from, from + npages, moveOne);
        table.drop(from, from + npages);
        forgetLocked(gone);
        return HostResult.OK;
    }

    /** Arms or disarms the write-protect faults of the pages that are there. */
    HostResult arm(HvaRange range, boolean armed) {
        return change(range, List.of(), () -> {
            HostResult covered = space.coverageLocked(range);
            int round = armings + 1;
            PageTable.Visitor one = (page, pte) -> table.set(page, armed ? Pte.armed(pte, round) : Pte.disarmed(pte));
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
        HostResult result = change(HvaRange.WHOLE, List.of(), () -> {
            space.closeLocked();
            return HostResult.OK;
        });
        if (result != HostResult.OK) {
            throw new IllegalStateException("host memory cannot be closed while its notifiers change");
        }
    }

    /**
     * Puts mappings without pages in place of what was there; without memory for that, nothing has changed. ENOMEM if
     * there were too many mappings then, as the kernel does where one is split; what makes none more is always done.
     */
    private HostResult replaceLocked(long from, long to, List<Vma> parts, List<Runnable> told) {
        Runnable replacement = vmas.replacement(from, to, parts, family.maxMappings);
        if (replacement == null) {
            return HostResult.ENOMEM;
        }
        List<Vma> gone = vmas.within(from, to);
        tellUnmappedLocked(gone, told);
        table.reserveEnds(from, to);
        space.discarded.change(from, to, -1, 0);
        // From here on nothing is allocated.
        replacement.run();
        table.drop(from, to);
        family.layoutChanged();
        forgetLocked(gone);
        return HostResult.OK;
    }

    /** Has those told that mappings have gone. A place without access or content is one where something will be. */
    private void tellUnmappedLocked(List<Vma> gone, List<Runnable> told) {
        for (Vma one : gone) { // bounded by the number of mappings
            boolean reserved = one.protection() == Protection.NONE && one.file() == null;
            if (!reserved || table.next(one.start(), one.end()) >= 0) {
                space.tellOf(one.start(), one.end(), told, PageFaultHandler::onUnmap);
            }
        }
    }

    private void forgetLocked(List<Vma> gone) {
        for (int i = 0; i < gone.size(); i++) { // bounded by the number of mappings
            if (gone.get(i).file() != null) {
                family.forgetUnmapped(gone.get(i).file());
            }
        }
    }
}
