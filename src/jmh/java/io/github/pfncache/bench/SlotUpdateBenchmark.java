package io.github.pfncache.bench;

import io.github.pfncache.memslot.Memslot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * One change of the memory map: a slot moves, and the next immutable table is published.
 *
 * <p><b>Cost centre.</b> Copying what the new table does not share with the old one. <b>Why care.</b> A guest may
 * remap windows at any rate, and boots do it thousands of times; a flat copy of all slots makes each of them cost what
 * the whole map costs.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SlotUpdateBenchmark {

    private static final int PATTERN = 1 << 12;

    /** A map, and which of its slots to change. */
    @State(Scope.Thread)
    public static class Slots {
        /** How many. */
        @Param({"1", "8", "512", "32764"})
        public int slots;

        private SlotMap map;
        private int[] ids;
        private int at;

        /** What the flat copy copies. */
        private Memslot[] flat;

        /** Makes the map. */
        @Setup
        public void fill() {
            map = new SlotMap(slots);
            ids = Words.random(PATTERN, slots);
            List<Memslot> all = new ArrayList<>();
            map.memslots.table().forEach(all::add);
            flat = all.toArray(Memslot[]::new);
        }

        private int next() {
            at = at + 1 & PATTERN - 1;
            return ids[at];
        }
    }

    /** The library, with all that a change is: judged, made, published, readers of the former table waited for. */
    @Benchmark
    public void move(Slots state) {
        state.map.move(state.next());
    }

    /** Only the copying, of a sorted array of all slots. */
    @Benchmark
    public Memslot[] flatCopy(Slots state) {
        int id = state.next();
        Memslot[] copy = state.flat.clone();
        copy[id] = state.flat[(id + 1) % state.flat.length];
        return copy;
    }
}
