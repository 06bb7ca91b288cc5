package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A child whose pages are all its own: private ones shared copy on write as by {@link Fork}, those of files copied.
 * Confined to one thread, single use.
 *
 * <p>Three steps, again if a file was mapped or grew, or a page went, in between. Pages that a fault handler has still
 * to fill are filled, as by a reader. Pages that have never been read from their real file are read, into the child: it
 * needs frames for those that are not zeros, the file here needs none. Then, at one moment, all else. Whatever ends it
 * early, the child gives back what it has.
 */
final class Snapshot {

    /** Turns that it takes at most. */
    private static final int MAX_ATTEMPTS = 16;

    /** In the child's table, until the moment: the page has been read, and is zeros. Neither a frame nor swapped. */
    private static final long ZEROS = Pte.armed(0, 0);

    private final HostMemory parent;
    private final HostFamily family;
    private final HostMemory child;

    /** What to copy; disjoint, ascending. */
    private final List<HvaRange> ranges;

    private Snapshot(HostMemory parent, List<HvaRange> ranges) {
        this.parent = parent;
        this.family = parent.family();
        this.child = new HostMemory(family);
        this.ranges = ranges;
    }

    /** A snapshot of all that is mapped in some ranges, which may overlap. */
    static HostMemory of(HostMemory parent, List<HvaRange> ranges) {
        return new Snapshot(parent, union(ranges)).take();
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

    private HostMemory take() {
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
            HostResult result = null;
            try {
                fill();
                readFiles();
                result = family.change(new Involved(), true, this::copyLocked);
            } finally {
                if (result != HostResult.OK) {
                    Fork.abandon(child);
                }
            }
            if (result == HostResult.OK) {
                return child;
            }
            if (result != HostResult.BUSY) {
                throw new IllegalStateException("no snapshot: " + result);
            }
        }
        throw new IllegalStateException("no snapshot: " + HostResult.BUSY);
    }

    /** What must not be used meanwhile: the ranges, and wherever their files' pages are written besides. */
    private final class Involved implements HostFamily.Scope {
        @Override
        public List<Invalidation.Target> targets(boolean wide) {
            if (wide) {
                return family.everything();
            }
            List<Invalidation.Target> targets = new ArrayList<>();
            for (Vma part : partsLocked()) { // bounded by the number of mappings
                if (!part.shared()) {
                    HvaRange range = HostMemory.pagesToHvaRange(part.start(), part.end());
                    targets.add(new Invalidation.Target(parent, range));
                }
                if (part.file() != null) {
                    long end = part.toFilePage(part.end());
                    targets.addAll(family.ofFile(part.file(), part.filePage(), end, false).targets(false));
                }
            }
            return targets;
        }

        @Override
        public boolean followsLayout() {
            return true;
        }
    }

    private List<Vma> partsLocked() {
        List<Vma> parts = new ArrayList<>();
        for (HvaRange range : ranges) { // bounded by the ranges
            parts.addAll(parent.vmas().within(MemoryMap.first(range), MemoryMap.end(range)));
        }
        return parts;
    }

    private List<Vma> parts() {
        return family.getLocked(this::partsLocked);
    }

    // ---- before the moment, no lock held

    /** Asks the fault handlers for what nobody has touched: the content is theirs to say. */
    private void fill() {
        if (!parent.hasFaultHandlers()) {
            return;
        }
        for (Vma part : parts()) { // bounded by the number of mappings
            for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
                if (isAskedFor(part, page) && !Pte.isPresent(parent.table().get(page))) {
                    fill(page);
                }
            }
        }
    }

    private boolean isAskedFor(Vma part, long page) {
        return part.protection() != Protection.NONE
                && parent.handlerFor(HostMemory.pageToHva(page), PageFault.Reason.MISSING) != null;
    }

    private void fill(long page) {
        FaultPath.FrameUse nothing = new FaultPath.FrameUse() {
            @Override
            public void use(int pfn) {}

            @Override
            public void useContent(byte[] content) {}
        };
        FaultPath.End outcome = new FaultPath(parent, page, FaultPath.Access.READ, nothing).run();
        boolean unreadable =
                switch (outcome) {
                    case DONE, UNMAPPED, FORBIDDEN, BEYOND_END -> false; // the last three: for the guest, too
                    case REFUSED, UNREADABLE, NO_MEMORY, BUSY -> true;
                };
        if (unreadable) {
            throw new IllegalStateException("no snapshot: the page at hva=" + Pages.hex(HostMemory.pageToHva(page))
                    + ", which a fault handler has to fill, is " + outcome);
        }
    }

    /** Brings what is mapped and has never been read from its real file into the child. */
    private void readFiles() {
        for (Vma part : parts()) { // bounded by the number of mappings
            if (part.file() != null && part.file().backing != null) {
                for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
                    readPage(part, page);
                }
            }
        }
    }

    private void readPage(Vma part, long page) {
        FetchedPages fetched = new FetchedPages();
        if (family.getLocked(() -> isFileUnread(part, page) && wanted(fetched, part, page) == null)) {
            byte[] content = fetched.fetch() ? wanted(fetched, part, page) : null;
            if (content == null) {
                throw new IllegalStateException("no snapshot: a mapped file cannot be read at hva="
                        + Pages.hex(HostMemory.pageToHva(page)));
            }
            child.table().set(page, ZEROS); // which also makes room for the entry
            if (!Chunk.ZEROS.equals(ByteBuffer.wrap(content))) {
                install(page, family.frames.allocateWith(content));
            }
        }
    }

    private static byte[] wanted(FetchedPages fetched, Vma part, long page) {
        return fetched.get(part.file(), part.toFilePage(page));
    }

    private boolean isFileUnread(Vma part, long page) {
        return part.file().isUnread(part.toFilePage(page)) && (part.shared() || !hasContent(parent.table().get(page)));
    }

    private static boolean hasContent(long entry) {
        return Pte.isPresent(entry) || Pte.isSwapped(entry);
    }

    private void install(long page, int pfn) {
        if (pfn == FrameStore.NONE) {
            throw new IllegalStateException("no snapshot: " + HostResult.ENOMEM);
        }
        child.table().set(page, Pte.ofFrame(pfn, false));
    }

    // ---- the moment

    private HostResult copyLocked() {
        parent.checkOpen();
        List<Vma> parts = partsLocked();
        for (Vma part : parts) { // bounded by the number of mappings
            if (isToBeFilledLocked(part) || isToBeReadLocked(part)) {
                return HostResult.BUSY;
            }
        }
        for (Vma part : parts) { // bounded by the number of mappings
            child.vmas().insert(Vma.anonymous(part.start(), part.end(), part.protection()));
            if (!part.shared()) {
                Fork.shareLocked(parent, child, part);
            }
            if (part.file() != null) {
                copyFileLocked(part);
            }
        }
        family.members.add(child);
        family.listenersChanged();
        return HostResult.OK;
    }

    /** Whether a page went after it was filled. */
    private boolean isToBeFilledLocked(Vma part) {
        if (!parent.hasFaultHandlers()) {
            return false;
        }
        for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
            FilePages file = part.file();
            boolean exists = file == null || part.toFilePage(page) < file.npages();
            long entry = part.shared() ? file.entry(part.toFilePage(page)) : parent.table().get(page);
            if (exists && !hasContent(entry) && isAskedFor(part, page)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether a page of a real file is still to be read: mapped, or come to be, after it was looked for. What was read
     * and is not needed goes, and the marks of zeros, too.
     */
    private boolean isToBeReadLocked(Vma part) {
        if (part.file() == null || part.file().backing == null) {
            return false;
        }
        for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
            long had = child.table().get(page);
            boolean unread = isFileUnread(part, page);
            if (unread && had == 0) {
                return true;
            }
            if (!unread && had != 0 || had == ZEROS) { // not unread: it has been read here since, and maybe written
                child.table().set(page, 0);
                family.dropEntry(had);
            }
        }
        return false;
    }

    /** What the mapping shows of its file, where it has no private page instead. */
    private void copyFileLocked(Vma part) {
        FilePages file = part.file();
        long shift = part.start() - part.filePage();
        file.entries.forEach(part.filePage(), part.toFilePage(part.end()), (filePage, entry) -> {
            long page = filePage + shift;
            if (child.table().get(page) == 0 && filePage < file.npages()) {
                copyPageLocked(page, entry);
            }
        });
    }

    private void copyPageLocked(long page, long entry) {
        if (Pte.isSwapped(entry)) {
            child.table().set(page, Pte.ofSwap(Pte.index(entry)));
            family.swap.share(Pte.index(entry));
        } else if (!family.frames.isZero(Pte.index(entry))) {
            child.table().set(page, ZEROS); // room for the entry first: there is nothing to give back then
            install(page, family.frames.allocateCopy(Pte.index(entry)));
        }
    }
}
