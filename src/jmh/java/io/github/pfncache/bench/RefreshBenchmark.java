package io.github.pfncache.bench;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostNotifiers;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;

/**
 * A refresh after an invalidation, the whole way from gpa to slot to hva to a page that is resident.
 *
 * <p><b>Cost centre.</b> The locks on the way and the page's reference. <b>Why care.</b> After every invalidation and
 * every slot change each cache pays it once; a lock that caches share would make all vCPUs wait for each other at the
 * worst moment, when the host has just moved a lot.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RefreshBenchmark {

    private static final int CACHES = 64;
    private static final int MAX_THREADS = 2;
    private static final int WARM_UPS = 50_000;
    private static final long PATIENCE_NANOS = 1_000_000;

    /** One VM for all threads. */
    @State(Scope.Benchmark)
    public static class Shared {
        private final BenchMachine machine = BenchMachine.ofPages(CACHES * MAX_THREADS);
        private final MmuNotifier notifier = HostNotifiers.only(machine.vm.host());

        /** How often a thread came to a meeting, in this iteration. */
        private final AtomicInteger arrivals = new AtomicInteger();

        /** Guarded by this. */
        private long threads;

        /** At the end of an iteration one thread may have come alone. */
        @Setup(Level.Iteration)
        public void restart() {
            arrivals.set(0);
        }

        /** Goes on when the other thread is here too; or after a while, if it has finished its iteration. */
        private void meet() {
            int arrival = arrivals.incrementAndGet();
            int both = arrival + arrival % MAX_THREADS;
            long deadline = System.nanoTime() + PATIENCE_NANOS;
            while (arrivals.get() < both && System.nanoTime() < deadline) { // bounded by the deadline
                Thread.onSpinWait(); // whoever sleeps here begins too late
            }
        }
    }

    /**
     * The caches of one thread, each on a page of its own. How they lose it before each measured refresh, is up to the
     * kinds: a state that had these as a parameter would get others.
     */
    public abstract static class Mine {
        private final GfnPfnCache[] caches = new GfnPfnCache[CACHES];
        private HvaRange pages;

        /** Makes the caches, one thread's after the other's, as the vCPUs of a guest are made. */
        @Setup
        public void fill(Shared shared) {
            synchronized (shared) {
                long first = shared.threads++ * CACHES * BenchMachine.PAGE;
                for (int i = 0; i < CACHES; i++) { // bounded by the number of caches
                    caches[i] = shared.machine.cache(BenchMachine.GPA + first + (long) i * BenchMachine.PAGE, 64);
                }
                pages = HvaRange.ofPages(BenchMachine.HVA + first, CACHES);
            }
            warmUp(shared);
        }

        /** A long way is compiled in several steps: the warm-up of the other benchmarks is too short for it. */
        private void warmUp(Shared shared) {
            for (int i = 0; i < WARM_UPS; i++) { // bounded by WARM_UPS
                invalidate(shared);
                refreshAll();
            }
        }

        /** Makes every cache invalid. */
        final void invalidate(Shared shared) {
            shared.notifier.invalidateRangeStart(pages, true);
            shared.notifier.invalidateRangeEnd(pages);
        }

        final void refreshAll() {
            for (GfnPfnCache cache : caches) { // bounded by the number of caches
                if (cache.refresh() != Outcome.OK) {
                    throw new IllegalStateException("not refreshed: " + cache);
                }
            }
        }
    }

    /** They are made invalid, and all is as it was. */
    @State(Scope.Thread)
    public static class Invalidated extends Mine {

        /** Whatever other threads do meanwhile. */
        @Setup(Level.Invocation)
        public void takeAway(Shared shared) {
            invalidate(shared);
        }
    }

    /** The same by both threads, neither of which refreshes meanwhile; then both begin. */
    @State(Scope.Thread)
    public static class InvalidatedTogether extends Mine {

        /** When both have refreshed. */
        @Setup(Level.Invocation)
        public void takeAway(Shared shared) {
            shared.meet();
            invalidate(shared);
            shared.meet();
        }
    }

    /** They are made invalid, and the slots change: another slot starts to log, or stops. */
    @State(Scope.Thread)
    public static class SlotsChanged extends Mine {
        private static final int ID = 1;

        private int flags;

        /** Changes the slots, outside of the measured time. */
        @Setup(Level.Invocation)
        public void takeAway(Shared shared) {
            flags ^= Memslot.FLAG_LOG_DIRTY_PAGES;
            Memslots memslots = shared.machine.vm.memslots();
            Memslots.Change change = memslots.set(ID, flags, 0, BenchMachine.PAGE, BenchMachine.HVA);
            BenchMachine.require(change == Memslots.Change.DONE, "slot change");
            invalidate(shared);
        }
    }

    /** Their pages move, each to another frame. */
    @State(Scope.Thread)
    public static class Moved extends Mine {

        /** Moves all pages, outside of the measured time. */
        @Setup(Level.Invocation)
        public void takeAway(Shared shared) {
            for (GfnPfnCache cache : super.caches) { // bounded by the number of caches
                boolean moved = shared.machine.vm.host().migrate(cache.state().uhva()) == HostResult.OK;
                BenchMachine.require(moved && !cache.check(), "migration");
            }
        }
    }

    /** Locks nobody else takes. */
    @State(Scope.Thread)
    public static class Locks {
        private final ReentrantLock[] locks = new ReentrantLock[CACHES];
        private int taken;

        /** Makes them. */
        @Setup
        public void fill() {
            for (int i = 0; i < CACHES; i++) { // bounded by the number of locks
                locks[i] = new ReentrantLock();
            }
        }

        private int takeAll() {
            for (ReentrantLock lock : locks) { // bounded by the number of locks
                lock.lock();
                try {
                    taken++;
                } finally {
                    lock.unlock();
                }
            }
            return taken;
        }
    }

    /** An image without JFR. */
    @State(Scope.Benchmark)
    public static class SmallImage {
        /** Looks whether it is. */
        @Setup
        public void verify() {
            BenchMachine.require(ModuleLayer.boot().findModule("jdk.jfr").isEmpty(), "limit-modules");
        }
    }

    /** One thread; the memslots are as they were. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public void refresh(Invalidated mine) {
        mine.refreshAll();
    }

    /** One thread; the memslots have changed, so that every step of the way is taken. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public void refreshTranslated(SlotsChanged mine) {
        mine.refreshAll();
    }

    /** One thread; the page has moved, so that another frame is mapped. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public void refreshMoved(Moved mine) {
        mine.refreshAll();
    }

    /** One thread, on an image without JFR: there is not even the question whether anybody records events. */
    @Benchmark
    @Fork(jvmArgsAppend = "--limit-modules=java.logging,java.management,jdk.management,jdk.unsupported")
    @OperationsPerInvocation(CACHES)
    public void refreshWithoutJfr(Invalidated mine, SmallImage image) {
        mine.refreshAll();
    }

    /** Two threads at the same time, distinct caches of one VM; nanoseconds of each thread. */
    @Benchmark
    @Threads(MAX_THREADS)
    @OperationsPerInvocation(CACHES)
    public void refreshTwoThreads(InvalidatedTogether mine) {
        mine.refreshAll();
    }

    /** Two threads, each of which also invalidates its own caches while the other refreshes; nanoseconds of each. */
    @Benchmark
    @Threads(MAX_THREADS)
    @OperationsPerInvocation(CACHES)
    public void refreshBesideInvalidations(Invalidated mine) {
        mine.refreshAll();
    }

    /** The yardstick: lock and unlock, nobody else there. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public int lockPair(Locks locks) {
        return locks.takeAll();
    }

    /** The yardstick of the machine: two threads that share nothing; nanoseconds of each. */
    @Benchmark
    @Threads(MAX_THREADS)
    @OperationsPerInvocation(CACHES)
    public int lockPairTwoThreads(Locks locks) {
        return locks.takeAll();
    }
}
