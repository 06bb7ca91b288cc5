package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * The state that an address space shares with its forks: frames, swap, files, and one lock over all their page tables.
 * One lock, because a change of a file page has to see every table that maps it at once.
 *
 * <p>{@link #change} is the only way in which a mapping is taken away.
 */
final class HostFamily {

    /** Turns of a call at most: each after the first means that memory, or what there is of it, changed meanwhile. */
    static final int MAX_ATTEMPTS = 16;

    /** HOST_PAGES: guards everything below, every page table, mapping and file of the family. */
    final TrackedLock lock = new TrackedLock(LockClass.HOST_PAGES);

    final PageStore store;
    final int maxMappings;
    final AtomicInteger invalidationsInProgress = new AtomicInteger();

    // Guarded by lock.
    final List<AddressSpace> members = new ArrayList<>();
    final ArrayList<FilePages> files = new ArrayList<>();
    /** The handles that are not closed. Read without the lock, too. */
    final Set<AutoCloseable> openFiles = ConcurrentHashMap.newKeySet();
    /** Counts changes of mappings, of members and of notifiers. */
    private long layoutVersion;
    /** Counts changes of members and of notifiers only. */
    private long listenersVersion;

    HostFamily(FrameStore frames, int maxMappings) {
        this.store = new PageStore(frames);
        this.maxMappings = maxMappings;
    }

    /**
     * The ranges that a change takes away.
     *
     * @param only the address space that all ranges are of; null if they may be of several
     * @param followsLayout whether they depend on how memory is mapped
     * @param targets computes them, under the lock
     */
    record Scope(AddressSpace only, boolean followsLayout, Supplier<List<Invalidation.Target>> targets) {}

    /** Ranges of one address space, whatever is mapped there. */
    static Scope fixed(AddressSpace space, HvaRange... ranges) {
        return new Scope(space, false, () -> Arrays.stream(ranges).flatMap(space::targets).toList());
    }

    /**
     * Starts the invalidation of the scope with no lock held, then makes the change under the lock, then ends the
     * invalidation. The scope is computed before the starts, because a notifier may block; if it no longer holds once
     * the lock is taken, the starts are ended and everything is invalidated instead.
     *
     * @param told what {@code apply} adds is run when the invalidation has ended, with no lock held
     * @return what {@code apply} returned; BUSY if a notifier refused or members and notifiers kept changing
     */
    HostResult change(Scope scope, boolean mayBlock, List<Runnable> told, Supplier<HostResult> apply) {
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) { // one precise, the others of everything
            boolean wide = scope.followsLayout() && attempt > 0;
            boolean precise = scope.followsLayout() && !wide;
            List<Invalidation.Target> targets;
            long version;
            lock.lock();
            try {
                targets = wide ? everythingOf(scope) : scope.targets().get();
                version = versionOf(scope, precise);
            } finally {
                lock.unlock();
            }
            checkUnlocked("an invalidation");
            try (Invalidation invalidation = new Invalidation(targets, mayBlock, invalidationsInProgress)) {
                if (!invalidation.isAccepted()) {
                    return HostResult.BUSY;
                }
                lock.lock();
                try {
                    if (version == versionOf(scope, precise)) {
                        HostResult result = apply.get();
                        invalidation.made(told);
                        return result;
                    }
                } finally {
                    lock.unlock();
                }
            }
        }
        return HostResult.BUSY;
    }

    /** A change that only the notifiers are told of. */
    HostResult change(Scope scope, boolean mayBlock, Supplier<HostResult> apply) {
        return change(scope, mayBlock, List.of(), apply);
    }

    private List<Invalidation.Target> everythingOf(Scope scope) {
        List<AddressSpace> spaces = scope.only() == null ? members : List.of(scope.only());
        return spaces.stream().flatMap(space -> space.targets(HvaRange.WHOLE)).toList();
    }

    /**
     * What has to hold still from the starts to the change. Ranges of one address space need its own notifiers only:
     * forks that come and go do not hold it up.
     */
    private long versionOf(Scope scope, boolean precise) {
        if (precise) {
            return layoutVersion;
        }
        return scope.only() == null ? listenersVersion : scope.only().notifiersVersion;
    }

    /** Where pages of a file are mapped: shared mappings, and with {@code alsoPrivate} private ones too. */
    Scope ofFile(FilePages file, long from, long to, boolean alsoPrivate) {
        return new Scope(null, true, () -> targetsOf(file, from, to, alsoPrivate));
    }

    /** The ranges of {@link #ofFile}. Lock held. */
    List<Invalidation.Target> targetsOf(FilePages file, long from, long to, boolean alsoPrivate) {
        return placesOf(file, from, to, alsoPrivate).stream()
                .flatMap(place -> place.space().targets(place.part().range()))
                .toList();
    }

    /** A part of a mapping that shows certain pages of a file. */
    record Place(AddressSpace space, Vma part) {}

    /**
     * Every place of every address space that shows one of the file's pages {@code [from, to)}: shared mappings, and
     * with {@code alsoPrivate} private ones too. Lock held.
     */
    List<Place> placesOf(FilePages file, long from, long to, boolean alsoPrivate) {
        List<Place> places = new ArrayList<>();
        for (AddressSpace space : members) { // bounded by the address spaces of the family
            for (Vma vma : space.vmas.all()) { // bounded by its mappings
                if (vma.file() == file && (vma.shared() || alsoPrivate)) {
                    long first = Math.max(from, vma.filePage());
                    long end = Math.min(to, vma.toFilePage(vma.end()));
                    if (first < end) {
                        long shift = vma.start() - vma.filePage();
                        places.add(new Place(space, vma.slice(first + shift, end + shift)));
                    }
                }
            }
        }
        return places;
    }

    /** Makes a hole of a file's pages {@code [from, to)}, at every place that maps them shared. No lock held. */
    HostResult punch(FilePages file, long from, long to) {
        return takeAway(file, from, to, false, () -> file.markHoles(from, to));
    }

    /**
     * Takes pages {@code [from, to)} of a file away, wherever they are mapped. No lock held.
     *
     * @param alsoPrivate whether private copies go, too
     * @param state changes what is known of the file: all of that, or it throws and nothing has changed
     */
    HostResult takeAway(FilePages file, long from, long to, boolean alsoPrivate, Runnable state) {
        List<Runnable> told = new ArrayList<>();
        return change(ofFile(file, from, to, alsoPrivate), true, told, () -> {
            List<Place> places = placesOf(file, from, to, alsoPrivate);
            for (Place place : places) { // bounded by the mappings of the family
                Vma part = place.part();
                place.space().table.reserveEnds(part.start(), part.end());
                place.space().tellOf(part.start(), part.endInFile(), told, PageFaultHandler::onDiscard);
            }
            state.run();
            // From here on nothing is allocated.
            for (int i = 0; i < places.size(); i++) {
                places.get(i).space().table.drop(places.get(i).part().start(), places.get(i).part().end());
            }
            file.entries.drop(from, to);
            return HostResult.OK;
        });
    }

    /** Runs under the lock. Allocates nothing itself. */
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

    /** A file whose pages are a caller's blocks; null if frames cannot be numbered any more. */
    FilePages adopt(List<ByteBuffer> blocks) {
        List<ByteBuffer> memory = UserBlocks.checked(blocks);
        int npages = memory.stream().mapToInt(block -> block.capacity() >>> Pages.PAGE_SHIFT).sum();
        FilePages file = new FilePages(store, (long) npages << Pages.PAGE_SHIFT, true, null);
        for (int i = 0; i < npages; i++) { // bounded by the blocks' pages
            file.entries.reserve(i); // no other thread knows the file yet
        }
        lock.lock();
        try {
            files.ensureCapacity(files.size() + 1);
            int[] pfns = store.frames.supply.adopt(memory);
            if (pfns == null) {
                return null;
            }
            // From here on nothing is allocated.
            for (int i = 0; i < npages; i++) {
                file.entries.set(i, Pte.ofFrame(pfns[i], true));
            }
            files.add(file);
            return file;
        } finally {
            lock.unlock();
        }
    }

    /** Takes back handles of a file. Allocates nothing. No lock held. */
    void giveUp(FilePages file, int handles) {
        lock.lock();
        try {
            file.handles -= handles;
            forgetUnmapped(file);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Lets go of a file that is mapped nowhere, if it cannot be mapped again: no handle is open, as of a caller's
     * memory. Allocates nothing. Lock held.
     */
    void forgetUnmapped(FilePages file) {
        if (file.handles == 0 && file.mappedPages == 0 && files.remove(file)) {
            file.entries.drop(0, PageTable.PAGES_END);
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

    void checkUnlocked(String what) {
        HostRule.NO_HOST_LOCK_IN_CALLBACK.check(!lock.isHeldByCurrentThread(), what);
    }
}
