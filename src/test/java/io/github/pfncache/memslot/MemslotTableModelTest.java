package io.github.pfncache.memslot;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.GfnRange;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** The table against a sorted map, for memory maps of every shape. */
final class MemslotTableModelTest {

    private final TreeMap<Long, Memslot> model = new TreeMap<>();
    private final Memslot[] modelById = new Memslot[MemslotTable.MAX_SLOTS];
    private MemslotTable table = MemslotTable.empty();

    /** A way to lay out slots, so that shared parts, fans in fans, gaps, huge slots and far outliers all occur. */
    private enum Shape {
        PACKED {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                return new GfnRange(random.nextInt(bound), 1);
            }
        },
        CLUSTERS {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                long cluster = Pages.GFN_END - 1 >>> random.nextInt(36);
                long start = Math.max(0, cluster - random.nextInt(bound));
                return new GfnRange(start, 1 + random.nextInt((int) Math.min(7, Pages.GFN_END - start)));
            }
        },
        ANY_SIZE {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                long start = random.nextLong(Pages.GFN_END) >>> random.nextInt(40);
                long npages = 1 + (random.nextInt(Integer.MAX_VALUE) >>> random.nextInt(31));
                return new GfnRange(start, Math.min(npages, Pages.GFN_END - start));
            }
        },
        SCATTERED {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                return new GfnRange(random.nextLong(Pages.GFN_END), 1);
            }
        },
        TINY_NEXT_TO_HUGE {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                long huge = random.nextInt(4) * (Integer.MAX_VALUE + 65L);
                return random.nextInt(8) == 0
                        ? new GfnRange(huge + 64, Integer.MAX_VALUE)
                        : new GfnRange(huge + random.nextInt(64), 1);
            }
        },
        CROWDED_AT_EVERY_SCALE {
            @Override
            GfnRange next(SplittableRandom random, int bound) {
                long part = Pages.GFN_END >>> 1 + random.nextInt(39);
                return new GfnRange(Math.min(part + random.nextInt(40), Pages.GFN_END - 1), 1);
            }
        };

        abstract GfnRange next(SplittableRandom random, int bound);
    }

    @Property(tries = 60)
    void aTableAnswersLikeASortedMap(
            @ForAll long seed, @ForAll Shape shape, @ForAll @IntRange(min = 4, max = 3000) int slots) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < slots; step++) {
            change(random, shape, 2 * slots, random.nextInt(4) == 0);
        }
        agreesWithTheModel(random);
        for (int step = 0; step < slots; step++) {
            change(random, shape, 2 * slots, random.nextInt(4) != 0);
        }
        agreesWithTheModel(random);
        while (!model.isEmpty()) { // bounded by the slots there are
            remove(model.firstEntry().getValue());
        }
        agreesWithTheModel(random);
    }

    @Test
    void allIdsCanBeInUse() {
        SplittableRandom random = new SplittableRandom(1);
        for (int id = 0; id < MemslotTable.MAX_SLOTS; id++) {
            add(id, new GfnRange(16L * id, 1 + random.nextInt(16)));
        }
        agreesWithTheModel(random);
        assertThat(table.size()).isEqualTo(32764);
    }

    @Test
    void anOlderTableDoesNotChange() {
        add(1, new GfnRange(0, 4));
        MemslotTable older = table;
        Memslot slot = older.byId(1);
        for (int id = 2; id < 200; id++) {
            add(id, new GfnRange(8L * id, 1));
        }
        remove(slot);
        assertThat(older).containsExactly(slot);
        assertThat(older.find(3)).isSameAs(slot);
        assertThat(table.generation()).isEqualTo(older.generation() + 199);
    }

    @Property(tries = 20)
    void everyOlderTableStaysAsItWas(@ForAll long seed, @ForAll Shape shape) {
        SplittableRandom random = new SplittableRandom(seed);
        List<MemslotTable> tables = new ArrayList<>();
        List<List<Memslot>> contents = new ArrayList<>();
        for (int step = 0; step < 1200; step++) {
            change(random, shape, 1000, random.nextInt(step < 800 ? 4 : 2) == 0);
            if (random.nextInt(40) == 0) {
                tables.add(table);
                contents.add(new ArrayList<>(model.values()));
            }
        }
        for (int i = 0; i < tables.size(); i++) {
            assertThat(tables.get(i)).containsExactlyElementsOf(contents.get(i));
            for (Memslot slot : contents.get(i)) {
                same(tables.get(i).find(slot.baseGfn()), slot, slot.baseGfn());
                same(tables.get(i).find(slot.endGfn() - 1), slot, slot.endGfn() - 1);
            }
        }
    }

    @Test
    void aHugeSlotMayBeTakenFromBetweenManyTinyOnes() {
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 2000; i++) {
            add(i, new GfnRange(2L * i, 1));
            add(3000 + i, new GfnRange((1L << 32) + 3L * i, 2));
        }
        add(2999, new GfnRange(4000, Integer.MAX_VALUE));
        agreesWithTheModel(random);
        remove(table.byId(2999));
        agreesWithTheModel(random);
    }

    private void change(SplittableRandom random, Shape shape, int bound, boolean delete) {
        int id = random.nextInt(Math.min(bound, MemslotTable.MAX_SLOTS));
        Memslot former = modelById[id];
        if (delete || former != null) {
            if (former != null) {
                remove(former);
            }
            return;
        }
        GfnRange gfns = shape.next(random, bound);
        Map.Entry<Long, Memslot> below = model.lowerEntry(gfns.end());
        boolean free = below == null || below.getValue().endGfn() <= gfns.start();
        Memslot above = table.atOrAbove(gfns.start());
        assertThat(above == null || above.baseGfn() >= gfns.end()).as("free %s", gfns).isEqualTo(free);
        if (free) {
            add(id, gfns);
        }
    }

    private void add(int id, GfnRange gfns) {
        Memslot slot = new Memslot(id, 0, gfns, 0, null, null, null);
        table = table.with(null, slot);
        model.put(gfns.start(), slot);
        modelById[id] = slot;
    }

    private void remove(Memslot slot) {
        table = table.with(slot, null);
        model.remove(slot.baseGfn());
        modelById[slot.id()] = null;
    }

    private void agreesWithTheModel(SplittableRandom random) {
        List<Memslot> iterated = new ArrayList<>();
        table.forEach(iterated::add);
        assertThat(iterated.equals(new ArrayList<>(model.values()))).as("iteration is the model").isTrue();
        assertThat(table.size()).isEqualTo(model.size());
        for (Memslot slot : model.values()) {
            same(table.byId(slot.id()), slot, slot.id());
            for (long gfn : new long[] {slot.baseGfn() - 1, slot.baseGfn(), slot.endGfn() - 1, slot.endGfn()}) {
                same(table.find(gfn), modelFind(gfn), gfn);
            }
        }
        for (int i = 0; i < 1000; i++) {
            long gfn = random.nextLong() >>> random.nextInt(64);
            same(table.find(gfn), modelFind(gfn), gfn);
        }
    }

    private Memslot modelFind(long gfn) {
        Map.Entry<Long, Memslot> below = model.floorEntry(gfn);
        return below != null && below.getValue().contains(gfn) ? below.getValue() : null;
    }

    private static void same(Memslot found, Memslot expected, long at) {
        if (found != expected) { // a failure describes itself; a description for every look-up would cost seconds
            throw new AssertionError("at " + Pages.hex(at) + " found " + found + " expected " + expected);
        }
    }
}
