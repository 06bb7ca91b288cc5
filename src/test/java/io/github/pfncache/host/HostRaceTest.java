package io.github.pfncache.host;

import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.HostWorld.M;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.interleaving.OnLooker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Resolution against the changes that take pages away: chosen interleavings, and threads at full speed. */
class HostRaceTest {

    private static final int ROUNDS = 3_000;

    /** What another thread does between the two looks of a lock-free resolution. */
    enum Meanwhile {
        MIGRATE {
            @Override
            void change(HostWorld world) {
                assertThat(world.host.migrate(A)).isEqualTo(HostResult.OK);
            }
        },
        EVICT {
            @Override
            void change(HostWorld world) {
                assertThat(world.host.evict(A, 1)).isEqualTo(HostResult.OK);
            }
        },
        REPLACE_AND_REUSE {
            @Override
            void change(HostWorld world) {
                world.host.move(A, 1, B);
                world.host.mapAnonymous(A, 1, READ_WRITE);
                world.host.poke(A, HostWorld.bytes(1));
                world.host.unmap(B, 1);
                world.store(page(B, 1), 99); // takes the frame that the resolver has seen
            }
        },
        FORK_AND_COPY {
            @Override
            void change(HostWorld world) {
                world.host.fork().close();
            }
        },
        SNAPSHOT_AND_NEIGHBOUR {
            @Override
            void change(HostWorld world) {
                world.host.mapAnonymous(page(A, 16), 496, READ_WRITE); // all of the leaf: it is shared
                HostMemory snapshot = world.host.snapshot();
                world.store(page(A, 1), 9); // the table has a leaf of its own again, with the page as it was
                snapshot.poke(A, HostWorld.bytes(77));
                snapshot.close();
            }
        },
        MOVE_AWAY_AND_BACK {
            @Override
            void change(HostWorld world) {
                world.host.move(A, 1, B);
                world.host.move(B, 1, A);
            }
        };

        abstract void change(HostWorld world);
    }

    @ParameterizedTest
    @EnumSource
    void aPageThatChangesBetweenTheTwoLooksIsResolvedAfresh(Meanwhile meanwhile) {
        try (HostWorld world = new HostWorld()) {
            world.store(A, 1);
            AtomicBoolean done = new AtomicBoolean();
            HostPage page = OnLooker.withoutPatience(() -> world.host.hvaToPage(A), point -> {
                if (point.equals("host.resident.seen") && done.compareAndSet(false, true)) {
                    meanwhile.change(world);
                }
            });
            assertThat(done).isTrue();
            HostMapping khva = world.host.map(page);
            assertThat(khva.get(0, 8)).isEqualTo(1);
            khva.put(8, 8, 2);
            assertThat(world.load(A + 8)).as("it is the page that is there now").isEqualTo(2);
            world.host.unmap(khva);
            world.host.release(page);
        }
    }

    @Test
    void everyStoreThroughAPinnedPageArrivesWhilePagesMigrateAndAreEvicted() throws Exception {
        try (HostWorld world = new HostWorld()) {
            HostMemory host = world.host;
            // Each page has a counter that only one thread adds to. A reference pins the frame, so nothing is lost.
            Callable<Void> writerOfPrivate = () -> addThroughPinned(host, A);
            Callable<Void> writerOfShared = () -> addThroughPinned(host, M);
            Callable<Void> mover = () -> {
                for (int i = 0; i < ROUNDS; i++) {
                    host.migrate(A);
                    host.migrate(M);
                    if (i % 8 == 0) {
                        host.evict(A, 1);
                        host.evict(M, 1);
                    }
                }
                return null;
            };
            together(writerOfPrivate, writerOfShared, mover);
            assertThat(world.load(A)).isEqualTo(ROUNDS);
            assertThat(world.load(M)).isEqualTo(ROUNDS);
            assertThat(host.framesInUse()).isLessThanOrEqualTo(2);
        }
    }

    private static Void addThroughPinned(HostMemory host, long hva) {
        for (int i = 0; i < ROUNDS; i++) {
            HostPage page = host.hvaToPage(hva);
            HostMapping khva = host.map(page);
            khva.put(0, 8, khva.get(0, 8) + 1);
            host.unmap(khva);
            host.release(page);
        }
        return null;
    }

    /** The smallest correct cache: one mapping under a read-write lock, withdrawn at every invalidation. */
    private static final class TinyCache implements MmuNotifier {
        private final HostMemory host;
        private final HvaRange page;
        private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        private final AtomicLong started = new AtomicLong();
        private final AtomicLong ended = new AtomicLong();

        // Guarded by lock.
        private HostMapping khva;
        private boolean valid;

        TinyCache(HostMemory host, long hva) {
            this.host = host;
            this.page = HvaRange.ofPages(hva, 1);
            host.registerNotifier(this);
        }

        @Override
        public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
            if (range.overlaps(page)) {
                started.incrementAndGet();
                lock.writeLock().lock();
                valid = false;
                lock.writeLock().unlock();
            }
            return true;
        }

        @Override
        public void invalidateRangeEnd(HvaRange range) {
            if (range.overlaps(page)) {
                ended.incrementAndGet();
            }
        }

        /** Adds one if the cache is valid; refreshes once if not. */
        boolean tryAdd() {
            lock.readLock().lock();
            try {
                if (valid) {
                    khva.put(0, 8, khva.get(0, 8) + 1);
                    return true;
                }
            } finally {
                lock.readLock().unlock();
            }
            refresh();
            return false;
        }

        private void refresh() {
            long sample = ended.get();
            HostPage found = host.hvaToPage(page.start());
            if (found == null) {
                return;
            }
            HostMapping fresh = host.map(found);
            lock.writeLock().lock();
            HostMapping stale = fresh;
            if (started.get() == sample && ended.get() == sample) {
                stale = khva;
                khva = fresh;
                valid = true;
            }
            lock.writeLock().unlock();
            host.release(found);
            if (stale != null) {
                host.unmap(stale);
            }
        }

        void drop() {
            host.unregisterNotifier(this);
            if (khva != null) {
                host.unmap(khva);
            }
        }
    }

    @Test
    void aCacheThatObeysTheNotifierNeverWritesToAFrameThatWasGivenAway() throws Exception {
        try (HostWorld world = new HostWorld()) {
            HostMemory host = world.host;
            TinyCache cache = new TinyCache(host, A);
            AtomicBoolean stop = new AtomicBoolean();
            AtomicLong added = new AtomicLong();
            Callable<Void> user = () -> {
                while (!stop.get()) { // ends with the movers
                    if (cache.tryAdd()) {
                        added.incrementAndGet();
                    }
                }
                return null;
            };
            Callable<Void> mover = () -> {
                try {
                    for (int i = 0; i < ROUNDS; i++) {
                        host.migrate(A);
                        world.store(page(B, i % 4), -1); // frames just freed are used again
                        host.discard(B, 4);
                        if (i % 16 == 0) {
                            host.evict(A, 1);
                        }
                        if (i % 64 == 0) {
                            host.fork().close();
                        }
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            together(user, mover);
            cache.drop();
            assertThat(cache.started.get()).isEqualTo(cache.ended.get()).isPositive();
            // Frames are poisoned when freed and checked when used again: a late store would have been found there.
            assertThat(world.load(A)).as("no store was lost").isEqualTo(added.get());
        }
    }

    @Test
    void changesOfEveryKindFromManyThreadsKeepTheBooks() throws Exception {
        try (HostWorld world = new HostWorld()) {
            HostMemory host = world.host;
            Callable<Void> toucher = () -> {
                for (int i = 0; i < ROUNDS; i++) {
                    world.store(page(A, i % 4), i);
                    world.store(page(M, i % 4), i);
                }
                return null;
            };
            Callable<Void> mapper = () -> {
                for (int i = 0; i < ROUNDS / 4; i++) {
                    host.mapAnonymous(page(A, i % 4), 1, READ_WRITE);
                    host.discard(A, 4);
                    host.move(A, 2, B);
                    host.move(B, 2, A);
                    host.protect(A, 1, Protection.READ);
                    host.protect(A, 1, READ_WRITE);
                }
                return null;
            };
            Callable<Void> filer = () -> {
                for (int i = 0; i < ROUNDS / 4; i++) {
                    world.file.punchHole(i % 4, 1);
                    world.file.truncate(i % 3);
                    world.file.truncate(HostWorld.NPAGES);
                    host.mapShared(page(M, i % 4), 1, world.file, i % 7, READ_WRITE);
                    host.remove(M, 2);
                    host.evict(M, 4);
                }
                return null;
            };
            Callable<Void> forker = () -> {
                for (int i = 0; i < ROUNDS / 8; i++) {
                    try (HostMemory child = host.fork()) {
                        HostWorld.store(child, page(A, i % 4), -i);
                        HostWorld.store(child, page(M, i % 4), -i);
                    }
                }
                return null;
            };
            together(toucher, mapper, filer, forker);
            long starts = world.told.stream().filter(t -> t.startsWith("start")).count();
            assertThat(starts * 2).isEqualTo(world.told.size());
        }
    }

    @Test
    void twoFaultsOfOnePageInstallOneFrame() throws Exception {
        for (int round = 0; round < 200; round++) {
            try (HostWorld world = new HostWorld()) {
                CyclicBarrier both = new CyclicBarrier(2);
                Callable<Void> first = () -> faultAndSet(world, both, 0);
                Callable<Void> second = () -> faultAndSet(world, both, 8);
                together(first, second);
                assertThat(world.load(A)).isEqualTo(1);
                assertThat(world.load(A + 8)).isEqualTo(1);
                assertThat(world.host.framesInUse()).isEqualTo(1);
            }
        }
    }

    private static Void faultAndSet(HostWorld world, CyclicBarrier both, int offset) throws Exception {
        both.await(300, TimeUnit.SECONDS);
        world.store(A + offset, 1);
        return null;
    }

    /** Runs all at once and rethrows the first failure. */
    @SafeVarargs
    private static void together(Callable<Void>... bodies) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(bodies.length);
        try {
            List<Future<Void>> running = new ArrayList<>();
            for (Callable<Void> body : bodies) {
                running.add(pool.submit(body));
            }
            for (Future<Void> one : running) {
                one.get(300, TimeUnit.SECONDS);
            }
        } finally {
            pool.shutdownNow();
        }
    }
}
