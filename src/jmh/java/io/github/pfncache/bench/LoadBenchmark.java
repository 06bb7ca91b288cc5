package io.github.pfncache.bench;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;

/**
 * One 8-byte load from guest memory that may be taken away at any time.
 *
 * <p><b>Cost centre.</b> The check that the mapping still holds, and whatever keeps it from going during the load.
 * <b>Why care.</b> A device model polls a ring index or a flag millions of times a second, from several threads. A lock
 * makes each poll ten times as dear, and a shared lock word bounces between the processors that only read.
 *
 * <p>All of them load the same word of the same buffer.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
public class LoadBenchmark {

    private static final int WORD = 8;

    private ByteBuffer ram;
    private Memslots memslots;
    private GfnPfnCache cache;
    private GfnPfnCache unbiased;
    private LockedMapping locked;

    /** Maps the buffer in the ways that are compared. */
    @Setup
    public void map() {
        ram = BenchMachine.ram(1);
        BenchMachine machine = BenchMachine.onBuffer(ram, 0);
        memslots = machine.vm.memslots();
        cache = machine.cache(BenchMachine.GPA, 64);
        unbiased = BenchMachine.onBuffer(Vm.builder().readerBias(false), ram, 0).cache(BenchMachine.GPA, 64);
        locked = new LockedMapping(ram, BenchMachine.HVA, memslots.generation());
    }

    /** Nothing checked but the buffer's end; the compiler may leave loads out. */
    @Benchmark
    public long plain() {
        return (long) Words.LONG.get(ram, WORD);
    }

    /** Nothing checked, but really done each time. */
    @Benchmark
    public long opaque() {
        return (long) Words.LONG.getOpaque(ram, WORD);
    }

    /** The library's one-shot load. */
    @Benchmark
    public long validated() {
        return cache.loadLong(WORD, -1);
    }

    /** The same, two threads on one cache; nanoseconds of each. */
    @Benchmark
    @Threads(2)
    public long validatedTwoThreads() {
        return cache.loadLong(WORD, -1);
    }

    /** The library's one-shot load with a plain read-write lock, as the specification has it. */
    @Benchmark
    public long withoutReaderBias() {
        return unbiased.loadLong(WORD, -1);
    }

    /** An access object for one load. */
    @Benchmark
    public long access() {
        try (GuestAccess access = cache.access()) {
            return access.isUsable() ? access.getLong(WORD) : -1;
        }
    }

    /** The lock of the Java library around check and load. */
    @Benchmark
    public long readWriteLock() {
        return locked.loadLong(WORD, memslots.generation());
    }

    /** The same, two threads; nanoseconds of each. */
    @Benchmark
    @Threads(2)
    public long readWriteLockTwoThreads() {
        return locked.loadLong(WORD, memslots.generation());
    }
}
