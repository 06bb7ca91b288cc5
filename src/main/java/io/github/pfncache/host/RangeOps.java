package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
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
            removeLocked(vma.start(), vma.end());
            vmas.insert(vma);
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
            long at = from;
            for (Vma part : vmas.within(from, to)) { // bounded by the number of mappings
                if (part.start() != at) {
                    return HostResult.ENOMEM;
                }
                if (protection == Protection.READ_WRITE && !part.mayWrite()) {
                    return HostResult.EACCES;
                }
                protectLocked(part, protection);
                at = part.end();
            }
            return at == to ? HostResult.OK : HostResult.ENOMEM;
        });
    }

    private void protectLocked(Vma part, Protection protection) {
        if (part.protection() == protection) {
            return;
        }
        vmas.carve(part.start(), part.end());
        vmas.insert(part.withProtection(protection));
        family.layoutChanged();
        // A raised protection leaves the entries alone: the next write faults, and finds out about copy on write there.
        if (protection != Protection.READ_WRITE) {
            table.forEach(part.start(), part.end(), (page, pte) -> table.set(page, Pte.readOnly(pte)));
        }
    }

    /** Forgets private pages and unmaps shared ones; a hole answers ENOMEM, the rest is done. */
    HostResult discard(long from, long to) {
        return change(from, to, () -> {
            dropPagesLocked(from, to);
            return coverageLocked(from, to);
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
            for (Vma part : parts) { // bounded by the number of mappings
                moveLocked(part, target + (part.start() - from));
            }
            return HostResult.OK;
        });
    }

    private void moveLocked(Vma part, long target) {
        removeLocked(target, target + (part.end() - part.start()));
        long shift = target - part.start();
        table.forEach(part.start(), part.end(), (page, pte) -> {
            table.set(page, 0);
            table.set(page + shift, pte);
        });
        vmas.carve(part.start(), part.end());
        vmas.insert(part.movedTo(target));
    }

    /** Arms or disarms the write-protect faults of the pages that are there. */
    HostResult arm(long from, long to, boolean armed) {
        return change(from, to, () -> {
            int round = ++armings;
            table.forEach(from, to, (page, pte) -> table.set(page, armed ? Pte.armed(pte, round) : Pte.disarmed(pte)));
            return coverageLocked(from, to);
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

    /** A debugger's read of the bytes from {@code hva} on, which lie in pages {@code [from, to)}. */
    HostResult peek(long from, long to, long hva, byte[] into) {
        FetchedPages fetched = new FetchedPages();
        byte[] bytes = new byte[into.length];
        for (int attempt = 0; attempt < FaultPath.MAX_ATTEMPTS; attempt++) { // more than two: mappings changed
            HostResult covered = family.getLocked(() -> peekLocked(from, to, hva, bytes, fetched));
            if (!fetched.isWaiting()) {
                if (covered == HostResult.OK) {
                    System.arraycopy(bytes, 0, into, 0, bytes.length);
                }
                return covered;
            }
            if (!fetched.fetch()) {
                return HostResult.EIO;
            }
        }
        return HostResult.BUSY;
    }

    private HostResult peekLocked(long from, long to, long hva, byte[] into, FetchedPages fetched) {
        if (coverageLocked(from, to) != HostResult.OK) {
            return HostResult.EFAULT;
        }
        for (int at = 0; at < into.length; ) { // bounded by the pages of the array
            int within = Pages.offsetInPage(hva + at);
            int length = Math.min(into.length - at, Pages.PAGE_SIZE - within);
            long page = (hva + at) >>> Pages.PAGE_SHIFT;
            Vma vma = vmas.find(page);
            long pte = table.get(page);
            if (Pte.isPresent(pte) || Pte.isSwapped(pte) || vma.file() == null) {
                family.readEntry(pte, within, into, at, length);
            } else {
                vma.file().read(vma.toFilePage(page), within, into, at, length, fetched);
            }
            at += length;
        }
        return HostResult.OK;
    }

    /** A debugger's write of the bytes from {@code hva} on. */
    HostResult poke(long hva, byte[] from) {
        for (int done = 0; done < from.length; ) { // bounded by the pages of the array
            int at = done;
            int within = Pages.offsetInPage(hva + at);
            int length = Math.min(from.length - at, Pages.PAGE_SIZE - within);
            long page = (hva + at) >>> Pages.PAGE_SHIFT;
            FaultPath.FrameUse write = pfn -> family.frames.write(pfn, within, from, at, length);
            HostResult result =
                    switch (new FaultPath(memory, page, FaultPath.Access.DEBUG_WRITE, write).run()) {
                        case DONE -> HostResult.OK;
                        case UNMAPPED, BEYOND_END, REFUSED -> HostResult.EFAULT;
                        case FORBIDDEN -> HostResult.EACCES;
                        case NO_MEMORY -> HostResult.ENOMEM;
                        case UNREADABLE -> HostResult.EIO;
                        case BUSY -> HostResult.BUSY;
                    };
            if (result != HostResult.OK) {
                return result;
            }
            done += length;
        }
        return HostResult.OK;
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
        List<Vma> parts = vmas.within(from, to);
        vmas.carve(from, to);
        dropPagesLocked(from, to);
        table.prune(from, to);
        family.layoutChanged();
        for (Vma part : parts) { // bounded by the number of mappings
            if (part.file() != null) {
                family.forgetUnmapped(part.file());
            }
        }
    }

    /** Clears the entries of a range. The entry goes first: from then on no reader can take a new reference. */
    void dropPagesLocked(long from, long to) {
        table.forEach(from, to, (page, pte) -> {
            table.set(page, 0);
            family.dropEntry(pte);
        });
    }

    private boolean lacksRoom(int more) {
        return vmas.size() > family.maxMappings - more;
    }
}
