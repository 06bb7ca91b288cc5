package io.github.pfncache.bench;

import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Access to any guest address, as the instructions of an emulated processor make it: a random word of 64 pages.
 *
 * <p><b>Cost centre.</b> Finding the page among those held. <b>Why care.</b> It is paid for every load and store that
 * the guest executes. The floor is a raw pointer: what an emulator has that knows when its memory moves.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
public class TlbBenchmark {

    private static final int PAGES = 64;
    private static final int PATTERN = 1 << 10;
    private static final int BLOCK = 1_000;

    /** In use outside of guest mode; the others are inside. */
    private GuestTlb outside;

    private ByteBuffer ram;
    private ByteBuffer page;
    private PlainTlb floor;
    private GuestTlb tlb;
    private GuestTlb small;
    private GuestTlb rom;
    private HeldPage held;
    private int[] words;
    private int at;
    private int missed;
    private long value;

    /** Maps the pages. */
    @Setup
    public void map() {
        ram = BenchMachine.ram(PAGES);
        page = ram.slice(0, BenchMachine.PAGE);
        floor = new PlainTlb(ram, GuestTlb.DEFAULT_ENTRIES);
        Vm vm = BenchMachine.onBuffer(ram, 0).vm;
        outside = vm.newTlb(new NoDevices());
        tlb = vm.newTlb(new NoDevices());
        tlb.enter();
        held = tlb.guestMode().hold(BenchMachine.GPA, true);
        small = vm.newTlb(GuestTlb.MIN_ENTRIES, new NoDevices());
        small.enter();
        rom = BenchMachine.onBuffer(ram, Memslot.FLAG_READONLY).vm.newTlb(new NoDevices());
        rom.enter();
        words = Words.random(PATTERN, PAGES * (BenchMachine.PAGE / Long.BYTES));
    }

    /** Gives them back. */
    @TearDown
    public void leave() {
        tlb.leave();
        small.leave();
        rom.leave();
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
    public void opaqueStore() {
        Words.LONG.setOpaque(ram, nextOffset(), ++value);
    }

    /** A TLB of an author's own, over one buffer. */
    @Benchmark
    public long floorLoad() {
        return floor.load(BenchMachine.GPA + nextOffset());
    }

    /** A TLB of an author's own, over one buffer. */
    @Benchmark
    public void floorStore() {
        floor.store(BenchMachine.GPA + nextOffset(), ++value);
    }

    /** The library, inside. */
    @Benchmark
    public long load() {
        return tlb.loadLong(BenchMachine.GPA + nextOffset());
    }

    /** The library, inside. */
    @Benchmark
    public void store() {
        tlb.storeLong(BenchMachine.GPA + nextOffset(), ++value);
    }

    /** The library, which enters and leaves each time. */
    @Benchmark
    public long loadOutside() {
        return outside.loadLong(BenchMachine.GPA + nextOffset());
    }

    /** The library, which enters and leaves each time. */
    @Benchmark
    public void storeOutside() {
        outside.storeLong(BenchMachine.GPA + nextOffset(), ++value);
    }

    /** Memory that the guest cannot write. */
    @Benchmark
    public long loadRom() {
        return rom.loadLong(BenchMachine.GPA + nextOffset());
    }

    private int nextInPage() {
        return nextOffset() & BenchMachine.PAGE - 1;
    }

    /** One page, nothing checked. */
    @Benchmark
    public long plainLoad() {
        return (long) Words.LONG.get(page, nextInPage());
    }

    /** One page, nothing checked. */
    @Benchmark
    public void plainStore() {
        Words.LONG.set(page, nextInPage(), ++value);
    }

    /** The same page, held. */
    @Benchmark
    public long heldLoad() {
        return (long) Words.LONG.get(held.bytes(), nextInPage());
    }

    /** The same page, held. */
    @Benchmark
    public void heldStore() {
        Words.LONG.set(held.bytes(), nextInPage(), ++value);
    }

    /** An instruction of the same page. */
    @Benchmark
    public int fetch() {
        return tlb.fetchInt(BenchMachine.GPA + nextInPage());
    }

    /** Another page each time, of more than there are entries. */
    @Benchmark
    public long miss() {
        missed = missed + 1 & PAGES - 1;
        return small.loadLong(BenchMachine.GPA + (long) missed * BenchMachine.PAGE);
    }

    /** A thousand loads. */
    @Benchmark
    @OperationsPerInvocation(BLOCK)
    public long block() {
        long sum = 0;
        for (int i = 0; i < BLOCK; i++) { // bounded by BLOCK
            sum += tlb.loadLong(BenchMachine.GPA + nextOffset());
        }
        return sum;
    }

    /** A thousand loads, and a poll. */
    @Benchmark
    @OperationsPerInvocation(BLOCK)
    public long blockAndPoll() {
        long sum = block();
        tlb.poll();
        return sum;
    }
}
