package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The making of a child whose pages are all its own: private ones shared copy on write as by {@link Fork}, those of
 * files copied. Confined to one thread, single use.
 *
 * <p>Four steps, again if a file was mapped or grew, or a page went, in between. Pages that a fault handler has still
 * to fill are filled, as by a reader. Pages that have never been read from their real file are read, into the child: it
 * needs frames for those that are not zeros, the file here needs none. Frames for the copies are made available, which
 * may take long. Then, at one moment, all else. Whatever ends it early, the child gives back what it has.
 */
final class Snapshot extends SpaceOps {

    /** In the child's table, until the moment: the page has been read, and is zeros. Neither a frame nor swapped. */
    private static final long ZEROS = Pte.armed(0, 0);

    /** Ends of a fault after which a page is as the guest would find it. */
    private static final Set<FaultPath.End> SAME_FOR_THE_GUEST = EnumSet.of(
            FaultPath.End.DONE, FaultPath.End.UNMAPPED, FaultPath.End.FORBIDDEN, FaultPath.End.BEYOND_END);

    private final AddressSpace child;

    /** What to copy; disjoint, ascending. */
    private final List<HvaRange> ranges;

    /** Of all that is mapped in some ranges, which may overlap; into a child of the same family, which is empty. */
    Snapshot(AddressSpace parent, List<HvaRange> ranges, AddressSpace child) {
        super(parent);
        this.child = child;
        this.ranges = union(ranges);
    }

    private static List<HvaRange> union(List<HvaRange> ranges) {
        List<HvaRange> union = new ArrayList<>();
        for (HvaRange range : ranges.stream().sorted(Comparator.comparingLong(HvaRange::start)).toList()) {
            HvaRange last = union.isEmpty() ? null : union.get(union.size() - 1);
            if (last != null && range.start() <= last.end()) {
                union.set(union.size() - 1, new HvaRange(last.start(), Math.max(last.end(), range.end())));
            } else {
                union.add(range);
            }
        }
        return union;
    }

    // Confined to the thread of the call.
    /** Where files were mapped when they were read. */
    private List<Vma> read;

    void take() {
        HostFamily.Scope involved = new HostFamily.Scope(null, true, this::involvedLocked);
        HostResult result = null;
        // What a notifier has refused, after as long as it waits, is not asked for again.
        for (int attempt = 0; attempt < MAX_ATTEMPTS && result == null; attempt++) {
            try {
                fill();
                readFiles();
                result = store.frames.supply.grow(family.getLocked(this::copiesLocked))
                        ? family.change(involved, true, this::copyLocked)
                        : HostResult.ENOMEM;
            } finally {
                if (result != HostResult.OK) {
                    family.locked(child.leave);
                }
            }
        }
        if (result != HostResult.OK) {
            throw new IllegalStateException("no snapshot: " + (result == null ? HostResult.BUSY : result));
        }
    }

    /** What must not be used meanwhile: the ranges, and wherever their files' pages are written besides. */
    private List<Invalidation.Target> involvedLocked() {
        List<Invalidation.Target> targets = new ArrayList<>();
        for (Vma part : space.partsLocked(ranges)) { // bounded by the number of mappings
            if (!part.shared()) {
                targets.addAll(space.targets(part.range()).toList());
            }
            if (part.file() != null) {
                targets.addAll(family.targetsOf(part.file(), part.filePage(), part.toFilePage(part.end()), false));
            }
        }
        return targets;
    }

    private List<Vma> parts() {
        return family.getLocked(() -> space.partsLocked(ranges));
    }

    // ---- before the moment, no lock held

    /** Asks the fault handlers for what was never touched: the content is theirs to say. */
    private void fill() {
        for (Vma part : parts()) { // bounded by the number of mappings
            boolean asked = space.hasFaultHandlers() && part.protection() != Protection.NONE;
            for (long page = part.start(); asked && page < part.end(); page++) { // bounded by the pages mapped
                if (space.isAsked(page) && !Pte.isPresent(space.table.get(page))) {
                    fill(page);
                }
            }
        }
    }

    private void fill(long page) {
        FaultPath.End outcome = new FaultPath(space, page, FaultPath.Access.READ, pfn -> {}).run();
        if (!SAME_FOR_THE_GUEST.contains(outcome)) {
            throw new IllegalStateException("no snapshot: the page at hva=" + Pages.hex(PageTable.hvaOf(page))
                    + ", which a fault handler has to fill, is " + outcome);
        }
    }

    /** Brings what is mapped and has never been read from its real file into the child. */
    private void readFiles() {
        read = parts();
        read.removeIf(part -> !part.isOfRealFile());
        for (Vma part : read) { // bounded by the number of mappings
            long unreadable = space.readFile(part, this::install);
            if (unreadable >= 0) {
                throw new IllegalStateException("no snapshot: a mapped file cannot be read at hva="
                        + Pages.hex(PageTable.hvaOf(unreadable)));
            }
        }
    }

    private void install(long page, byte[] content) {
        child.table.set(page, ZEROS); // which also makes room for the entry
        boolean there = Arrays.equals(content, Chunk.ZEROS);
        for (int attempt = 0; attempt < MAX_ATTEMPTS && !there; attempt++) { // others may take what has become free
            there = store.frames.supply.grow(1)
                    && family.getLocked(() -> isInstalled(page, store.frames.allocateWith(content)));
        }
        if (!there) {
            throw new IllegalStateException("no snapshot: " + HostResult.ENOMEM);
        }
    }

    /** Gives the child a frame, if it is one; there is room for the entry. */
    private boolean isInstalled(long page, int pfn) {
        if (pfn != FrameStore.NONE) {
            child.table.set(page, Pte.ofFrame(pfn, false));
        }
        return pfn != FrameStore.NONE;
    }

    /** How many frames the copies need. */
    private int copiesLocked() {
        int[] copies = {0};
        for (Vma part : space.partsLocked(ranges)) { // bounded by the number of mappings
            if (part.file() != null) {
                part.file().entries.forEach(part.filePage(), part.toFilePage(part.end()), (filePage, entry) ->
                        copies[0] += needsCopy(part, part.toPage(filePage), entry) ? 1 : 0);
            }
        }
        return copies[0];
    }

    private boolean needsCopy(Vma part, long page, long entry) {
        return Pte.isPresent(entry)
                && (part.shared() || !Pte.hasContent(space.table.get(page)))
                && !store.frames.isZero(Pte.index(entry));
    }

    // ---- the moment

    /** Null if it is to be tried again. */
    private HostResult copyLocked() {
        space.checkOpen();
        List<Vma> parts = space.partsLocked(ranges);
        // A file that was read is not mapped any more; or a page went after it was filled, or is still to be read.
        if (!new HashSet<>(parts).containsAll(read) || parts.stream().anyMatch(part ->
                space.unfilledLocked(part).findAny().isPresent() || isToBeReadLocked(part))) {
            return null;
        }
        for (Vma part : parts) { // bounded by the number of mappings
            child.vmas.insert(Vma.anonymous(part.range(), part.protection()));
            if (!part.shared()) {
                space.table.shareWith(child.table, part.start(), part.end());
            }
            if (part.file() != null && !copyFileLocked(part)) {
                return null; // another thread has taken frames, or there is more to copy now
            }
        }
        child.enterLocked();
        return HostResult.OK;
    }

    /**
     * Whether a page of a real file is still to be read: mapped, or come to be, after it was looked for. What was read
     * and is not needed goes, and the marks of zeros, too.
     */
    private boolean isToBeReadLocked(Vma part) {
        if (!part.isOfRealFile()) {
            return false;
        }
        for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
            long had = child.table.get(page);
            boolean unread = space.isUnread(part, page);
            if (unread && had == 0) {
                return true;
            }
            if (!unread && had != 0 || had == ZEROS) { // not unread: it has been read here since, and maybe written
                child.table.set(page, 0);
                store.drop(had);
            }
        }
        return false;
    }

    /** What the mapping shows of its file, where it has no private page instead; false if there are too few frames. */
    private boolean copyFileLocked(Vma part) {
        FilePages file = part.file();
        boolean[] all = {true};
        file.entries.forEach(part.filePage(), part.toFilePage(part.end()), (filePage, entry) -> {
            long page = part.toPage(filePage);
            if (all[0] && child.table.get(page) == 0 && filePage < file.npages()) {
                all[0] = isCopiedLocked(page, entry);
            }
        });
        return all[0];
    }

    private boolean isCopiedLocked(long page, long entry) {
        if (Pte.isSwapped(entry)) {
            child.table.set(page, Pte.ofSwap(Pte.index(entry)));
            store.share(entry);
        } else if (!store.frames.isZero(Pte.index(entry))) {
            child.table.set(page, ZEROS); // room for the entry first: there is nothing to give back then
            return isInstalled(page, store.frames.allocateCopy(Pte.index(entry)));
        }
        return true;
    }
}
