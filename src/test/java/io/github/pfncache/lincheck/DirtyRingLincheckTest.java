package io.github.pfncache.lincheck;

import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The dirty ring is a queue from one vCPU to any number of collectors. It starts one mark below its soft limit, so that
 * asking the vCPU to stop, and handing the room back, are part of what is compared.
 */
@Tag("lincheck")
@Tag("deep")
final class DirtyRingLincheckTest {

    private static final int ENTRIES = 128;
    private static final int TAKEN_UP = 63;

    /** What a vCPU and its collectors do. */
    @Param(name = "page", gen = IntGen.class, conf = "0:3")
    public abstract static class Ring {

        @Operation(nonParallelGroup = "vcpu")
        public abstract void mark(@Param(name = "page") int page);

        @Operation(nonParallelGroup = "vcpu")
        public abstract boolean exitNeeded();

        @Operation
        public abstract List<Long> entries();

        @Operation
        public abstract int reset();
    }

    /** The ring of the library. */
    public static final class Real extends Ring {
        private final Memslots memslots = new Memslots(DirtyMode.RING, Memslots.DEFAULT_TIMEOUT);
        private final DirtyRing ring = memslots.newDirtyRing(ENTRIES);
        private final Memslot slot;

        public Real() {
            memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 0x4000, 0x7f00_0000_0000L);
            slot = memslots.table().byId(1);
            ring.bind();
            for (int i = 0; i < TAKEN_UP; i++) { // bounded by TAKEN_UP
                slot.markDirty(0);
            }
            ring.unbind();
            ring.entries();
        }

        @Override
        public void mark(int page) {
            ring.bind();
            slot.markDirty(page);
            ring.unbind();
        }

        @Override
        public boolean exitNeeded() {
            return ring.exitNeeded();
        }

        @Override
        public List<Long> entries() {
            return ring.entries().stream().map(DirtyRing.Entry::page).toList();
        }

        @Override
        public int reset() {
            return ring.reset();
        }
    }

    /** The ring in small, without a lock; what a mark does first is for the subclass to say. */
    abstract static class Small extends Ring {
        final long[] ring = new long[ENTRIES];
        volatile long pushed = TAKEN_UP;
        volatile long collected = TAKEN_UP;
        volatile long reset;

        @Override
        public void mark(int page) {
            ring[(int) pushed & ENTRIES - 1] = page;
            pushed++;
        }

        @Override
        public boolean exitNeeded() {
            return pushed - reset > TAKEN_UP;
        }

        @Override
        public List<Long> entries() {
            long end = pushed;
            List<Long> found = new ArrayList<>();
            for (long n = collected; n < end; n++) { // bounded by the marks of a scenario
                found.add(ring[(int) n & ENTRIES - 1]);
            }
            collected = end;
            return found;
        }

        @Override
        public int reset() {
            int freed = (int) (collected - reset);
            reset = collected;
            return freed;
        }
    }

    /** The count is published before the entry is there. */
    public static final class CountsBeforeWriting extends Small {
        @Override
        public void mark(int page) {
            pushed++;
            ring[(int) pushed - 1 & ENTRIES - 1] = page;
        }

        @Override
        public synchronized List<Long> entries() {
            return super.entries();
        }

        @Override
        public synchronized int reset() {
            return super.reset();
        }
    }

    /** Two collectors at once get the same entry. */
    public static final class CollectsWithoutLock extends Small {}

    /** The specification. */
    public static final class Queue extends Ring {
        private final List<Long> waiting = new ArrayList<>();
        private int handedOut = TAKEN_UP;

        @Override
        public void mark(int page) {
            waiting.add((long) page);
        }

        @Override
        public boolean exitNeeded() {
            return waiting.size() + handedOut > TAKEN_UP;
        }

        @Override
        public List<Long> entries() {
            List<Long> all = List.copyOf(waiting);
            handedOut += all.size();
            waiting.clear();
            return all;
        }

        @Override
        public int reset() {
            int freed = handedOut;
            handedOut = 0;
            return freed;
        }
    }

    private static ModelCheckingOptions quick() {
        return Checking.quick().sequentialSpecification(Queue.class);
    }

    @Test
    void theRingIsAQueue() {
        quick().check(Real.class);
    }

    @Test
    @Tag("deep")
    void theRingIsAQueueDeep() {
        Checking.deep().sequentialSpecification(Queue.class).threads(3).check(Real.class);
    }

    @Test
    void aCountBeforeItsEntryIsFound() {
        Checking.mustFind(Checking.NO_ORDER_EXPLAINS, quick(), CountsBeforeWriting.class);
    }

    @Test
    void collectorsWithoutALockAreFound() {
        Checking.mustFind(Checking.NO_ORDER_EXPLAINS, quick(), CollectsWithoutLock.class);
    }
}
