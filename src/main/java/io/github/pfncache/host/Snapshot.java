package io.github.pfncache.host;

import java.util.List;

/**
 * A child whose pages are all its own: private ones shared copy on write as by {@link Fork}, those of files copied.
 * Confined to one thread, single use.
 */
final class Snapshot {

    /** Turns that it takes at most: more than one means that a file was mapped or grew in between. */
    private static final int MAX_ATTEMPTS = 16;

    private final HostMemory parent;
    private final HostFamily family;
    private final HostMemory child;

    private Snapshot(HostMemory parent) {
        this.parent = parent;
        this.family = parent.family();
        this.child = new HostMemory(family);
    }

    static HostMemory of(HostMemory parent) {
        return new Snapshot(parent).take();
    }

    private HostMemory take() {
        HostResult result = HostResult.BUSY;
        for (int attempt = 0; attempt < MAX_ATTEMPTS && result == HostResult.BUSY; attempt++) {
            if (!readFiles()) {
                throw new IllegalStateException("no snapshot: a mapped file cannot be read, or memory is short");
            }
            // Everything, everywhere: a file's pages are written through the mappings of relatives too.
            result = family.change(new Everything(), true, this::copyLocked);
        }
        if (result != HostResult.OK) {
            throw new IllegalStateException("no snapshot: " + result);
        }
        return child;
    }

    /** All of every address space of the family. */
    private final class Everything implements HostFamily.Scope {
        @Override
        public List<Invalidation.Target> targets(boolean wide) {
            return family.everything();
        }

        @Override
        public boolean followsLayout() {
            return false;
        }
    }

    /** Brings in what is mapped and has never been read from its real file; false if that fails. No lock held. */
    private boolean readFiles() {
        for (Vma vma : parent.ranges().partsWithin(0, PageTable.PAGES_END)) { // bounded by the number of mappings
            if (vma.file() != null && vma.file().backing != null) {
                for (long page = vma.start(); page < vma.end(); page++) { // bounded by the pages mapped
                    if (!readPage(vma.file(), vma.toFilePage(page))) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    private boolean readPage(FilePages file, long filePage) {
        FetchedPages fetched = new FetchedPages();
        for (int turn = 0; turn < 2; turn++) { // what the first turn wanted, the second has
            boolean done = family.getLocked(() -> {
                if (!file.isUnread(filePage)) {
                    return true;
                }
                return fetched.get(file, filePage) != null && file.load(filePage, fetched) != FrameStore.NONE;
            });
            if (done) {
                return true;
            }
            if (!fetched.isWaiting() || !fetched.fetch()) {
                return false;
            }
        }
        return false;
    }

    private HostResult copyLocked() {
        parent.checkOpen();
        HostResult result = HostResult.OK;
        for (Vma vma : parent.vmas().all()) { // bounded by the number of mappings
            if (result == HostResult.OK) {
                child.vmas().insert(Vma.anonymous(vma.start(), vma.end(), vma.protection()));
                if (!vma.shared()) {
                    Fork.shareLocked(parent, child, vma);
                }
                if (vma.file() != null) {
                    result = copyFileLocked(vma);
                }
            }
        }
        if (result == HostResult.OK) {
            family.members.add(child);
            family.listenersChanged();
        } else {
            child.ranges().removeLocked(0, PageTable.PAGES_END);
        }
        return result;
    }

    /** What the mapping shows of its file, where it has no private page instead. */
    private HostResult copyFileLocked(Vma vma) {
        FilePages file = vma.file();
        HostResult[] result = {HostResult.OK};
        if (file.backing != null) {
            for (long page = vma.start(); page < vma.end(); page++) { // bounded by the pages mapped
                if (file.isUnread(vma.toFilePage(page)) && child.table().get(page) == 0) {
                    return HostResult.BUSY; // the file grew, or was mapped, after it was read
                }
            }
        }
        long shift = vma.start() - vma.filePage();
        file.entries.forEach(vma.filePage(), vma.toFilePage(vma.end()), (filePage, entry) -> {
            long page = filePage + shift;
            if (result[0] == HostResult.OK && child.table().get(page) == 0 && filePage < file.npages()) {
                result[0] = copyPageLocked(page, entry);
            }
        });
        return result[0];
    }

    private HostResult copyPageLocked(long page, long entry) {
        if (Pte.isSwapped(entry)) {
            family.swap.share(Pte.index(entry));
            child.table().set(page, Pte.ofSwap(Pte.index(entry)));
        } else if (!family.frames.isZero(Pte.index(entry))) {
            int copy = family.frames.allocateCopy(Pte.index(entry));
            if (copy == FrameStore.NONE) {
                return HostResult.ENOMEM;
            }
            child.table().set(page, Pte.ofFrame(copy, false));
        }
        return HostResult.OK;
    }
}
