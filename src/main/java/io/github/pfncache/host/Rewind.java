package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;

/**
 * Puts pages back as a snapshot has them. Methods that end in {@code Locked} run under the family lock. Confined to one
 * thread, single use.
 */
final class Rewind {

    private final HostMemory memory;
    private final HostMemory snapshot;
    private final HostFamily family;
    private final long to;
    private final long from;
    private final long npages;
    private final LongStream.Builder changed = LongStream.builder();

    /** Pages {@code [to, to + npages)} of a memory become what {@code from} and so on are in the snapshot. */
    Rewind(HostMemory memory, HostMemory snapshot, long to, long from, long npages) {
        this.memory = memory;
        this.snapshot = snapshot;
        this.family = memory.family();
        this.to = to;
        this.from = from;
        this.npages = npages;
    }

    HostResult run(LongConsumer told) {
        HostResult result = family.change(new BothSides(), true, this::rewindLocked);
        changed.build().map(HostMemory::pageToHva).forEach(told);
        return result;
    }

    /** The snapshot too: a page that it wrote itself is shared from now on, and no longer its own to write. */
    private final class BothSides implements HostFamily.Scope {
        @Override
        public List<Invalidation.Target> targets(boolean wide) {
            return List.of(
                    new Invalidation.Target(memory, HostMemory.pagesToHvaRange(to, to + npages)),
                    new Invalidation.Target(snapshot, HostMemory.pagesToHvaRange(from, from + npages)));
        }

        @Override
        public boolean followsLayout() {
            return false;
        }
    }

    private HostResult rewindLocked() {
        memory.checkOpen();
        HostResult possible = judgeLocked();
        if (possible != HostResult.OK) {
            return possible;
        }
        for (Vma part : memory.vmas().within(to, to + npages)) { // bounded by the number of mappings
            if (part.shared() && !part.mayWrite()) {
                continue;
            }
            // Pages that are something in the snapshot or here; all others are zeros on both sides already.
            boolean reads = part.file() != null && (part.file().backing != null || !part.shared());
            for (long page = part.start(); page < part.end(); page++) { // bounded by the range
                page = reads ? page : nextLocked(part, page);
                if (page < 0 || page >= part.end()) {
                    break;
                }
                HostResult result = part.shared() ? putLocked(part, page) : shareLocked(part, page);
                if (result != HostResult.OK) {
                    return result;
                }
            }
        }
        return HostResult.OK;
    }

    private HostResult judgeLocked() {
        List<Vma> sources = snapshot.vmas().within(from, from + npages);
        boolean own = sources.stream().allMatch(source -> source.file() == null);
        if (!own || snapshot.ranges().coverageLocked(from, from + npages) != HostResult.OK) {
            return HostResult.EINVAL;
        }
        if (memory.ranges().coverageLocked(to, to + npages) != HostResult.OK) {
            return HostResult.ENOMEM;
        }
        for (Vma part : memory.vmas().within(to, to + npages)) { // bounded by the number of mappings
            long behind = part.file() == null
                    ? part.end()
                    : Math.max(part.start(), part.start() + part.file().npages() - part.filePage());
            if (behind < part.end() && snapshot.table().next(sourceOf(behind), sourceOf(part.end())) >= 0) {
                return HostResult.EFAULT;
            }
        }
        return HostResult.OK;
    }

    private long sourceOf(long page) {
        return page - to + from;
    }

    /** First page of a part, at or behind one, that has an entry on one of the sides; -1 if none has. */
    private long nextLocked(Vma part, long page) {
        long there = snapshot.table().next(sourceOf(page), sourceOf(part.end()));
        long here = part.shared()
                ? part.file().entries.next(part.toFilePage(page), part.toFilePage(part.end()))
                : memory.table().next(page, part.end());
        long first = there < 0 ? -1 : there - from + to;
        long second = here < 0 || !part.shared() ? here : here - part.filePage() + part.start();
        return first < 0 || second >= 0 && second < first ? second : first;
    }

    /** A private page: the snapshot's frame, or what is evicted of it, or zeros. */
    private HostResult shareLocked(Vma part, long page) {
        long former = memory.table().get(page);
        long source = snapshot.table().get(sourceOf(page));
        long entry;
        if (Pte.isPresent(source)) {
            entry = Pte.ofFrame(Pte.index(source), false);
        } else if (Pte.isSwapped(source)) {
            entry = Pte.ofSwap(Pte.index(source));
        } else if (part.file() == null) {
            entry = 0;
        } else if (part.toFilePage(page) >= part.file().npages()) {
            return HostResult.OK; // behind the end on both sides: nothing to be had
        } else if (former == 0 && part.file().isHole(part.toFilePage(page))) {
            return HostResult.OK;
        } else {
            int zeros = family.frames.allocateZeroed(); // nothing here would show the file
            if (zeros == FrameStore.NONE) {
                return HostResult.ENOMEM;
            }
            replaceLocked(page, former, Pte.ofFrame(zeros, false));
            return HostResult.OK;
        }
        boolean same = Pte.isPresent(former) == Pte.isPresent(entry)
                && Pte.isSwapped(former) == Pte.isSwapped(entry)
                && Pte.index(former) == Pte.index(entry);
        if (same) {
            return HostResult.OK; // never written since, or never there
        }
        if (Pte.isPresent(entry)) {
            family.frames.addOwner(Pte.index(entry));
            snapshot.table().set(sourceOf(page), Pte.readOnly(source));
        } else if (Pte.isSwapped(entry)) {
            family.swap.share(Pte.index(entry));
        }
        replaceLocked(page, former, entry);
        return HostResult.OK;
    }

    private void replaceLocked(long page, long former, long entry) {
        memory.table().set(page, Pte.keepArmed(entry, former));
        family.dropEntry(former);
        changed.add(page);
    }

    /** A shared page: the bytes, into the file's frame; a page that has none gets one. */
    private HostResult putLocked(Vma part, long page) {
        FilePages file = part.file();
        long filePage = part.toFilePage(page);
        long source = snapshot.table().get(sourceOf(page));
        if (filePage >= file.npages()) {
            return HostResult.OK; // behind the end on both sides
        }
        byte[] content = new byte[Pages.PAGE_SIZE];
        family.readEntry(source, 0, content, 0, Pages.PAGE_SIZE);
        long entry = file.entry(filePage);
        boolean nothing = !Pte.isPresent(source) && !Pte.isSwapped(source);
        if (nothing && file.isHole(filePage)) {
            return HostResult.OK;
        }
        if (!Pte.isPresent(entry)) {
            if (file.install(filePage, content) == FrameStore.NONE) {
                return HostResult.ENOMEM;
            }
        } else if (!family.frames.copy(content, Pte.index(entry))) {
            return HostResult.OK;
        }
        file.markChanged(filePage, filePage + 1);
        changed.add(page);
        return HostResult.OK;
    }
}
