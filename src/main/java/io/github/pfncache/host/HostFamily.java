package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * What an address space shares with its forks: frames, swap, files, and one lock over all their page tables. One lock,
 * because a change of a file page has to see every table that maps it at once.
 *
 * <p>{@link #change} is the only way in which a mapping is taken away.
 */
final class HostFamily {

    /** Turns of {@link #change} before it gives up: one precise, the others over everything. */
    private static final int MAX_ATTEMPTS = 16;

    /** HOST_PAGES: guards everything below, every page table, mapping and file of the family. */
    final TrackedLock lock = new TrackedLock(LockClass.HOST_PAGES);

    final FrameStore frames;
    final SwapStore swap = new SwapStore();
    final int maxMappings;
    final AtomicInteger invalidationsInProgress = new AtomicInteger();

    // Guarded by lock.
    final List<HostMemory> members = new ArrayList<>();
    final ArrayList<FilePages> files = new ArrayList<>();
    /** Counts changes of mappings, of members and of notifiers. */
    private long layoutVersion;
    /** Counts changes of members and of notifiers only. */
    private long listenersVersion;

    HostFamily(FrameStore frames, int maxMappings) {
        this.frames = frames;
        this.maxMappings = maxMappings;
    }

    /** Which ranges a change takes away. Computed under the lock. */
    interface Scope {

        /** The ranges; {@code wide} after they once turned out to have changed between computing and locking. */
        List<Invalidation.Target> targets(boolean wide);

        /** Whether {@code targets(false)} depends on how memory is mapped. */
        boolean followsLayout();

        /** The address space that all ranges are always of; null if they may be of several. */
        default HostMemory memory() {
            return null;
        }
    }

    /** One range of one address space, whatever is mapped there. */
    static Scope fixed(HostMemory memory, HvaRange... ranges) {
        return new Scope() {
            @Override
            public List<Invalidation.Target> targets(boolean wide) {
                return Arrays.stream(ranges)
                        .map(r -> new Invalidation.Target(memory, r))
                        .toList();
            }

            @Override
            public boolean followsLayout() {
                return false;
            }

            @Override
            public HostMemory memory() {
                return memory;
            }
        };
    }

    /**
     * Starts the invalidation of the scope with no lock held, then makes the change under the lock, then ends the
     * invalidation. The scope is computed before the starts, because a notifier may block; if it no longer holds once
     * the lock is taken, the starts are ended and everything is invalidated instead.
     *
     * @return what {@code apply} returned; BUSY if a notifier refused or members and notifiers kept changing
     */
    HostResult change(Scope scope, boolean mayBlock, Supplier<HostResult> apply) {
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
            boolean wide = attempt > 0;
            boolean precise = scope.followsLayout() && !wide;
            List<Invalidation.Target> targets;
            Object version;
            lock.lock();
            try {
                targets = scope.targets(wide);
                version = versionOf(scope, precise);
            } finally {
                lock.unlock();
            }
            try (Invalidation invalidation = Invalidation.start(this, targets, mayBlock)) {
                if (!invalidation.isAccepted()) {
                    return HostResult.BUSY;
                }
                lock.lock();
                try {
                    if (version.equals(versionOf(scope, precise))) {
                        return apply.get();
                    }
                } finally {
                    lock.unlock();
                }
            }
        }
        return HostResult.BUSY;
    }

    /**
     * What has to hold still from the starts to the change. Ranges of one address space need its own notifiers only:
     * forks that come and go do not hold it up.
     */
    private Object versionOf(Scope scope, boolean precise) {
        if (precise) {
            return layoutVersion;
        }
        return scope.memory() == null ? listenersVersion : scope.memory().notifiers();
    }

    /** Where pages of a file are mapped: shared mappings, and with {@code alsoPrivate} private ones too. */
    Scope ofFile(FilePages file, long from, long to, boolean alsoPrivate) {
        return new Scope() {
            @Override
            public List<Invalidation.Target> targets(boolean wide) {
                return wide ? everything() : targetsOf(file, from, to, alsoPrivate);
            }

            @Override
            public boolean followsLayout() {
                return true;
            }
        };
    }

    /** All of every address space. */
    List<Invalidation.Target> everything() {
        return members.stream()
                .map(m -> new Invalidation.Target(m, HvaRange.WHOLE))
                .toList();
    }

    private List<Invalidation.Target> targetsOf(FilePages file, long from, long to, boolean alsoPrivate) {
        return placesOf(file, from, to, alsoPrivate).stream()
                .map(place -> new Invalidation.Target(
                        place.memory(), HostMemory.pagesToHvaRange(place.part().start(), place.part().end())))
                .toList();
    }

    /** A part of a mapping that shows certain pages of a file. */
    record Place(HostMemory memory, Vma part) {}

    /**
     * Every place of every address space that shows one of the file's pages {@code [from, to)}: shared mappings, and
     * with {@code alsoPrivate} private ones too. Lock held.
     */
    List<Place> placesOf(FilePages file, long from, long to, boolean alsoPrivate) {
        List<Place> places = new ArrayList<>();
        for (HostMemory memory : members) { // bounded by the address spaces of the family
            for (Vma vma : memory.vmas().all()) { // bounded by its mappings
                if (vma.file() == file && (vma.shared() || alsoPrivate)) {
                    long first = Math.max(from, vma.filePage());
                    long end = Math.min(to, vma.toFilePage(vma.end()));
                    if (first < end) {
                        long shift = vma.start() - vma.filePage();
                        places.add(new Place(memory, vma.slice(first + shift, end + shift)));
                    }
                }
            }
        }
        return places;
    }

    /** Runs under the lock. */
    void locked(Runnable body) {
        lock.lock();
        try {
            body.run();
        } finally {
            lock.unlock();
        }
    }

    /** Runs under the lock. */
    <T> T getLocked(Supplier<T> body) {
        lock.lock();
        try {
            return body.get();
        } finally {
            lock.unlock();
        }
    }

    /** A file of holes, or with a real file behind it. */
    HostFile newFile(long size, Backing backing, boolean writable) {
        FilePages file = new FilePages(this, size, false, backing);
        HostFile handle = new HostFile(file, writable);
        locked(() -> files.add(file));
        return handle;
    }

    /** A file whose pages are a caller's blocks; null if frames cannot be numbered any more. */
    HostFile adopt(List<ByteBuffer> blocks) {
        List<ByteBuffer> memory = UserBlocks.checked(blocks);
        int npages = memory.stream().mapToInt(block -> block.capacity() >>> Pages.PAGE_SHIFT).sum();
        FilePages file = new FilePages(this, (long) npages << Pages.PAGE_SHIFT, true, null);
        HostFile handle = new HostFile(file, true);
        for (int i = 0; i < npages; i++) { // bounded by the blocks' pages
            file.entries.reserve(i); // nobody else knows the file yet
        }
        lock.lock();
        try {
            files.ensureCapacity(files.size() + 1);
            int[] pfns = frames.adopt(memory);
            if (pfns == null) {
                return null;
            }
            // From here on nothing is allocated.
            for (int i = 0; i < npages; i++) {
                file.entries.set(i, Pte.ofFrame(pfns[i], true));
            }
            files.add(file);
            return handle;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets go of a caller's memory once it is mapped nowhere: nobody else can map it again. Allocates nothing. Lock
     * held.
     */
    void forgetUnmapped(FilePages file) {
        if (file.userMemory && file.mappedPages == 0 && files.remove(file)) {
            file.drop(0, PageTable.PAGES_END);
        }
    }

    /** A mapping changed. Lock held. */
    void layoutChanged() {
        layoutVersion++;
    }

    /** An address space or a notifier came or went. Lock held. */
    void listenersChanged() {
        layoutVersion++;
        listenersVersion++;
    }

    /** Lets go of what an entry owns. Allocates nothing. Lock held. */
    void dropEntry(long entry) {
        if (Pte.isPresent(entry)) {
            frames.dropOwner(Pte.index(entry));
        } else if (Pte.isSwapped(entry)) {
            swap.drop(Pte.index(entry));
        }
    }

    /** Copies what an entry holds: a frame, evicted content, or zeros. Lock held. */
    void readEntry(long entry, int offset, byte[] into, int at, int length) {
        if (Pte.isPresent(entry)) {
            frames.read(Pte.index(entry), offset, into, at, length);
        } else if (Pte.isSwapped(entry)) {
            System.arraycopy(swap.content(Pte.index(entry)), offset, into, at, length);
        } else {
            Arrays.fill(into, at, at + length, (byte) 0);
        }
    }

    void checkUnlocked(String what) {
        HostRule.NO_HOST_LOCK_IN_CALLBACK.check(!lock.isHeldByCurrentThread(), what);
    }
}
