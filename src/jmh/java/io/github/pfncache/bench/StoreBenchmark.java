package io.github.pfncache.bench;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
 * One 8-byte store to guest memory that may be taken away at any time, and is never written after it is gone.
 *
 * <p><b>Cost centre.</b> The one locked instruction by which a writer makes itself known before it looks; and the dirty
 * mark. <b>Why care.</b> A device completes requests and a clock is updated by stores. A store cannot be taken back, so
 * it cannot be as cheap as a load; it can cost what a volatile store costs. Live migration turns logging on for all of
 * them at once.
 *
 * <p>All of them store to the same word of the same buffer.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
public class StoreBenchmark {

    private static final int WORD = 8;
    private static final VarHandle SLOTS = MethodHandles.arrayElementVarHandle(long[].class);

    private ByteBuffer ram;
    private Memslots memslots;
    private GfnPfnCache cache;
    private GfnPfnCache logging;
    private GfnPfnCache unbiased;
    private LockedMapping locked;
    private Memslots logs;
    private final long[] slots = new long[64];
    private long value;

    /** Maps the buffer in the ways that are compared. */
    @Setup
    public void map() {
        ram = BenchMachine.ram(1);
        BenchMachine machine = BenchMachine.onBuffer(ram, 0);
        memslots = machine.vm.memslots();
        cache = machine.cache(BenchMachine.GPA, 64);
        BenchMachine logged = BenchMachine.onBuffer(ram, Memslot.FLAG_LOG_DIRTY_PAGES);
        logging = logged.cache(BenchMachine.GPA, 64);
        logs = logged.vm.memslots();
        BenchMachine.require(logging.storeLong(WORD, 1) == Outcome.OK, "marking");
        unbiased = BenchMachine.onBuffer(Vm.builder().readerBias(false), ram, 0).cache(BenchMachine.GPA, 64);
        locked = new LockedMapping(ram, BenchMachine.HVA, memslots.generation());
    }

    /** Looks whether the bit was set all the time. */
    @TearDown
    public void verify() {
        BenchMachine.require(logs.harvestDirty(0).harvest().pages().length == 1, "logging");
    }

    /** Nothing checked but the buffer's end. */
    @Benchmark
    public void opaque() {
        Words.LONG.setOpaque(ram, WORD, ++value);
    }

    /** Nothing checked; the store and the fence behind it. */
    @Benchmark
    public void volatileStore() {
        Words.LONG.setVolatile(ram, WORD, ++value);
    }

    /** Nothing checked; announced and withdrawn around the store, in a word that nobody else has or looks at. */
    @Benchmark
    public boolean bareAnnouncement() {
        boolean announced = SLOTS.compareAndSet(slots, slots.length / 2, 0L, 1L);
        Words.LONG.set(ram, WORD, ++value);
        SLOTS.setRelease(slots, slots.length / 2, 0L);
        return announced;
    }

    /** The library's one-shot store. */
    @Benchmark
    public Outcome validated() {
        return cache.storeLong(WORD, ++value);
    }

    /** The same with dirty logging on, and the page's bit set already. */
    @Benchmark
    public Outcome validatedLogging() {
        return logging.storeLong(WORD, ++value);
    }

    /** The library's one-shot store with a plain read-write lock, as the specification has it. */
    @Benchmark
    public Outcome withoutReaderBias() {
        return unbiased.storeLong(WORD, ++value);
    }

    /** An access object for one store. */
    @Benchmark
    public void access() {
        try (GuestAccess access = cache.access()) {
            if (access.isUsable()) {
                access.putLong(WORD, ++value);
            }
        }
    }

    /** The lock of the Java library around check and store. */
    @Benchmark
    public boolean readWriteLock() {
        return locked.storeLong(WORD, ++value, memslots.generation());
    }
}
