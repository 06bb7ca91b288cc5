package io.github.pfncache.bench;

import io.github.pfncache.memslot.Memslot;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * Readers of the memory map while another thread changes it without a pause.
 *
 * <p><b>Cost centre.</b> What a reader does so that a change can wait for it, and the lines of memory that a new table
 * takes out of its processor's cache. <b>Why care.</b> One vCPU that remaps a window must not stop the others.
 *
 * <p>A sample is {@value #BATCH} look-ups, each in a read section of its own; the median and the tail are compared.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SlotReadersBenchmark {

    private static final int BATCH = 256;
    private static final int SLOTS = 512;
    private static final int PATTERN = 1 << 12;

    /** The map that is read and changed. */
    @State(Scope.Benchmark)
    public static class Shared {
        private final SlotMap map = new SlotMap(SLOTS);
        private final long[] gfns = map.randomGfns(PATTERN);
        private final int[] ids = Words.random(PATTERN, SLOTS);

        private long readBatch(int from) {
            long found = 0;
            for (int i = from; i < from + BATCH; i++) { // bounded by the batch
                int token = map.memslots.enterRead();
                Memslot slot = map.memslots.table().find(gfns[i & PATTERN - 1]);
                found += slot == null ? 0 : slot.hva();
                map.memslots.exitRead(token);
            }
            return found;
        }
    }

    /** Where a thread is in its pattern. */
    @State(Scope.Thread)
    public static class Place {
        private int at;

        private int next(int step) {
            at = at + step & PATTERN - 1;
            return at;
        }
    }

    /** Nobody changes the map. */
    @Benchmark
    public long undisturbed(Shared shared, Place place) {
        return shared.readBatch(place.next(BATCH));
    }

    /** Somebody does. */
    @Benchmark
    @Group("changing")
    public long read(Shared shared, Place place) {
        return shared.readBatch(place.next(BATCH));
    }

    /** Who does. */
    @Benchmark
    @Group("changing")
    public void change(Shared shared, Place place) {
        shared.map.move(shared.ids[place.next(1)]);
    }
}
