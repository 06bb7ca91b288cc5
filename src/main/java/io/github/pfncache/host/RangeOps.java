package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The calls that change what is mapped in a range of one address space: {@code mmap}, {@code munmap}, {@code mprotect},
 * {@code madvise} and {@code mremap}. Methods that end in {@code Locked} run under the family lock; the others take it,
 * with the invalidation around it. Ranges are page numbers, checked by the caller.
 */
final class RangeOps {

    private final HostMemory memory;
    private final HostFamily family;
    private final VmaSet vmas;
    private final PageTable table;

    // Made once: what runs when a change has begun must not need memory.
    private final PageTable.Visitor dropOne = this::dropLocked;
    private final PageTable.Visitor makeReadOnly = this::makeReadOnly;

    // Guarded by the family lock.
    /** Counts the armings. */
    private int armings;
    /** Where the next reservation is looked for: an address is used again as late as possible. */
    private long nextReserved = PageTable.PAGES_END / 2;

    RangeOps(HostMemory memory) {
        this.memory = memory;
        this.family = memory.family();
        this.vmas = memory.vmas();
        this.table = memory.table();
    }

    /** One change of pages {@code [from, to)}. */
    private HostResult change(long from, long to, Supplier<HostResult> apply) {
        return family.change(HostFamily.fixed(memory, HostMemory.pagesToHvaRange(from, to)), true, apply);
    }

    /** Puts a mapping in place of what was there. */
    HostResult map(Vma vma) {
        return change(vma.start(), vma.end(), () -> {
            memory.checkOpen();
            if (lacksRoom(2)) {
                return HostResult.ENOMEM;
            }
            replaceLocked(vma.start(), vma.end(), List.of(vma));
            return HostResult.OK;
        });
    }

    /**
     * Maps pages without access where nothing is: see {@link HostMemory#reserve}. Nothing is taken away, so nobody has
     * to be told.
     */
    long reserve(long npages) {
        return family.getLocked(() -> {
            memory.checkOpen();
            long end = PageTable.PAGES_END;
            long page = vmas.gap(nextReserved, npages, end);
            if (page < 0) {
                page = vmas.gap(end / 2, npages, end);
            }
            if (page < 0 || lacksRoom(1)) {
                return -1L;
            }
            vmas.insert(Vma.anonymous(page, page + npages, Protection.NONE));
            family.layoutChanged();
            nextReserved = page + npages;
            return HostMemory.pageToHva(page);
        });
    }

    HostResult unmap(long from, long to) {
        return change(from, to, () -> {
            if (lacksRoom(1)) {
                return HostResult.ENOMEM;
            }
            removeLocked(from, to);
            return HostResult.OK;
        });
    }

    /** Applies a protection up to the first hole, which answers ENOMEM, or to the first file that forbids it. */
    HostResult protect(long from, long to, Protection protection) {
        return change(from, to, () -> {
            if (lacksRoom(2)) {
                return HostResult.ENOMEM;
            }
            List<Vma> raised = new ArrayList<>();
            HostResult result = HostResult.OK;
            long at = from;
            for (Vma part : vmas.within(from, to)) { // bounded by the number of mappings
                if (part.start() != at) {
                    break;
                }
                if (protection == Protection.READ_WRITE && !part.mayWrite()) {
                    result = HostResult.EACCES;
                    break;
                }
                raised.add(part.withProtection(protection));
                at = part.end();
            }
            vmas.replace(from, at, raised);
            family.layoutChanged();
            // Raised to read-write, the entries stay: the next write faults, and finds out about copy on write there.
            if (protection != Protection.READ_WRITE) {
                makeReadOnlyLocked(from, at);
            }
            return result == HostResult.OK && at != to ? HostResult.ENOMEM : result;
        });
    }

    /** Forgets private pages and unmaps shared ones; a hole answers ENOMEM, the rest is done. */
    HostResult discard(long from, long to) {
        return change(from, to, () -> {
            HostResult covered = coverageLocked(from, to);
            dropPagesLocked(from, to);
            return covered;
        });
    }

    /** Frees the file pages mapped in a range, mapping by mapping: see {@link HostMemory#remove}. */
    HostResult remove(long from, long to) {
        HostResult result = HostResult.OK;
        long at = from;
        for (Vma part : partsWithin(from, to)) { // bounded by the number of mappings
            if (part.start() != at) {
                result = HostResult.ENOMEM;
            }
            if (!part.shared() || part.file().userMemory) {
                return HostResult.EINVAL;
            }
            if (!part.mayWrite()) {
                return HostResult.EACCES;
            }
            FilePages file = part.file();
            HostResult punched = HostFile.punch(file, part.filePage(), part.toFilePage(part.end()));
            if (punched != HostResult.OK) {
                return punched;
            }
            at = part.end();
        }
        return at == to ? result : HostResult.ENOMEM;
    }

    /** Moves what is mapped in {@code [from, from + npages)} to {@code target}: see {@link HostMemory#move}. */
    HostResult move(long from, long npages, long target) {
        HvaRange source = HostMemory.pagesToHvaRange(from, from + npages);
        HvaRange destination = HostMemory.pagesToHvaRange(target, target + npages);
        if (source.overlaps(destination)) {
            return HostResult.EINVAL;
        }
        return family.change(HostFamily.fixed(memory, source, destination), true, () -> {
            List<Vma> parts = vmas.within(from, from + npages);
            if (parts.isEmpty() || parts.get(0).start() != from) {
                return HostResult.EFAULT;
            }
            if (lacksRoom(parts.size() + 2)) {
                return HostResult.ENOMEM;
            }
            moveLocked(parts, from, target, npages);
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
        for (Vma part : parts) { // bounded by the number of mappings
            gone.addAll(vmas.within(part.start() + shift, part.end() + shift));
            draft.replace(part.start() + shift, part.end() + shift, List.of(part.movedTo(part.start() + shift)));
        }
        table.forEach(from, from + npages, (page, pte) -> table.reserve(page + shift));
        PageTable.Visitor moveOne = (page, pte) -> {
            table.set(page, 0);
            table.set(page + shift, pte);
        };
        vmas.replace(start, end, draft.all());
        // From here on nothing is allocated.
        family.layoutChanged();
        for (int i = 0; i < gone.size(); i++) {
            dropPagesLocked(gone.get(i).start(), gone.get(i).end());
        }
        table.forEach(from, from + npages, moveOne);
        table.prune(from, from + npages);
        forgetLocked(gone);
    }

    /** Arms or disarms the write-protect faults of the pages that are there. */
    HostResult arm(long from, long to, boolean armed) {
        return change(from, to, () -> {
            HostResult covered = coverageLocked(from, to);
            int round = armings + 1;
            PageTable.Visitor one =
                    (page, pte) -> table.set(page, armed ? Pte.armed(pte, round) : Pte.disarmed(pte));
            armings = round;
            table.forEach(from, to, one);
            return covered;
        });
    }

    /** Faults pages in: see {@link HostMemory#populateWrite}. */
    HostResult populate(long from, long to) {
        for (long page = from; page < to; page++) { // bounded by the range
            HostResult result =
                    switch (new FaultPath(memory, page, FaultPath.Access.WRITE, pfn -> {}).run()) {
                        case DONE -> HostResult.OK;
                        case UNMAPPED, NO_MEMORY -> HostResult.ENOMEM;
                        case FORBIDDEN -> HostResult.EINVAL;
                        case BEYOND_END, REFUSED, UNREADABLE -> HostResult.EFAULT;
                        case BUSY -> HostResult.BUSY;
                    };
            if (result != HostResult.OK) {
                return result;
            }
        }
        return HostResult.OK;
    }

    HostResult freeLazily(long from, long to) {
        family.lock.lock();
        try {
            boolean anonymous = vmas.within(from, to).stream().allMatch(part -> part.file() == null);
            return anonymous ? coverageLocked(from, to) : HostResult.EINVAL;
        } finally {
            family.lock.unlock();
        }
    }

    /** The end of the process: everything is unmapped. */
    void close() {
        HostResult result = change(0, PageTable.PAGES_END, () -> {
            removeLocked(0, PageTable.PAGES_END);
            memory.markClosed();
            family.members.remove(memory);
            family.listenersChanged();
            return HostResult.OK;
        });
        if (result != HostResult.OK) {
            throw new IllegalStateException("host memory cannot be closed while its notifiers change");
        }
    }

    /** Parts of mappings in a range, as of now. */
    List<Vma> partsWithin(long from, long to) {
        family.lock.lock();
        try {
            return vmas.within(from, to);
        } finally {
            family.lock.unlock();
        }
    }

    /** First page with an entry, or -1. */
    long nextEntry(long from, long to) {
        family.lock.lock();
        try {
            return table.next(from, to);
        } finally {
            family.lock.unlock();
        }
    }

    /** ENOMEM if the range has a hole. */
    HostResult coverage(long from, long to) {
        family.lock.lock();
        try {
            return coverageLocked(from, to);
        } finally {
            family.lock.unlock();
        }
    }

    /** ENOMEM if the range has a hole. */
    HostResult coverageLocked(long from, long to) {
        long at = from;
        for (Vma part : vmas.within(from, to)) { // bounded by the number of mappings
            if (part.start() != at) {
                return HostResult.ENOMEM;
            }
            at = part.end();
        }
        return at == to ? HostResult.OK : HostResult.ENOMEM;
    }

    void removeLocked(long from, long to) {
        replaceLocked(from, to, List.of());
    }

    /** Puts mappings without pages in place of what was there; without memory for that, nothing has changed. */
    private void replaceLocked(long from, long to, List<Vma> parts) {
        List<Vma> gone = vmas.within(from, to);
        vmas.replace(from, to, parts);
        // From here on nothing is allocated.
        dropPagesLocked(from, to);
        table.prune(from, to);
        family.layoutChanged();
        forgetLocked(gone);
    }

    private void forgetLocked(List<Vma> gone) {
        for (int i = 0; i < gone.size(); i++) { // bounded by the number of mappings
            if (gone.get(i).file() != null) {
                family.forgetUnmapped(gone.get(i).file());
            }
        }
    }

    /**
     * Clears the entries of a range. The entry goes first: from then on no reader can take a new reference. Allocates
     * nothing.
     */
    void dropPagesLocked(long from, long to) {
        table.forEach(from, to, dropOne);
    }

    private void dropLocked(long page, long pte) {
        table.set(page, 0);
        family.dropEntry(pte);
    }

    private void makeReadOnly(long page, long pte) {
        table.set(page, Pte.readOnly(pte));
    }

    /** Takes the right to write from the entries of a range. Allocates nothing. */
    void makeReadOnlyLocked(long from, long to) {
        table.forEach(from, to, makeReadOnly);
    }

    private boolean lacksRoom(int more) {
        return vmas.size() > family.maxMappings - more;
    }
}
