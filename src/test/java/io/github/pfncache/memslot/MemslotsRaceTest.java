package io.github.pfncache.memslot;

import static io.github.pfncache.memslot.Memslot.FLAG_LOG_DIRTY_PAGES;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.GfnRange;
import io.github.pfncache.memslot.DirtyRing.Entry;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Threads at once, with nothing to keep them apart but the classes under test. */
final class MemslotsRaceTest {

    private static final VarHandle DATA = MethodHandles.arrayElementVarHandle(int[].class);
    private static final long HVA = 0x7f0000000000L;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicBoolean over = new AtomicBoolean();

    @AfterEach
    void allThreadsEnd() throws InterruptedException {
        over.set(true);
        threads.shutdown();
        assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void nobodyInASectionHoldsASlotWhoseDeleteHasReturned() throws Exception {
        Memslots memslots = new Memslots();
        int rounds = 4000;
        AtomicIntegerArray gone = new AtomicIntegerArray(rounds);
        List<Future<Integer>> readers = new ArrayList<>();
        for (int r = 0; r < 3; r++) {
            readers.add(threads.submit(() -> {
                int seen = 0;
                while (!over.get()) { // ends when the writer is through
                    int token = memslots.enterRead();
                    Memslot slot = memslots.table().find(0x100);
                    if (slot != null) {
                        seen++;
                        int round = (int) (slot.hva() - HVA >>> 12);
                        assertThat(gone.get(round)).as("round %d deleted", round).isZero();
                        int nested = memslots.enterRead();
                        memslots.exitRead(nested);
                        assertThat(gone.get(round)).as("round %d deleted", round).isZero();
                    }
                    memslots.exitRead(token);
                }
                return seen;
            }));
        }
        for (int round = 0; round < rounds; round++) {
            assertThat(memslots.set(1, 0, 0x100000, 0x1000, HVA + ((long) round << 12))).isEqualTo(Change.DONE);
            assertThat(memslots.delete(1)).isEqualTo(Change.DONE);
            gone.set(round, 1);
        }
        over.set(true);
        for (Future<Integer> reader : readers) {
            assertThat(reader.get(30, TimeUnit.SECONDS)).isNotNegative();
        }
        assertThat(memslots.generation()).isEqualTo(2L * rounds);
    }

    @Test
    void concurrentChangesAreOneAfterAnother() throws Exception {
        Memslots memslots = new Memslots();
        List<Future<Integer>> writers = new ArrayList<>();
        for (int w = 0; w < 3; w++) {
            int id = w;
            writers.add(threads.submit(() -> {
                int done = 0;
                for (int i = 0; i < 600; i++) {
                    try {
                        // All want the same place, so every table has one slot at most.
                        done += memslots.set(id, 0, 0x100000, 0x1000, HVA) == Change.DONE ? 1 : 0;
                        assertThat(memslots.delete(id)).isEqualTo(Change.DONE);
                        done++;
                    } catch (Memslots.Rejected e) {
                        assertThat(e.rule()).isEqualTo(MemslotRule.NO_OVERLAP);
                    }
                }
                return done;
            }));
        }
        int done = 0;
        for (Future<Integer> writer : writers) {
            done += writer.get(30, TimeUnit.SECONDS);
        }
        assertThat(memslots.generation()).isEqualTo(done);
        assertThat(memslots.table().size()).isZero();
    }

    /** A harvest that misses a write, or reads older data than the write it reports, leaves a difference at the end. */
    @Test
    void copyingTheHarvestedPagesLosesNoWrite() throws Exception {
        int pages = 130;
        DirtyBitmap bitmap = new DirtyBitmap(pages);
        int[] source = new int[pages];
        int[] copy = new int[pages];
        List<Future<?>> writers = new ArrayList<>();
        for (int w = 0; w < 2; w++) {
            int first = w;
            writers.add(threads.submit(() -> {
                for (int i = 1; i <= 300_000; i++) {
                    int page = (first + 2 * (i % 3)) % pages; // few pages, so that most marks find their bit set
                    DATA.setOpaque(source, page, i);
                    bitmap.mark(page);
                }
            }));
        }
        boolean last;
        do { // ends with the writers
            last = writers.stream().allMatch(Future::isDone);
            DirtyBitmap.Harvest harvest = bitmap.harvest();
            if (!last && (harvest.count() & 1) == 1) {
                harvest.putBack();
                continue;
            }
            for (long page : harvest.pages()) {
                copy[(int) page] = (int) DATA.getOpaque(source, (int) page);
            }
        } while (!last);
        for (Future<?> writer : writers) {
            writer.get(30, TimeUnit.SECONDS);
        }
        assertThat(copy).isEqualTo(source);
    }

    @Test
    void bitsOfOneWordMarkedAtOnceAreAllKept() throws Exception {
        DirtyBitmap bitmap = new DirtyBitmap(64);
        long harvested = 0;
        int rounds = 20_000;
        List<Future<?>> writers = new ArrayList<>();
        AtomicIntegerArray counts = new AtomicIntegerArray(64);
        for (int w = 0; w < 2; w++) {
            int page = w * 33;
            writers.add(threads.submit(() -> {
                for (int i = 0; i < rounds; i++) {
                    bitmap.mark(page);
                    while (counts.get(page) <= i && !over.get()) { // until this very mark was harvested
                        Thread.onSpinWait();
                    }
                }
            }));
        }
        while (harvested < 2L * rounds) { // a lost bit ends in the timeout of the test
            for (long page : bitmap.harvest().pages()) {
                counts.incrementAndGet((int) page);
                harvested++;
            }
        }
        for (Future<?> writer : writers) {
            writer.get(30, TimeUnit.SECONDS);
        }
        assertThat(bitmap.harvest().pages()).isEmpty();
    }

    @Test
    void everyMarkIsInTheRingOrInTheBitmapAndInOrder() throws Exception {
        Memslots memslots = new Memslots(DirtyMode.RING, Memslots.DEFAULT_TIMEOUT);
        int marks = 100_000;
        memslots.set(1, FLAG_LOG_DIRTY_PAGES, 0, (long) marks << 12, HVA);
        Memslot slot = memslots.table().byId(1);
        assertThat(slot.gfns()).isEqualTo(new GfnRange(0, marks));
        DirtyRing ring = memslots.newDirtyRing(128);
        Future<?> vcpu = threads.submit(() -> {
            for (int turn = 0; turn < 10; turn++) {
                ring.bind();
                for (int i = 0; i < marks / 10; i++) {
                    slot.markDirty((long) turn * (marks / 10) + i);
                }
                ring.unbind();
            }
        });
        boolean[] logged = new boolean[marks];
        long previous = -1;
        boolean last;
        do { // ends with the writer
            last = vcpu.isDone();
            for (Entry entry : ring.entries()) {
                assertThat(entry.page()).isGreaterThan(previous);
                previous = entry.page();
                logged[(int) previous] = true;
            }
            ring.reset();
        } while (!last);
        vcpu.get(30, TimeUnit.SECONDS);
        for (long page : memslots.harvestDirtyOutsideRings(1).harvest().pages()) {
            assertThat(logged[(int) page]).isFalse();
            logged[(int) page] = true;
        }
        assertThat(logged).doesNotContain(false);
    }
}
