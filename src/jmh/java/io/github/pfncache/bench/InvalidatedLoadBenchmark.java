package io.github.pfncache.bench;

import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.CompilerControl;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Loads from a page that the host moves to another frame 10,000 times a second, from another thread.
 *
 * <p><b>Cost centre.</b> The refresh after each move, and the lines of memory that the move takes out of the reader's
 * processor. <b>Why care.</b> A host that balances memory or migrates does this all day. The reader may pay for the
 * moves that hit it, and must not pay in between.
 *
 * <p>A sample is {@value #BATCH} loads: one alone is shorter than the clock can tell. The medians are compared. Both
 * sides run the same machine code: the page has moved many times before either starts, so that no compiler leaves out
 * what only a move needs, and the loop is compiled by itself, whatever is around it.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class InvalidatedLoadBenchmark {

    private static final int BATCH = 256;
    private static final int WORD = 8;
    private static final int EARLIER_MOVES = 50_000;
    private static final long PERIOD_NANOS = 100_000;
    private static final long PATIENCE_NANOS = 5_000_000_000L;

    /** A page that may move, and its cache. */
    @State(Scope.Benchmark)
    public static class Page {
        private final BenchMachine machine = BenchMachine.ofPages(1);
        private GfnPfnCache cache;

        /** Maps it, and moves it about. */
        @Setup
        public void map() {
            cache = machine.cache(BenchMachine.GPA, 64);
            for (int i = 0; i < EARLIER_MOVES; i++) { // bounded by the moves
                BenchMachine.require(machine.vm.host().migrate(BenchMachine.HVA) == HostResult.OK, "migrate");
                BenchMachine.require(loadBatch() == 0, "loads of an empty page");
            }
        }

        @CompilerControl(CompilerControl.Mode.DONT_INLINE)
        long loadBatch() {
            long sum = 0;
            for (int i = 0; i < BATCH; i++) { // bounded by the batch
                sum += cache.loadLong(WORD, -1);
            }
            return sum;
        }
    }

    /** When to move the page next. */
    @State(Scope.Thread)
    public static class Pace {
        private long next = System.nanoTime();
        private long moves;

        /** Waits for its time, which is not made up for once missed. */
        private void await() {
            long now = System.nanoTime();
            while (now - next < 0) { // ends with the period
                Thread.onSpinWait();
                now = System.nanoTime();
            }
            next = Math.max(next + PERIOD_NANOS, now);
        }

        /** Moves the page. A host does not move one that is referenced just then, in the middle of a refresh. */
        private void move(HostMemory host) {
            long start = System.nanoTime();
            while (host.migrate(BenchMachine.HVA) != HostResult.OK) { // ends with the patience
                BenchMachine.require(System.nanoTime() - start < PATIENCE_NANOS, "migrate");
                Thread.onSpinWait();
            }
            moves++;
        }

        /** Looks whether the cache was hit each time. */
        @TearDown
        public void verify(Page page) {
            CacheStats stats = page.machine.vm.caches().stats();
            BenchMachine.require(stats.invalidated() >= moves, moves + " moves with " + stats);
        }
    }

    /** Nobody moves the page. */
    @Benchmark
    public long undisturbed(Page page) {
        return page.loadBatch();
    }

    /** Somebody does. */
    @Benchmark
    @Group("moving")
    public long load(Page page) {
        return page.loadBatch();
    }

    /** Who does: through the host's notifier, with all that moving a page is. */
    @Benchmark
    @Group("moving")
    public void move(Page page, Pace pace) {
        pace.await();
        pace.move(page.machine.vm.host());
    }
}
