package io.github.pfncache.bench;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import java.util.Map;
import java.util.TreeMap;
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
 * Finding the slot of a guest frame, at random.
 *
 * <p><b>Cost centre.</b> The depth of the search, and the mispredicted branches in it. <b>Why care.</b> Every access
 * that no cache serves starts here. A guest with hot-plugged memory, or a device that maps its memory in pieces, has
 * hundreds or thousands of slots, and must not become slower for it.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SlotLookupBenchmark {

    private static final int PATTERN = 1 << 15;

    /** Frames to look for. */
    abstract static class Pattern {
        private long[] gfns;
        private int at;

        final void prepare(SlotMap map) {
            gfns = map.randomGfns(PATTERN);
        }

        final long next() {
            at = at + 1 & PATTERN - 1;
            return gfns[at];
        }
    }

    /** The library's memory map. */
    @State(Scope.Thread)
    public static class Slots extends Pattern {
        /** How many. */
        @Param({"1", "8", "64", "512", "4096", "32764"})
        public int slots;

        private MemslotTable table;

        /** Makes the map. */
        @Setup
        public void fill() {
            SlotMap map = new SlotMap(slots);
            prepare(map);
            table = map.memslots.table();
        }
    }

    /** The same in what first comes to mind. */
    @State(Scope.Thread)
    public static class Tree extends Pattern {
        /** How many. */
        @Param({"8", "512", "32764"})
        public int slots;

        private final TreeMap<Long, Memslot> tree = new TreeMap<>();

        /** Makes the map. */
        @Setup
        public void fill() {
            SlotMap map = new SlotMap(slots);
            prepare(map);
            map.memslots.table().forEach(slot -> tree.put(slot.baseGfn(), slot));
        }
    }

    /** The library. */
    @Benchmark
    public Memslot table(Slots state) {
        return state.table.find(state.next());
    }

    /** A tree map, without the lock that it would need. */
    @Benchmark
    public Memslot treeMap(Tree state) {
        long gfn = state.next();
        Map.Entry<Long, Memslot> floor = state.tree.floorEntry(gfn);
        return floor != null && floor.getValue().contains(gfn) ? floor.getValue() : null;
    }
}
