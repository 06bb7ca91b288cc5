package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Failures;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * One return of pages to what a snapshot has. Twice over all pages: first everything is allocated that may be short,
 * the frames of pages that have none and the room for entries, then nothing can fail any more. Frames are made
 * available between two attempts, with no lock held. Methods that end in {@code Locked} run under the family lock.
 * Confined to one thread, single use.
 */
final class Rewind extends SpaceOps {

    // What is known of a page that has not been read from its file yet: neither is a frame.
    private static final long SAME = Pte.armed(0, 1);
    private static final long OTHER = Pte.armed(0, 2);

    private final AddressSpace snapshot;
    private final List<RewindRange> ranges;

    // The range that is worked on.
    private RewindRange current;

    private final byte[] wanted = new byte[Pages.PAGE_SIZE];
    private final byte[] found = new byte[Pages.PAGE_SIZE];

    /** By page of the memory: what the unread ones are, and the frame of one that needs a new one. */
    private final PageTable prepared;

    /** The pages that have been put back: the first so many. */
    private long[] changed = {};
    private int changes;

    // Of the attempt.
    /** The parts of mappings in each of the ranges; and before, when files were read. */
    private final List<List<Vma>> parts = new ArrayList<>();
    private final List<Vma> read = new ArrayList<>();
    /** How many pages were looked at to prepare them. */
    private long visited;
    /** How many frames are needed. */
    private int needed;
    /** Whether there were fewer. */
    private boolean lacking;
    /** Whether handlers are asked for missing pages: found out before anything is put. */
    private boolean asks;

    // Made once: what runs when pages have been taken must not need memory.
    private final Step prepare = this::prepareLocked;
    private final Step put = this::putLocked;
    private final PageTable.Visitor giveBack = this::giveBackLocked;

    /** Ranges of a space become what they are in the snapshot. */
    Rewind(AddressSpace space, AddressSpace snapshot, List<RewindRange> ranges) {
        super(space);
        this.snapshot = snapshot;
        this.ranges = ranges;
        this.prepared = new PageTable(store);
    }

    /** One step with one page; answers OK, or why not: null if all is to be tried again. */
    private interface Step {
        HostResult of(Vma part, long page);
    }

    HostResult run(LongConsumer told) {
        // The snapshot too: a page that it wrote itself is shared from now on, and no longer its own to write.
        HostFamily.Scope bothSides = new HostFamily.Scope(null, false, () -> ranges.stream()
                .flatMap(range -> Stream.concat(space.targets(range.target()), snapshot.targets(range.source())))
                .toList());
        List<Runnable> afterwards = List.of(() -> tell(told));
        HostResult result = agree() ? null : HostResult.EINVAL;
        // What a notifier has refused, after as long as it waits, is not asked for again.
        for (int attempt = 0; attempt < MAX_ATTEMPTS && result == null; attempt++) {
            if (!readFiles()) {
                result = HostResult.EIO;
            } else if (!store.frames.supply.grow(needed)) {
                result = HostResult.ENOMEM;
            } else {
                result = family.change(bothSides, true, afterwards, this::rewindLocked);
            }
        }
        return result == null ? HostResult.BUSY : result;
    }

    /** Whether no page would get two contents: ranges that overlap here do so in the snapshot. */
    private boolean agree() {
        long end = 0;
        long shift = 0;
        for (RewindRange range : ranges.stream().sorted(Comparator.comparingLong(RewindRange::hva)).toList()) {
            long own = range.from() - range.hva();
            if (range.hva() < end && own != shift) {
                return false;
            }
            end = Math.max(end, range.target().end());
            shift = own;
        }
        return true;
    }

    private void tell(LongConsumer told) {
        Throwable failure = null;
        for (int i = 0; i < changes; i++) { // bounded by the ranges
            try {
                told.accept(PageTable.hvaOf(changed[i]));
            } catch (Throwable e) { // whatever it throws
                failure = Failures.joined(failure, e);
            }
        }
        Failures.<RuntimeException>rethrow(failure);
    }

    /** Looks at the pages that have not been read from their file, and finds out which ones are as they shall be. */
    private boolean readFiles() {
        read.clear();
        for (RewindRange range : ranges) { // bounded by the ranges
            current = range;
            for (Vma part : space.partsWithin(range.target())) { // bounded by the number of mappings
                read.add(part);
                if (!isPassedOver(part) && space.readFile(part, this::compare) >= 0) {
                    return false;
                }
            }
        }
        return true;
    }

    private void compare(long page, byte[] content) {
        family.locked(() -> {
            wantedLocked(page);
            prepared.set(page, Arrays.equals(wanted, content) ? SAME : OTHER);
        });
    }

    private static boolean isPassedOver(Vma part) {
        return part.shared() && !part.mayWrite();
    }

    // ---- lock held

    private HostResult rewindLocked() {
        space.checkOpen();
        visited = needed = 0;
        lacking = false;
        asks = space.hasFaultHandlers();
        parts.clear();
        try {
            HostResult result = judgeLocked();
            result = result == HostResult.OK ? eachRangeLocked(prepare) : result;
            result = result == HostResult.OK && lacking ? null : result; // this time, nothing but counted
            if (result == HostResult.OK) {
                changed = new long[mostChangesLocked()];
                result = eachRangeLocked(put);
            }
            return result;
        } finally {
            prepared.forEach(0, PageTable.PAGES_END, giveBack);
        }
    }

    /** An entry that one mapping gets may be come upon by all others: once by each, and not beyond the ranges. */
    private int mostChangesLocked() {
        long all = ranges.stream().mapToLong(RewindRange::npages).sum();
        long mappings = parts.stream().mapToLong(List::size).sum();
        return Math.toIntExact(Math.min(all, visited * (1 + mappings)));
    }

    /** A frame that has not found its place. */
    private void giveBackLocked(long page, long entry) {
        if (Pte.isPresent(entry)) {
            prepared.set(page, 0);
            store.drop(entry);
        }
    }

    private HostResult judgeLocked() {
        for (RewindRange range : ranges) { // bounded by the ranges
            current = range;
            parts.add(space.partsLocked(range.target()));
            HostResult result = judgeLocked(parts.get(parts.size() - 1));
            if (result != HostResult.OK) {
                return result;
            }
        }
        return HostResult.OK;
    }

    private HostResult eachRangeLocked(Step step) {
        HostResult result = HostResult.OK;
        for (int i = 0; i < ranges.size() && result == HostResult.OK; i++) { // bounded by the ranges
            current = ranges.get(i);
            result = eachLocked(parts.get(i), step);
        }
        return result;
    }

    private HostResult judgeLocked(List<Vma> targets) {
        boolean own = snapshot.partsLocked(current.source()).stream().allMatch(part -> part.file() == null);
        if (!own || snapshot.coverageLocked(current.source()) != HostResult.OK) {
            return HostResult.EINVAL;
        }
        if (space.coverageLocked(current.target()) != HostResult.OK) {
            return HostResult.ENOMEM;
        }
        for (Vma part : targets) { // bounded by the number of mappings
            if (snapshot.table.next(sourceOf(part.endInFile()), sourceOf(part.end())) >= 0) {
                return HostResult.EFAULT;
            }
        }
        return HostResult.OK;
    }

    /** Visits the pages that are something in the snapshot or here; all others are zeros on both sides already. */
    private HostResult eachLocked(List<Vma> targets, Step step) {
        for (int i = 0; i < targets.size(); i++) { // bounded by the number of mappings
            Vma part = targets.get(i);
            boolean each = asks || part.file() != null && (part.file().backing != null || !part.shared());
            long end = part.endInFile();
            for (long page = part.start(); page < end && !isPassedOver(part); page++) { // bounded by the range
                page = each ? page : nextLocked(part, page);
                if (page < 0 || page >= end) {
                    break; // after its end, the file has nothing on both sides
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
        return page + (current.from() - current.hva() >> Pages.PAGE_SHIFT);
    }

    /** First page of a part, at or after one, with an entry on one of the sides that both do not share; or -1. */
    private long nextLocked(Vma part, long page) {
        PageTable here = part.shared() ? part.file().entries : space.table;
        long shift = (part.shared() ? part.toFilePage(0) : 0) - sourceOf(0);
        long found = snapshot.table.nextUnshared(here, shift, sourceOf(page), sourceOf(part.end()));
        return found < 0 ? -1 : found - sourceOf(0);
    }

    /** The entry that the page here shows: its own, or its file's. */
    private long entryLocked(Vma part, long page) {
        long own = space.table.get(page);
        return part.file() == null || !part.shared() && Pte.hasContent(own)
                ? own
                : part.file().entry(part.toFilePage(page));
    }

    private void wantedLocked(long page) {
        store.read(snapshot.table.get(sourceOf(page)), 0, wanted, 0, Pages.PAGE_SIZE);
    }

    /** Whether a page that is not unread reads here as it shall, with nothing to be done. Allocates nothing. */
    private boolean isSameLocked(Vma part, long page) {
        long there = snapshot.table.get(sourceOf(page));
        long entry = entryLocked(part, page);
        boolean asked = !Pte.hasContent(entry) && space.isAsked(page);
        if (!Pte.hasContent(there) && !Pte.hasContent(entry)) {
            return !asked; // a reader of it would be given what the handler says
        }
        if (!part.shared() && Pte.hasContent(there)) {
            return Pte.isSameContent(space.table.get(page), there); // its frame is taken over, not its bytes
        }
        wantedLocked(page);
        store.read(entry, 0, found, 0, Pages.PAGE_SIZE);
        return Arrays.equals(wanted, found) && !asked;
    }

    /** Whether the page gets a frame of its own here: nothing that is there, in the snapshot or here, will do. */
    private boolean needsFrameLocked(Vma part, long page) {
        if (part.shared()) {
            return !Pte.isPresent(part.file().entry(part.toFilePage(page)));
        }
        long there = snapshot.table.get(sourceOf(page));
        // Without one, a hole would show the file, and what has no frame would be the handler's to say.
        return part.file() != null && !Pte.hasContent(there) || !Pte.isPresent(there) && space.isAsked(page);
    }

    /** Gets hold of all that putting a page back may lack. */
    private HostResult prepareLocked(Vma part, long page) {
        visited++;
        boolean unread = space.isUnread(part, page);
        if (unread && (prepared.get(page) == 0 || !read.contains(part))) {
            return null; // the file grew, or was mapped, after it was read
        }
        if (!unread && prepared.get(page) == SAME) {
            prepared.set(page, 0); // what was read has been changed: so putting need not ask, which allocates
        }
        if (unread ? prepared.get(page) == SAME : isSameLocked(part, page)) {
            return HostResult.OK;
        }
        if (part.shared()) {
            long filePage = part.toFilePage(page);
            part.file().entries.reserve(filePage);
            part.file().markChanged(filePage); // before the first byte can change
        } else {
            space.table.reserve(page);
        }
        if (needsFrameLocked(part, page) && !Pte.isPresent(prepared.get(page))) { // ranges may overlap
            prepared.reserve(page);
            wantedLocked(page);
            int pfn = store.frames.allocateWith(wanted);
            needed++;
            if (pfn == FrameStore.NONE) {
                lacking = true;
            } else {
                prepared.set(page, Pte.ofFrame(pfn, false));
            }
        }
        return HostResult.OK;
    }

    private HostResult putLocked(Vma part, long page) {
        long fresh = prepared.get(page);
        if (Pte.isPresent(fresh)) {
            prepared.set(page, 0);
            replaceLocked(part, page, fresh);
        } else if (fresh == SAME || isSameLocked(part, page)) {
            return HostResult.OK; // from the beginning, or by another mapping of the same page
        } else if (part.shared()) {
            wantedLocked(page);
            int pfn = Pte.index(part.file().entry(part.toFilePage(page)));
            store.frames.write(pfn, 0, wanted, 0, Pages.PAGE_SIZE);
        } else {
            takeOverLocked(part, page);
        }
        changed[changes++] = page;
        return HostResult.OK;
    }

    /** The snapshot's frame, or what is evicted of it, or a hole. */
    private void takeOverLocked(Vma part, long page) {
        long there = snapshot.table.get(sourceOf(page));
        store.share(there);
        snapshot.table.set(sourceOf(page), Pte.readOnly(there));
        replaceLocked(part, page, Pte.disarmed(Pte.readOnly(there)));
    }

    private void replaceLocked(Vma part, long page, long entry) {
        PageTable table = part.shared() ? part.file().entries : space.table;
        long at = part.shared() ? part.toFilePage(page) : page;
        long former = table.get(at);
        table.set(at, part.shared() ? Pte.ofFrame(Pte.index(entry), true) : Pte.keepArmed(entry, former));
        store.drop(former);
    }
}
