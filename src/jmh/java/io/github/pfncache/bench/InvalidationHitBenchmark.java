package io.github.pfncache.bench;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.MmuNotifier;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * An invalidation of a page that some caches point at.
 *
 * <p><b>Cost centre.</b> Withdrawing each of them: its lock, or what stands for it. <b>Why care.</b> It is the part
 * that has to be paid, and nothing else may be: the cost goes with the caches hit, whatever else the VM has.
 *
 * <p>One go hits {@value #CACHES} caches, however they are spread over pages, and the time is that of one of them. So
 * what is compared finds equally many in the processor's caches, which is not what this is about.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class InvalidationHitBenchmark {

    /** Caches hit in one go, so that starting the clock costs little of each. */
    private static final int CACHES = 512;

    /** Caches that are hit among caches that are not. */
    @State(Scope.Benchmark)
    public static class Caches {
        /** Caches on the page. */
        @Param({"1", "16", "256"})
        public int hit;

        /** Active caches elsewhere. */
        @Param({"1000", "100000"})
        public int others;

        private final List<GfnPfnCache> valid = new ArrayList<>();
        private HvaRange[] pages;
        private HvaRange area;
        private MmuNotifier notifier;

        /** Makes the caches. */
        @Setup
        public void fill() {
            CacheField field = new CacheField(others);
            notifier = field.notifier();
            area = field.freeArea();
            pages = new HvaRange[CACHES / hit];
            for (int p = 0; p < pages.length; p++) { // bounded by the pages
                pages[p] = HvaRange.ofPages(area.start() + (long) p * BenchMachine.PAGE, 1);
                for (int i = 0; i < hit; i++) { // bounded by the caches on a page
                    valid.add(field.add(pages[p].start(), i * 8));
                }
            }
        }

        /** What was invalidated is made valid again, outside of the measured time. */
        @Setup(Level.Invocation)
        public void refresh() {
            for (GfnPfnCache cache : valid) { // bounded by the caches
                BenchMachine.require(cache.refresh() == Outcome.OK, "refresh");
            }
        }
    }

    /** Page by page. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public void page(Caches caches) {
        for (HvaRange page : caches.pages) { // bounded by the pages
            caches.notifier.invalidateRangeStart(page, true);
            caches.notifier.invalidateRangeEnd(page);
        }
    }

    /** The GiB around them at once. */
    @Benchmark
    @OperationsPerInvocation(CACHES)
    public void area(Caches caches) {
        caches.notifier.invalidateRangeStart(caches.area, true);
        caches.notifier.invalidateRangeEnd(caches.area);
    }
}
