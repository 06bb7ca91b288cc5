package io.github.pfncache.bench;

import io.github.pfncache.cache.GuestTlb;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Random loads over 128 MiB, through a TLB of as many entries as there are pages.
 *
 * <p><b>Cost centre.</b> The entries themselves: they are no longer in the processor's caches. <b>Why care.</b> A guest
 * with an operating system touches more pages than any TLB has entries.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
public class ReachBenchmark {

    private static final int PAGES = 1 << 15;
    private static final int PATTERN = 1 << 16;

    private ByteBuffer ram;
    private GuestTlb tlb;
    private PlainTlb floor;
    private int[] words;
    private int at;

    /** Maps the pages, and holds them all. */
    @Setup
    public void map() {
        ram = BenchMachine.ram(PAGES);
        tlb = BenchMachine.onBuffer(ram, 0).vm.newTlb(PAGES, new NoDevices());
        tlb.enter();
        floor = new PlainTlb(ram, PAGES);
        for (int page = 0; page < PAGES; page++) { // bounded by PAGES
            tlb.loadLong(BenchMachine.GPA + (long) page * BenchMachine.PAGE);
        }
        words = Words.random(PATTERN, PAGES * (BenchMachine.PAGE / Long.BYTES));
    }

    /** Gives them back. */
    @TearDown
    public void leave() {
        tlb.leave();
    }

    private int nextOffset() {
        at = at + 1 & PATTERN - 1;
        return words[at] * Long.BYTES;
    }

    /** The same addresses, nothing checked. */
    @Benchmark
    public long opaqueLoad() {
        return (long) Words.LONG.getOpaque(ram, nextOffset());
    }

    /** A TLB of an author's own, over one buffer. */
    @Benchmark
    public long floorLoad() {
        return floor.load(BenchMachine.GPA + nextOffset());
    }

    /** The library. */
    @Benchmark
    public long load() {
        return tlb.loadLong(BenchMachine.GPA + nextOffset());
    }
}
