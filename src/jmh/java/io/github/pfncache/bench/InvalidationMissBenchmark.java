package io.github.pfncache.bench;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.host.MmuNotifier;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * An invalidation that hits no cache.
 *
 * <p><b>Cost centre.</b> Finding out that there is nothing to do. <b>Why care.</b> The host invalidates whenever it
 * moves, swaps or shares a page, and nearly all of these pages are in no cache. A walk over all caches makes every page
 * fault of the process dearer with every device the guest has.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class InvalidationMissBenchmark {

    /** A range that is as near to the caches as it can be without touching one. */
    public enum Range {
        /** The page between two pages that have caches. */
        PAGE_4K,
        /** The 2 MiB between two that are full of them. */
        BLOCK_2M,
        /** The GiB behind. */
        AREA_1G;

        HvaRange in(CacheField field) {
            return switch (this) {
                case PAGE_4K -> field.freePage();
                case BLOCK_2M -> field.freeBlock();
                case AREA_1G -> field.freeArea();
            };
        }
    }

    /** The caches, and a range without any. */
    @State(Scope.Benchmark)
    public static class Index {
        /** Active caches of the VM. */
        @Param({"10", "100", "1000", "10000", "100000"})
        public int caches;

        /** What is invalidated. */
        @Param
        public Range range;

        private CacheField field;
        private MmuNotifier notifier;
        private HvaRange missed;

        /** Makes the caches. */
        @Setup
        public void fill() {
            field = new CacheField(caches);
            notifier = field.notifier();
            missed = range.in(field);
        }

        /** Looks whether it missed. */
        @TearDown
        public void verify() {
            CacheStats stats = field.stats();
            BenchMachine.require(stats.invalidations() > 0 && stats.invalidated() == 0, "missing with " + stats);
        }
    }

    /** The same number of caches, each with a lock of its own, in an array. */
    @State(Scope.Benchmark)
    public static class Locks {
        /** Active caches of the VM. */
        @Param({"10", "1000", "100000"})
        public int caches;

        private LockedMapping[] all;
        private HvaRange missed;

        /** Makes the caches. */
        @Setup
        public void fill() {
            all = new LockedMapping[caches];
            for (int i = 0; i < caches; i++) { // bounded by the number of caches
                all[i] = new LockedMapping(null, BenchMachine.HVA + (long) i * 2 * BenchMachine.PAGE, 0);
            }
            missed = HvaRange.ofPages(BenchMachine.HVA + BenchMachine.PAGE, 1);
        }
    }

    /** The library. */
    @Benchmark
    public boolean indexed(Index index) {
        boolean accepted = index.notifier.invalidateRangeStart(index.missed, true);
        index.notifier.invalidateRangeEnd(index.missed);
        return accepted;
    }

    /** The kernel's way: take the write lock of every cache, and look. */
    @Benchmark
    public void walkOfAllLocks(Locks locks) {
        for (LockedMapping each : locks.all) { // bounded by the number of caches
            each.invalidate(locks.missed);
        }
    }
}
