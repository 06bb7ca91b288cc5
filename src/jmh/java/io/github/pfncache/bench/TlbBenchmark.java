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

/**
 * Access to any guest address, as the instructions of an emulated processor make it: a random word of 64 pages.
 *
 * <p><b>Cost centre.</b> Finding the page's cache among those kept, on top of the validated access. <b>Why care.</b> It
 * is paid for every load and store that the guest executes. Emulators keep raw pointers in such tables, and have to
 * find and kill them all whenever memory changes; here an entry that is out of date finds out by itself.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
public class TlbBenchmark {

    private static final int PAGES = 64;
    private static final int PATTERN = 1 << 10;

    private ByteBuffer ram;
    private GuestTlb tlb;
    private int[] words;
    private int at;
    private long value;

    /** Maps the pages. */
    @Setup
    public void map() {
        ram = Machine.ram(PAGES);
        tlb = Machine.onBuffer(ram, 0).vm.newTlb(new NoDevices());
        words = Words.random(PATTERN, PAGES * (Machine.PAGE / Long.BYTES));
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

    /** The same addresses, nothing checked. */
    @Benchmark
    public void volatileStore() {
        Words.LONG.setVolatile(ram, nextOffset(), ++value);
    }

    /** The library. */
    @Benchmark
    public long load() {
        return tlb.loadLong(Machine.GPA + nextOffset());
    }

    /** The library. */
    @Benchmark
    public void store() {
        tlb.storeLong(Machine.GPA + nextOffset(), ++value);
    }
}
