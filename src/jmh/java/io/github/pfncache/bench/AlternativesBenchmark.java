package io.github.pfncache.bench;

import io.github.pfncache.cache.GuestTlb;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;

/**
 * What the author of an emulator would write instead: find the region of a guest address, and load 8 bytes of it.
 *
 * <p><b>Cost centre.</b> The look-up and the lock of each single access. <b>Why care.</b> This is the choice at hand.
 * The plain buffer is as fast as it gets and wrong as soon as memory is moved, swapped or unplugged; the locked maps
 * are right, and dear, and two threads stand in each other's way although both only read.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class AlternativesBenchmark {

    private static final int REGION_PAGES = 16;
    private static final int PATTERN = 1 << 10;

    /** The same guest memory for every way. */
    @State(Scope.Benchmark)
    public static class Regions {
        /** Regions of 16 pages; random words of one page of each are loaded. */
        @Param({"1", "64"})
        public int regions;

        private final TreeMap<Long, ByteBuffer> map = new TreeMap<>();
        private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        private ByteBuffer ram;
        private BenchMachine machine;
        private long[] gpas;

        /** Cuts the memory. */
        @Setup
        public void fill() {
            int bytes = REGION_PAGES * BenchMachine.PAGE;
            ram = BenchMachine.ram(regions * REGION_PAGES);
            machine = BenchMachine.onBuffer(ram, 0);
            for (int r = 0; r < regions; r++) { // bounded by the number of regions
                map.put(BenchMachine.GPA + (long) r * bytes, ram.slice(r * bytes, bytes));
            }
            int[] words = Words.random(PATTERN, regions * (BenchMachine.PAGE / Long.BYTES));
            gpas = new long[PATTERN];
            for (int i = 0; i < PATTERN; i++) { // bounded by the pattern
                int region = words[i] / (BenchMachine.PAGE / Long.BYTES);
                int word = words[i] % (BenchMachine.PAGE / Long.BYTES);
                int page = region * REGION_PAGES + region % REGION_PAGES; // not all at the same place
                gpas[i] = BenchMachine.GPA + (long) page * BenchMachine.PAGE + (long) word * Long.BYTES;
            }
        }

        private long lookUpAndLoad(long gpa) {
            Map.Entry<Long, ByteBuffer> floor = map.floorEntry(gpa);
            return (long) Words.LONG.get(floor.getValue(), (int) (gpa - floor.getKey()));
        }

        private long underReadWriteLock(long gpa) {
            lock.readLock().lock();
            try {
                return lookUpAndLoad(gpa);
            } finally {
                lock.readLock().unlock();
            }
        }

        private synchronized long underMonitor(long gpa) {
            return lookUpAndLoad(gpa);
        }
    }

    /** Where a thread is in its pattern. */
    @State(Scope.Thread)
    public static class Place {
        private int at;

        private long next(Regions regions) {
            at = at + 1 & PATTERN - 1;
            return regions.gpas[at];
        }
    }

    /** A TLB of one thread, as a vCPU has it. */
    @State(Scope.Thread)
    public static class Tlb {
        private GuestTlb tlb;

        /** Makes it. */
        @Setup
        public void make(Regions regions) {
            tlb = regions.machine.vm.newTlb(new NoDevices());
            tlb.enter();
        }

        /** Gives its pages back. */
        @TearDown
        public void leave() {
            tlb.leave();
        }
    }

    /** The library. */
    @Benchmark
    public long load(Regions regions, Place place, Tlb mine) {
        return mine.tlb.loadLong(place.next(regions));
    }

    /** The library, two threads, each with a TLB of its own; nanoseconds of each. */
    @Benchmark
    @Threads(2)
    public long loadTwoThreads(Regions regions, Place place, Tlb mine) {
        return mine.tlb.loadLong(place.next(regions));
    }

    /** Fast and wrong: one buffer, nothing checked but its end. */
    @Benchmark
    public long plainBuffer(Regions regions, Place place) {
        return (long) Words.LONG.get(regions.ram, (int) (place.next(regions) - BenchMachine.GPA));
    }

    /** A tree of regions under a read-write lock. */
    @Benchmark
    public long treeMapReadWriteLock(Regions regions, Place place) {
        return regions.underReadWriteLock(place.next(regions));
    }

    /** The same, two threads; nanoseconds of each. */
    @Benchmark
    @Threads(2)
    public long treeMapReadWriteLockTwoThreads(Regions regions, Place place) {
        return regions.underReadWriteLock(place.next(regions));
    }

    /** A tree of regions in a synchronized method. */
    @Benchmark
    public long treeMapSynchronized(Regions regions, Place place) {
        return regions.underMonitor(place.next(regions));
    }

    /** The same, two threads; nanoseconds of each. */
    @Benchmark
    @Threads(2)
    public long treeMapSynchronizedTwoThreads(Regions regions, Place place) {
        return regions.underMonitor(place.next(regions));
    }
}
