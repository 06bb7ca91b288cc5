package io.github.pfncache.bench;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
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

/**
 * Eight fields of a guest structure under one access object, per field.
 *
 * <p><b>Cost centre.</b> One announcement and one check, shared by eight fields; and the object itself, which must not
 * be allocated. <b>Why care.</b> A clock page, a runstate area or a descriptor is read and written as a whole, and has
 * to be consistent. If an access object cost more than its fields, authors would keep raw pointers instead.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
public class PinnedAccessBenchmark {

    private static final int FIELDS = 8;
    private static final int LENGTH = FIELDS * Long.BYTES;

    private ByteBuffer ram;
    private GfnPfnCache cache;
    private long value;

    /** Maps the buffer. */
    @Setup
    public void map() {
        ram = BenchMachine.ram(1);
        cache = BenchMachine.onBuffer(ram, 0).cache(BenchMachine.GPA, LENGTH);
    }

    /** One load, as the baseline of the goal. */
    @Benchmark
    public long oneOpaqueLoad() {
        return (long) Words.LONG.getOpaque(ram, Long.BYTES);
    }

    /** One store, as the baseline of the goal. */
    @Benchmark
    public void oneOpaqueStore() {
        Words.LONG.setOpaque(ram, Long.BYTES, ++value);
    }

    /** Eight loads in a row, nothing around them: what no check can reach. */
    @Benchmark
    @OperationsPerInvocation(FIELDS)
    public long eightOpaqueLoads() {
        long sum = 0;
        for (int offset = 0; offset < LENGTH; offset += Long.BYTES) { // bounded by the fields
            sum += (long) Words.LONG.getOpaque(ram, offset);
        }
        return sum;
    }

    /** Eight stores in a row, nothing around them. */
    @Benchmark
    @OperationsPerInvocation(FIELDS)
    public void eightOpaqueStores() {
        long next = ++value;
        for (int offset = 0; offset < LENGTH; offset += Long.BYTES) { // bounded by the fields
            Words.LONG.setOpaque(ram, offset, next);
        }
    }

    /** The library. */
    @Benchmark
    @OperationsPerInvocation(FIELDS)
    public long loads() {
        long sum = 0;
        try (GuestAccess access = cache.access()) {
            if (access.isUsable()) {
                for (int offset = 0; offset < LENGTH; offset += Long.BYTES) { // bounded by the fields
                    sum += access.getLong(offset);
                }
            }
        }
        return sum;
    }

    /** The library. */
    @Benchmark
    @OperationsPerInvocation(FIELDS)
    public boolean stores() {
        long next = ++value;
        try (GuestAccess access = cache.access()) {
            boolean usable = access.isUsable();
            if (usable) {
                for (int offset = 0; offset < LENGTH; offset += Long.BYTES) { // bounded by the fields
                    access.putLong(offset, next);
                }
            }
            return usable;
        }
    }
}
