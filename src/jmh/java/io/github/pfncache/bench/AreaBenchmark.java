package io.github.pfncache.bench;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * A structure that may lie across a page boundary, updated as a runstate area is: a state, a flag, a time.
 *
 * <p><b>Cost centre.</b> One announcement for each page, finding the page of each field, and the object itself, which
 * must not be allocated. <b>Why care.</b> A guest chooses where its runstate area lies, and every switch of a vCPU
 * updates it: one that crosses a page must not make garbage.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
public class AreaBenchmark {

    private static final int LENGTH = 48;
    private static final int STATE = 0;
    private static final int ENTRY_TIME = 8;
    private static final int TIME = 20; // lies across, where the area does

    private GuestArea onePage;
    private GuestArea twoPages;
    private long value;

    /** Points the areas: the second has its first 24 bytes in one page, and the rest in the next. */
    @Setup
    public void map() {
        BenchMachine machine = BenchMachine.onBuffer(BenchMachine.ram(2), 0);
        onePage = machine.vm.newArea();
        twoPages = machine.vm.newArea();
        BenchMachine.require(onePage.activate(BenchMachine.GPA, LENGTH) == Outcome.OK, "one page");
        long gpa = BenchMachine.GPA + BenchMachine.PAGE - LENGTH / 2;
        BenchMachine.require(twoPages.activate(gpa, LENGTH) == Outcome.OK, "two pages");
    }

    private boolean update(GuestArea area) {
        long next = ++value;
        try (AreaAccess access = area.access()) {
            boolean usable = access.isUsable();
            if (usable) {
                access.putInt(STATE, (int) next);
                access.putLong(ENTRY_TIME, next);
                access.putLong(TIME, access.getLong(TIME) + 1);
            }
            return usable;
        }
    }

    /** An area that lies in a page. */
    @Benchmark
    public boolean onePage() {
        return update(onePage);
    }

    /** An area that lies in two. */
    @Benchmark
    public boolean twoPages() {
        return update(twoPages);
    }
}
