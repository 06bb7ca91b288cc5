package io.github.pfncache.bench;

import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.host.HostMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A small interpreter of a 64-bit machine, with no cache of decoded instructions: every instruction is a fetch. On one
 * array, and on guest memory that stays or moves.
 *
 * <p><b>Cost centre.</b> Fetches, loads and stores, in the proportion that programs make them. <b>Why care.</b> This is
 * what the author of an emulator measures.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
public class InterpreterBenchmark {

    private static final int PAGES = 512;
    private static final int MASK = (1 << 20) - 1;
    private static final int DATA = 1 << 20;
    private static final int BLOCK = 1_000;
    private static final long MOVES_PER_SECOND = 1_000;

    // op in the low byte, then the registers d and s, a byte each, and a signed byte to add
    private static final int ADD = 0;
    private static final int LOAD = 1;
    private static final int STORE = 2;
    private static final int ADVANCE = 3;
    private static final int HASH = 4;
    private static final int JUMP = 5;

    /** What the machine executes. */
    public enum Program {
        /** Fetches only. */
        COMPUTE(op(ADD, 1, 2, 1), op(ADD, 2, 1, 3), op(ADD, 3, 2, 5), op(ADD, 1, 3, 7)),
        /** One word after the other. */
        SUM(op(LOAD, 1, 5, 0), op(ADD, 2, 1, 0), op(ADVANCE, 5, 5, 8)),
        /** From one half to the other. */
        COPY(op(LOAD, 1, 5, 0), op(STORE, 1, 6, 0), op(ADVANCE, 5, 5, 8), op(ADVANCE, 6, 6, 8)),
        /** Spills and returns. */
        STACK(op(STORE, 1, 7, 0), op(STORE, 2, 7, 8), op(ADD, 1, 2, 1), op(LOAD, 2, 7, 8), op(LOAD, 1, 7, 0),
                op(ADD, 2, 1, 1)),
        /** Somewhere in a mebibyte. */
        RANDOM(op(HASH, 5, 5, 1), op(LOAD, 1, 5, 0), op(ADD, 2, 1, 0));

        private final int[] code;

        Program(int... code) {
            this.code = code;
        }
    }

    private static int op(int op, int d, int s, int add) {
        return op | d << 8 | s << 16 | add << 24;
    }

    /** Guest memory, as the interpreter sees it. */
    interface Memory {
        int fetch(long pc);

        long load(long address);

        void store(long address, long value);

        default void poll() {}

        default void close() {}
    }

    /** One array. */
    static final class Bytes implements Memory {
        private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
        private static final VarHandle LONG =
                MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

        private final byte[] bytes = new byte[PAGES * BenchMachine.PAGE];

        @Override
        public int fetch(long pc) {
            return (int) INT.get(bytes, (int) pc);
        }

        @Override
        public long load(long address) {
            return (long) LONG.get(bytes, (int) address);
        }

        @Override
        public void store(long address, long value) {
            LONG.set(bytes, (int) address, value);
        }
    }

    /** A TLB of an author's own, over one buffer. */
    static final class Floor implements Memory {
        private final PlainTlb tlb = new PlainTlb(BenchMachine.ram(PAGES), GuestTlb.DEFAULT_ENTRIES);

        @Override
        public int fetch(long pc) {
            return tlb.fetch(BenchMachine.GPA + pc);
        }

        @Override
        public long load(long address) {
            return tlb.load(BenchMachine.GPA + address);
        }

        @Override
        public void store(long address, long value) {
            tlb.store(BenchMachine.GPA + address, value);
        }
    }

    /** The library's TLB, in guest mode. */
    static class Tlb implements Memory {
        final HostMemory host;
        private final GuestTlb tlb;

        Tlb() {
            BenchMachine machine = BenchMachine.ofPages(PAGES);
            host = machine.vm.host();
            tlb = machine.vm.newTlb(new NoDevices());
            tlb.enter();
        }

        @Override
        public int fetch(long pc) {
            return tlb.fetchInt(BenchMachine.GPA + pc);
        }

        @Override
        public long load(long address) {
            return tlb.loadLong(BenchMachine.GPA + address);
        }

        @Override
        public void store(long address, long value) {
            tlb.storeLong(BenchMachine.GPA + address, value);
        }

        @Override
        public void poll() {
            tlb.poll();
        }

        @Override
        public void close() {
            tlb.leave();
        }
    }

    /** The same, on a host that moves the page of the code and one of the data. */
    static final class Moved extends Tlb {
        private volatile boolean closed;
        private final Thread mover = new Thread(this::move, "mover");

        Moved() {
            mover.setDaemon(true);
            mover.start();
        }

        private void move() {
            long next = System.nanoTime();
            for (int turn = 0; !closed; turn++) { // until the end of the trial
                host.migrate(BenchMachine.HVA + (turn % 2 == 0 ? 0 : DATA));
                next += 1_000_000_000 / MOVES_PER_SECOND;
                LockSupport.parkNanos(next - System.nanoTime());
            }
        }

        @Override
        public void close() {
            closed = true;
            super.close();
        }
    }

    /** What it executes. */
    @Param
    public Program program;

    /** On what: the array, a TLB of an author's own, the library, or the library on a host that moves pages. */
    @Param({"bytes", "floor", "tlb", "moved"})
    public String on;

    private final long[] x = new long[8];
    private Memory memory;
    private long pc;

    /** Writes the program. */
    @Setup
    public void load() {
        memory = switch (on) {
            case "bytes" -> new Bytes();
            case "floor" -> new Floor();
            case "tlb" -> new Tlb();
            default -> new Moved();
        };
        int length = program.code.length;
        int end = 256 / length * length;
        for (int i = 0; i < end; i++) { // bounded by the page
            store4(4L * i, program.code[i % length]);
        }
        store4(4L * end, JUMP);
        x[5] = DATA;
        x[6] = DATA + (MASK + 1) / 2;
        x[7] = DATA;
    }

    private void store4(long at, int instruction) {
        long mask = 0xffff_ffffL;
        int shift = (at & 4) == 0 ? 0 : 32;
        long word = memory.load(at & -8) & ~(mask << shift) | (instruction & mask) << shift;
        memory.store(at & -8, word);
    }

    /** Ends it. */
    @TearDown
    public void end() {
        memory.close();
    }

    /** A thousand instructions, and a safepoint. */
    @Benchmark
    @OperationsPerInvocation(BLOCK)
    public long run() {
        Memory m = memory;
        long[] r = x;
        long at = pc;
        for (int i = 0; i < BLOCK; i++) { // bounded by BLOCK
            int instruction = m.fetch(at);
            at += 4;
            int d = instruction >> 8 & 7;
            int s = instruction >> 16 & 7;
            long add = instruction >> 24;
            switch (instruction & 0xff) {
                case ADD -> r[d] += r[s] + add;
                case LOAD -> r[d] = m.load(r[s] + add);
                case STORE -> m.store(r[s] + add, r[d]);
                case ADVANCE -> r[d] = DATA | r[s] + add & MASK & -8;
                case HASH -> r[d] = DATA | r[s] * 0x9e37_79b9L + 0x1_2345_6789L >>> 7 & MASK & -8;
                default -> at = 0;
            }
        }
        pc = at;
        m.poll();
        return r[1];
    }
}
