package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Puts pages back as a snapshot has them. Twice over all pages: first everything is had that may be short, the frames
 * of pages that have none and the room for entries, then nothing can fail any more. Methods that end in {@code Locked}
 * run under the family lock. Confined to one thread, single use.
 */
final class Rewind {

    /** Turns that it takes at most: more than one means that a file was mapped or grew in between. */
    private static final int MAX_ATTEMPTS = 16;

    // What is known of a page that has not been read from its file yet: neither is a frame.
    private static final long SAME = Pte.armed(0, 1);
    private static final long OTHER = Pte.armed(0, 2);

    private final HostMemory memory;
    private final HostMemory snapshot;
    private final HostFamily family;
    private final List<RewindRange> ranges;

    // The range that is worked on.
    private long to;
    private long from;
    private long npages;

    private final byte[] wanted = new byte[Pages.PAGE_SIZE];
    private final byte[] found = new byte[Pages.PAGE_SIZE];

    /** By page of the memory: what the unread ones are, and the frame of one that needs a new one. */
    private final PageTable prepared = new PageTable();

    private long[] changed = {};
    private int changes;

    // Of the attempt: the pages that were looked at to prepare them, and the mappings that they are in.
    private long visited;
    private long mappings;

    /** Ranges of a memory become what they are in the snapshot. */
    Rewind(HostMemory memory, HostMemory snapshot, List<RewindRange> ranges) {
        this.memory = memory;
        this.snapshot = snapshot;
        this.family = memory.family();
        this.ranges = ranges;
    }

    private void workOn(RewindRange range) {
        to = range.hva() >>> Pages.PAGE_SHIFT;
        from = range.from() >>> Pages.PAGE_SHIFT;
        npages = range.npages();
    }

    /** What is done with one page; answers OK, or why not. */
    private interface Step {
        HostResult of(Vma part, long page);
    }

    HostResult run(LongConsumer told) {
        HostResult result = HostResult.BUSY;
        try {
            for (int attempt = 0; attempt < MAX_ATTEMPTS && result == HostResult.BUSY; attempt++) {
                result = readFiles() ? family.change(new BothSides(), true, this::rewindLocked) : HostResult.EIO;
            }
        } finally {
            tell(told); // also after a notifier's end threw: the bytes are what they are
        }
        return result;
    }

    private void tell(LongConsumer told) {
        Throwable failure = null;
        for (int i = 0; i < changes; i++) { // bounded by the range
            try {
                told.accept(HostMemory.pageToHva(changed[i]));
            } catch (Throwable e) { // whatever it throws
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            Invalidation.<RuntimeException>rethrow(failure);
        }
    }

    /** The snapshot too: a page that it wrote itself is shared from now on, and no longer its own to write. */
    private final class BothSides implements HostFamily.Scope {
        @Override
        public List<Invalidation.Target> targets(boolean wide) {
            List<Invalidation.Target> targets = new ArrayList<>();
            for (RewindRange range : ranges) { // bounded by the ranges
                targets.add(new Invalidation.Target(memory, HvaRange.ofPages(range.hva(), range.npages())));
                targets.add(new Invalidation.Target(snapshot, HvaRange.ofPages(range.from(), range.npages())));
            }
            return targets;
        }

        @Override
        public boolean followsLayout() {
            return false;
        }
    }

    /** Looks at the pages that have not been read from their file, and finds out which ones are as they shall be. */
    private boolean readFiles() {
        for (RewindRange range : ranges) { // bounded by the ranges
            workOn(range);
            for (Vma part : memory.ranges().partsWithin(to, to + npages)) { // bounded by the number of mappings
                boolean real = part.file() != null && part.file().backing != null && !isPassedOver(part);
                for (long page = part.start(); real && page < part.end(); page++) { // bounded by the range
                    if (prepared.get(page) == 0 && !readPage(part, page)) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    private boolean readPage(Vma part, long page) {
        FetchedPages fetched = new FetchedPages();
        long filePage = part.toFilePage(page);
        boolean unread = family.getLocked(
                () -> isUnreadLocked(part, page) && fetched.get(part.file(), filePage) == null);
        if (!unread) {
            return true;
        }
        if (!fetched.fetch()) {
            return false;
        }
        family.locked(() -> {
            wantedLocked(page);
            boolean same = Arrays.equals(wanted, fetched.get(part.file(), filePage));
            prepared.set(page, same ? SAME : OTHER);
        });
        return true;
    }

    private boolean isUnreadLocked(Vma part, long page) {
        return part.file() != null
                && part.file().isUnread(part.toFilePage(page))
                && (part.shared() || !hasContent(memory.table().get(page)));
    }

    private static boolean isPassedOver(Vma part) {
        return part.shared() && !part.mayWrite();
    }

    private static boolean hasContent(long entry) {
        return Pte.isPresent(entry) || Pte.isSwapped(entry);
    }

    // ---- lock held

    private HostResult rewindLocked() {
        memory.checkOpen();
        visited = mappings = 0;
        try {
            HostResult result = eachRangeLocked(this::judgeLocked);
            result = result != HostResult.OK ? result : eachRangeLocked(all -> eachLocked(all, this::prepareLocked));
            if (result == HostResult.OK) {
                changed = new long[mostChangesLocked()];
                result = eachRangeLocked(all -> eachLocked(all, this::putLocked));
            }
            return result;
        } finally {
            prepared.forEach(0, PageTable.PAGES_END, (page, entry) -> { // frames that have not found their place
                if (Pte.isPresent(entry)) {
                    prepared.set(page, 0);
                    family.dropEntry(entry);
                }
            });
        }
    }

    /** An entry that one mapping gets may be come upon by all others: once by each, and not beyond the ranges. */
    private int mostChangesLocked() {
        long all = ranges.stream().mapToLong(RewindRange::npages).sum();
        return Math.toIntExact(Math.min(all, visited * (1 + mappings)));
    }

    private HostResult eachRangeLocked(Function<List<Vma>, HostResult> step) {
        for (RewindRange range : ranges) { // bounded by the ranges
            workOn(range);
            HostResult result = step.apply(memory.vmas().within(to, to + npages));
            if (result != HostResult.OK) {
                return result;
            }
        }
        return HostResult.OK;
    }

    private HostResult judgeLocked(List<Vma> parts) {
        List<Vma> sources = snapshot.vmas().within(from, from + npages);
        boolean own = sources.stream().allMatch(source -> source.file() == null);
        if (!own || snapshot.ranges().coverageLocked(from, from + npages) != HostResult.OK) {
            return HostResult.EINVAL;
        }
        if (memory.ranges().coverageLocked(to, to + npages) != HostResult.OK) {
            return HostResult.ENOMEM;
        }
        mappings += parts.size();
        for (Vma part : parts) { // bounded by the number of mappings
            long behind = part.file() == null
                    ? part.end()
                    : Math.max(part.start(), part.start() + part.file().npages() - part.filePage());
            if (behind < part.end() && snapshot.table().next(sourceOf(behind), sourceOf(part.end())) >= 0) {
                return HostResult.EFAULT;
            }
        }
        return HostResult.OK;
    }

    /** Visits the pages that are something in the snapshot or here; all others are zeros on both sides already. */
    private HostResult eachLocked(List<Vma> parts, Step step) {
        for (Vma part : parts) { // bounded by the number of mappings
            boolean each = memory.hasFaultHandlers()
                    || part.file() != null && (part.file().backing != null || !part.shared());
            long end = part.file() == null
                    ? part.end()
                    : Math.min(part.end(), part.start() + part.file().npages() - part.filePage());
            for (long page = part.start(); page < end && !isPassedOver(part); page++) { // bounded by the range
                page = each ? page : nextLocked(part, page);
                if (page < 0 || page >= end) {
                    break; // behind its end, the file has nothing on both sides
                }
                HostResult result = step.of(part, page);
                if (result != HostResult.OK) {
                    return result;
                }
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

    /** What is behind the page here: its own entry, or its file's. */
    private long entryLocked(Vma part, long page) {
        long own = memory.table().get(page);
        return part.file() == null || !part.shared() && hasContent(own)
                ? own
                : part.file().entry(part.toFilePage(page));
    }

    private void wantedLocked(long page) {
        family.readEntry(snapshot.table().get(sourceOf(page)), 0, wanted, 0, Pages.PAGE_SIZE);
    }

    /** Whether a page reads here as it shall, with nothing to be done; of an unread one that is known. */
    private boolean isSameLocked(Vma part, long page) {
        if (isUnreadLocked(part, page)) {
            return prepared.get(page) == SAME;
        }
        long source = snapshot.table().get(sourceOf(page));
        long entry = entryLocked(part, page);
        boolean asked = !hasContent(entry)
                && memory.handlerFor(HostMemory.pageToHva(page), PageFault.Reason.MISSING) != null;
        if (!hasContent(source) && !hasContent(entry)) {
            return !asked; // whoever reads it would be given what the handler says
        }
        if (!part.shared() && hasContent(source)) {
            long own = memory.table().get(page); // its frame is taken over, not its bytes
            return Pte.isPresent(own) == Pte.isPresent(source)
                    && Pte.isSwapped(own) == Pte.isSwapped(source)
                    && Pte.index(own) == Pte.index(source);
        }
        wantedLocked(page);
        family.readEntry(entry, 0, found, 0, Pages.PAGE_SIZE);
        return Arrays.equals(wanted, found) && !asked;
    }

    /** Whether the page gets a frame of its own here: nothing that is there, in the snapshot or here, will do. */
    private boolean needsFrameLocked(Vma part, long page) {
        if (part.shared()) {
            return !Pte.isPresent(part.file().entry(part.toFilePage(page)));
        }
        long source = snapshot.table().get(sourceOf(page));
        boolean asked = memory.handlerFor(HostMemory.pageToHva(page), PageFault.Reason.MISSING) != null;
        // Without one, a hole would show the file, and what has no frame would be the handler's to say.
        return part.file() != null && !hasContent(source) || asked && !Pte.isPresent(source);
    }

    /** Gets hold of all that putting a page back may lack. */
    private HostResult prepareLocked(Vma part, long page) {
        visited++;
        if (isUnreadLocked(part, page) && prepared.get(page) == 0) {
            return HostResult.BUSY; // the file grew, or was mapped, after it was read
        }
        if (isSameLocked(part, page)) {
            return HostResult.OK;
        }
        if (part.shared()) {
            long filePage = part.toFilePage(page);
            part.file().entries.reserve(filePage);
            part.file().markChanged(filePage); // before the first byte can change
        } else {
            memory.table().reserve(page);
        }
        if (needsFrameLocked(part, page) && !Pte.isPresent(prepared.get(page))) { // ranges may overlap
            prepared.reserve(page);
            wantedLocked(page);
            int pfn = family.frames.allocateWith(wanted);
            if (pfn == FrameStore.NONE) {
                return HostResult.ENOMEM;
            }
            prepared.set(page, Pte.ofFrame(pfn, false));
        }
        return HostResult.OK;
    }

    private HostResult putLocked(Vma part, long page) {
        long fresh = prepared.get(page);
        if (Pte.isPresent(fresh)) {
            prepared.set(page, 0);
            replaceLocked(part, page, fresh);
        } else if (isSameLocked(part, page)) {
            return HostResult.OK;
        } else if (part.shared()) {
            wantedLocked(page);
            int pfn = Pte.index(part.file().entry(part.toFilePage(page)));
            family.frames.write(pfn, 0, wanted, 0, Pages.PAGE_SIZE);
        } else {
            takeOverLocked(part, page);
        }
        changed[changes++] = page;
        return HostResult.OK;
    }

    /** The snapshot's frame, or what is evicted of it, or a hole. */
    private void takeOverLocked(Vma part, long page) {
        long source = snapshot.table().get(sourceOf(page));
        if (Pte.isPresent(source)) {
            family.frames.addOwner(Pte.index(source));
            snapshot.table().set(sourceOf(page), Pte.readOnly(source));
        } else if (Pte.isSwapped(source)) {
            family.swap.share(Pte.index(source));
        }
        replaceLocked(part, page, Pte.disarmed(Pte.readOnly(source)));
    }

    private void replaceLocked(Vma part, long page, long entry) {
        PageTable table = part.shared() ? part.file().entries : memory.table();
        long at = part.shared() ? part.toFilePage(page) : page;
        long former = table.get(at);
        table.set(at, part.shared() ? Pte.ofFrame(Pte.index(entry), true) : Pte.keepArmed(entry, former));
        family.dropEntry(former);
    }
}
