package io.github.pfncache.memslot;

import static io.github.pfncache.memslot.Memslot.FLAG_LOG_DIRTY_PAGES;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.GfnRange;
import io.github.pfncache.memslot.DirtyRing.Entry;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import io.github.pfncache.rules.Interleaving;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
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

    /** Of a change that waits for readers which leave as soon as they have the processor. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final VarHandle DATA = MethodHandles.arrayElementVarHandle(int[].class);
    /** Words far enough apart that they share no cache line. */
    private static final int FAR = 64;

    private static final int START = FAR;
    private static final int PAGE = 2 * FAR;
    private static final int END = 3 * FAR;
    private static final long HVA = 0x7f0000000000L;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicBoolean over = new AtomicBoolean();

    @AfterEach
    void allThreadsEnd() throws InterruptedException {
        over.set(true);
        threads.shutdown();
        assertThat(threads.awaitTermination(300, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void nobodyInASectionHoldsASlotWhoseDeleteHasReturned() throws Exception {
        Memslots memslots = new Memslots(DirtyMode.BITMAP, PATIENCE);
        int rounds = 2000;
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
            assertThat(reader.get(300, TimeUnit.SECONDS)).isNotNegative();
        }
        assertThat(memslots.generation()).isEqualTo(2L * rounds);
    }

    /** A reader held up after it has read the phase counts itself in under a phase that has become the idle one. */
    @Test
    void aReaderHeldUpBetweenPhaseAndCounterIsWaitedFor() throws Exception {
        Memslots memslots = new Memslots(DirtyMode.BITMAP, PATIENCE);
        assertThat(memslots.set(1, 0, 0x100000, 0x1000, HVA)).isEqualTo(Change.DONE);
        HoldUp holdUp = new HoldUp("table phase read");
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        AtomicBoolean left = new AtomicBoolean();
        Future<Memslot> reader = threads.submit(() -> {
            Interleaving.bind(holdUp);
            int token = memslots.enterRead();
            Interleaving.bind(null);
            Memslot slot = memslots.table().byId(1);
            inside.countDown();
            assertThat(leave.await(300, TimeUnit.SECONDS)).isTrue();
            left.set(true);
            memslots.exitRead(token);
            return slot;
        });
        assertThat(holdUp.there.await(300, TimeUnit.SECONDS)).isTrue();
        assertThat(memslots.move(1, 0x200000)).as("the reader holds nothing yet").isEqualTo(Change.DONE);
        holdUp.goOn.countDown();
        assertThat(inside.await(300, TimeUnit.SECONDS)).isTrue();
        MemslotTable before = memslots.table();
        Future<Boolean> delete = threads.submit(() -> memslots.delete(1) == Change.DONE && left.get());
        while (memslots.table() == before && !delete.isDone()) { // ends with the publication
            Thread.onSpinWait();
        }
        leave.countDown();
        assertThat(delete.get(300, TimeUnit.SECONDS)).as("the delete came after the reader").isTrue();
        assertThat(reader.get(300, TimeUnit.SECONDS).baseGfn()).isEqualTo(0x200);
    }

    /** Holds one thread up at one point until it is told to go on. */
    private record HoldUp(String at, CountDownLatch there, CountDownLatch goOn) implements Interleaving.Explorer {

        HoldUp(String at) {
            this(at, new CountDownLatch(1), new CountDownLatch(1));
        }

        @Override
        public void reached(String point) {
            if (point.equals(at)) {
                there.countDown();
                try {
                    assertThat(goOn.await(300, TimeUnit.SECONDS)).isTrue();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        }

        @Override
        public boolean blocked(Object on, boolean timed) {
            throw new AssertionError("a reader waits for " + on);
        }
    }

    @Test
    void concurrentChangesAreOneAfterAnother() throws Exception {
        Memslots memslots = new Memslots(DirtyMode.BITMAP, PATIENCE);
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
            done += writer.get(300, TimeUnit.SECONDS);
        }
        assertThat(memslots.generation()).isEqualTo(done);
        assertThat(memslots.table().size()).isZero();
    }

    /**
     * In every round the bit is set already, and a write that finds it set meets a harvest that clears it. Either that
     * harvest reads the new data, or the next one reports the page again; a mark that looked at the bit before its data
     * was visible would lose both. A processor reorders so in few rounds only.
     */
    @Test
    void aWriteThatFindsItsBitSetIsNotLostToTheHarvestThatClearsIt() throws Exception {
        int rounds = 20_000;
        DirtyBitmap bitmap = new DirtyBitmap(64);
        int[] memory = new int[4 * FAR];
        Future<?> writer = threads.submit(() -> {
            for (int round = 1; round <= rounds; round++) {
                awaitRound(memory, START, round);
                bitmap.mark(5); // brings the bit near, so that a look at it could overtake the data
                DATA.setOpaque(memory, PAGE, round);
                bitmap.mark(5);
                DATA.setRelease(memory, END, round);
            }
        });
        int lost = 0;
        for (int round = 1; round <= rounds; round++) {
            bitmap.mark(5);
            DATA.setRelease(memory, START, round);
            for (int i = round % 64; i >= 0; i--) { // meets the writer at another point in every round
                DATA.setOpaque(memory, PAGE + 1, i); // and keeps the line of its data away from it
            }
            int copy = copyIfDirty(bitmap, memory, 0);
            awaitRound(memory, END, round);
            copy = copyIfDirty(bitmap, memory, copy);
            lost += copy == round ? 0 : 1;
        }
        writer.get(300, TimeUnit.SECONDS);
        assertThat(lost).as("writes that no copy has").isZero();
    }

    private void awaitRound(int[] memory, int at, int round) {
        for (int i = 0; (int) DATA.getAcquire(memory, at) < round && !over.get(); i++) { // ends with the other's turn
            if (i < 2000) {
                Thread.onSpinWait();
            } else {
                Thread.yield(); // the other side is not running
            }
        }
    }

    private static int copyIfDirty(DirtyBitmap bitmap, int[] memory, int old) {
        return bitmap.harvest(bitmap.unnamed, PageMask.ALL).count() == 0 ? old : (int) DATA.getOpaque(memory, PAGE);
    }

    @Test
    void bitsOfOneWordMarkedAtOnceAreAllKept() throws Exception {
        DirtyBitmap bitmap = new DirtyBitmap(64);
        long harvested = 0;
        int rounds = 2_000;
        List<Future<?>> writers = new ArrayList<>();
        AtomicIntegerArray counts = new AtomicIntegerArray(64);
        for (int w = 0; w < 2; w++) {
            int page = w * 33;
            writers.add(threads.submit(() -> {
                for (int i = 0; i < rounds; i++) {
                    bitmap.mark(page);
                    while (counts.get(page) <= i && !over.get()) { // until this very mark was harvested
                        Thread.yield();
                    }
                }
            }));
        }
        while (harvested < 2L * rounds) { // a lost bit ends in the timeout of the test
            for (long page : bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()) {
                counts.incrementAndGet((int) page);
                harvested++;
            }
        }
        for (Future<?> writer : writers) {
            writer.get(300, TimeUnit.SECONDS);
        }
        assertThat(bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()).isEmpty();
    }

    @Test
    void everyMarkIsInTheRingOrInTheBitmapAndInOrder() throws Exception {
        Memslots memslots = new Memslots(DirtyMode.RING, PATIENCE);
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
        vcpu.get(300, TimeUnit.SECONDS);
        for (long page : memslots.harvestDirtyOutsideRings(1).harvest().pages()) {
            assertThat(logged[(int) page]).isFalse();
            logged[(int) page] = true;
        }
        assertThat(logged).doesNotContain(false);
    }
}
