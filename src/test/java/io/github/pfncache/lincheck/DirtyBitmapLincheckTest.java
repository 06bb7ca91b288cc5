package io.github.pfncache.lincheck;

import io.github.pfncache.memslot.DirtyBitmap.Harvest;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The dirty bitmap, word by word: within 64 pages, marking, harvesting and putting back are each one step. Over more
 * than that a harvest is not one step, and only the pages count: {@link MigrationLincheckTest}.
 */
@Tag("lincheck")
final class DirtyBitmapLincheckTest {

    private static final int MAX_THREADS = 4;

    /** What the checked classes have in common: each thread can put back its own latest harvest. */
    @Param(name = "page", gen = IntGen.class, conf = "0:1")
    public abstract static class Log {
        private final long[][] pages = new long[MAX_THREADS][];

        abstract void markPage(int page);

        abstract long[] harvestPages(int thread);

        abstract void putBackHarvest(int thread);

        @Operation
        public void mark(@Param(name = "page") int page) {
            markPage(page);
        }

        @Operation
        public List<Long> harvest(@Param(gen = ThreadIdGen.class) int thread) {
            pages[thread] = harvestPages(thread);
            return Arrays.stream(pages[thread]).boxed().toList();
        }

        @Operation
        public boolean putBack(@Param(gen = ThreadIdGen.class) int thread) {
            boolean some = pages[thread] != null;
            if (some) {
                putBackHarvest(thread);
                pages[thread] = null;
            }
            return some;
        }
    }

    /** The bitmap of a slot. */
    public static final class Real extends Log {
        private final Memslots memslots = new Memslots();
        private final Harvest[] taken = new Harvest[MAX_THREADS];
        private final Memslot slot;

        public Real() {
            memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 0x40000, 0x7f00_0000_0000L);
            slot = memslots.table().byId(1);
        }

        @Override
        void markPage(int page) {
            slot.markDirty(page);
        }

        @Override
        long[] harvestPages(int thread) {
            taken[thread] = memslots.harvestDirty(1).harvest();
            return taken[thread].pages();
        }

        @Override
        void putBackHarvest(int thread) {
            taken[thread].putBack();
        }
    }

    /** One word, with a fault or without. */
    abstract static class OneWord extends Log {
        final AtomicLong word = new AtomicLong();
        private final long[] taken = new long[MAX_THREADS];

        void orInto(long bits) {
            word.accumulateAndGet(bits, (a, b) -> a | b);
        }

        long takeAll() {
            return word.getAndSet(0);
        }

        @Override
        void markPage(int page) {
            orInto(1L << page);
        }

        @Override
        long[] harvestPages(int thread) {
            taken[thread] = takeAll();
            List<Long> found = new ArrayList<>();
            for (int page = 0; page < Long.SIZE; page++) { // bounded by the word
                if ((taken[thread] >> page & 1) != 0) {
                    found.add((long) page);
                }
            }
            return found.stream().mapToLong(Long::longValue).toArray();
        }

        @Override
        void putBackHarvest(int thread) {
            orInto(taken[thread]);
        }
    }

    /** The harvest looks, then clears: a mark in between is lost. */
    public static final class ClearsAfterLooking extends OneWord {
        @Override
        long takeAll() {
            long seen = word.get();
            word.set(0);
            return seen;
        }
    }

    /** Marks and put-backs are a read and a write: one of two at once is lost. */
    public static final class MarksInTwoSteps extends OneWord {
        @Override
        void orInto(long bits) {
            word.set(word.get() | bits);
        }
    }

    /** The specification. */
    public static final class PageSet extends Log {
        private final TreeSet<Long> marked = new TreeSet<>();
        private final long[][] taken = new long[MAX_THREADS][];

        @Override
        void markPage(int page) {
            marked.add((long) page);
        }

        @Override
        long[] harvestPages(int thread) {
            taken[thread] = marked.stream().mapToLong(Long::longValue).toArray();
            marked.clear();
            return taken[thread];
        }

        @Override
        void putBackHarvest(int thread) {
            Arrays.stream(taken[thread]).forEach(marked::add);
        }
    }

    @Test
    void marksHarvestsAndPutBacksAreAtomicInAWord() {
        Checking.quick().iterations(5).sequentialSpecification(PageSet.class).check(Real.class);
    }

    @Test
    @Tag("deep")
    void marksHarvestsAndPutBacksAreAtomicInAWordDeep() {
        Checking.deep().sequentialSpecification(PageSet.class).check(Real.class);
    }

    @Test
    void aHarvestThatLooksAndThenClearsIsFound() {
        Checking.mustFind(
                Checking.NO_ORDER_EXPLAINS,
                Checking.quick().sequentialSpecification(PageSet.class),
                ClearsAfterLooking.class);
    }

    @Test
    void aMarkInTwoStepsIsFound() {
        Checking.mustFind(
                Checking.NO_ORDER_EXPLAINS,
                Checking.quick().sequentialSpecification(PageSet.class),
                MarksInTwoSteps.class);
    }
}
