package io.github.pfncache.memslot;

import static io.github.pfncache.memslot.Memslot.FLAG_LOG_DIRTY_PAGES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.memslot.InvalidationGate.Gate;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What a change does when somebody is in its way. */
final class MemslotsBusyTest {

    /** Not the common pool: on two processors it has one thread, and these tests need two at a time. */
    private static final Executor NEW_THREAD = body -> new Thread(body, "another").start();

    private static final long HVA = 0x7f0000000000L;

    /** A deadline that has passed when the first wait looks at it, and one that no test reaches. */
    private static final Duration NONE = Duration.ZERO;

    private static final Duration LONG = Duration.ofSeconds(60);

    private static Memslots withSlot(Duration timeout, int flags) {
        Memslots memslots = new Memslots(DirtyMode.BITMAP, timeout);
        assertThat(memslots.set(1, flags, 0x100000, 0x4000, HVA)).isEqualTo(Change.DONE);
        return memslots;
    }

    @Test
    void aThreadInASectionIsAnsweredAtOnce() {
        Memslots memslots = withSlot(LONG, 0);
        int outer = memslots.enterRead();
        int inner = memslots.enterRead();
        memslots.exitRead(inner);
        assertThat(memslots.delete(1)).isEqualTo(Change.BUSY);
        assertThat(memslots.move(1, 0x100000)).isEqualTo(Change.UNCHANGED);
        assertThatThrownBy(() -> memslots.delete(2)).isInstanceOf(Memslots.Rejected.class);
        memslots.exitRead(outer);
        assertThat(memslots.generation()).isEqualTo(1);
        assertThat(memslots.delete(1)).isEqualTo(Change.DONE);
    }

    @Test
    void aSectionIsLeftOnceByItsThread() {
        Memslots memslots = withSlot(LONG, 0);
        int token = memslots.enterRead();
        assertThat(onAnotherThread(() -> {
            assertThatThrownBy(() -> memslots.exitRead(token)).isInstanceOf(IllegalStateException.class);
            return true;
        })).isTrue();
        memslots.exitRead(token);
        assertThatThrownBy(() -> memslots.exitRead(token)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aReaderThatStaysMakesTheChangeBusyAndTheSlotStays() {
        Memslots memslots = withSlot(NONE, FLAG_LOG_DIRTY_PAGES);
        Memslot slot = memslots.table().byId(1);
        int token = memslots.enterRead();
        List<Supplier<Change>> changes = List.of(
                () -> memslots.delete(1),
                () -> memslots.move(1, 0x200000),
                // Whoever reads may have found the moved slot: from here on nothing is published before he has left.
                () -> memslots.setFlags(1, 0),
                () -> memslots.set(2, 0, 0x800000, 0x4000, HVA));
        long[] generations = {3, 5, 5, 5};
        for (int i = 0; i < changes.size(); i++) { // bounded by the changes above
            assertThat(onAnotherThread(changes.get(i))).isEqualTo(Change.BUSY);
            assertThat(memslots.table()).containsExactly(slot);
            assertThat(memslots.generation()).isEqualTo(generations[i]);
        }
        memslots.exitRead(token);
        assertThat(memslots.delete(1)).isEqualTo(Change.DONE);
    }

    @Test
    void aChangeWaitsForTheReadersOfBothPhases() throws Exception {
        Memslots memslots = withSlot(LONG, 0);
        for (int round = 0; round < 4; round++) {
            CountDownLatch published = new CountDownLatch(1);
            int token = memslots.enterRead();
            MemslotTable old = memslots.table();
            CompletableFuture<Change> change =
                    CompletableFuture.supplyAsync(() -> memslots.move(1, old.byId(1).baseGfn() + 1 << 12), NEW_THREAD);
            while (memslots.table() == old) { // ends with the change, or with the test's own timeout
                Thread.onSpinWait();
            }
            // Newcomers see the new table and do not prolong the wait; the old reader does.
            assertThat(onAnotherThread(() -> {
                int inside = memslots.enterRead();
                assertThat(memslots.table()).isNotSameAs(old);
                published.countDown();
                memslots.exitRead(inside);
                return change.isDone();
            })).isFalse();
            assertThat(published.await(0, TimeUnit.SECONDS)).isTrue();
            memslots.exitRead(token);
            assertThat(change.get(300, TimeUnit.SECONDS)).isEqualTo(Change.DONE);
        }
    }

    @Test
    void pagesWrittenWhileLoggingWasBeingTurnedOffInVainAreLogged() {
        Memslots memslots = withSlot(NONE, FLAG_LOG_DIRTY_PAGES);
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> {
            if (former.logsDirtyPages()) { // a writer that has picked up the slot without logging
                assertThat(memslots.table().byId(1).logsDirtyPages()).isFalse();
                memslots.table().byId(1).markDirty(0x102);
            }
            return !former.logsDirtyPages();
        });
        assertThat(memslots.setFlags(1, 0)).isEqualTo(Change.BUSY);
        assertThat(memslots.table().byId(1).logsDirtyPages()).isTrue();
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(2);
    }

    @Test
    void aMarkMadeWhileLoggingWasBeingTurnedOffFillsNoRing() {
        Memslots memslots = new Memslots(DirtyMode.RING, LONG);
        memslots.set(1, FLAG_LOG_DIRTY_PAGES, 0x100000, 0x4000, HVA);
        DirtyMark[] kept = new DirtyMark[1];
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> {
            kept[0] = memslots.table().byId(1).dirtyMark(0x102, null); // of a cache that was drained first
            return true;
        });
        DirtyRing ring = memslots.newDirtyRing(128);
        assertThat(memslots.setFlags(1, 0)).isEqualTo(Change.DONE);
        ring.bind();
        kept[0].setUnderBriefHold();
        ring.unbind();
        assertThat(ring.entries()).isEmpty();
    }

    /** A log that is on for a reader goes with it: that it should stay was asked for by what did not happen. */
    @Test
    void aLogThatARefusedChangeAskedForIsNotKept() {
        Memslots memslots = withSlot(NONE, 0);
        boolean[] leaves = {true};
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> leaves[0]);
        for (boolean inside : new boolean[] {true, false}) {
            DirtyReader reader = memslots.newDirtyReader();
            assertThat(reader.follow(memslots.table().byId(1))).isNotNull();
            leaves[0] = inside;
            int token = inside ? memslots.enterRead() : 0;
            assertThat(memslots.set(1, FLAG_LOG_DIRTY_PAGES, 0x200000, 0x4000, HVA)).isEqualTo(Change.BUSY);
            if (inside) {
                memslots.exitRead(token);
            }
            leaves[0] = true;
            assertThat(memslots.table().byId(1).askedFlags()).as("inside=" + inside).isZero();
            reader.close();
            assertThat(memslots.table().byId(1).logsDirtyPages()).as("inside=" + inside).isFalse();
        }
    }

    @Test
    void whatTheGateRefusesHasNotHappened() {
        Memslots memslots = withSlot(LONG, 0);
        MemslotTable before = memslots.table();
        memslots.attach((publish, deadline) -> Gate.BUSY, (former, deadline) -> true);
        assertThat(memslots.delete(1)).isEqualTo(Change.BUSY);
        assertThat(memslots.table()).isSameAs(before);
    }

    @Test
    void aThreadInAnInvalidationIsAnsweredAtOnce() {
        Memslots memslots = withSlot(LONG, 0);
        memslots.attach(
                new InvalidationGate() {
                    @Override
                    public Gate runWhenQuiet(Runnable publish, long deadlineNanos) {
                        throw new AssertionError("asked to wait for its own caller");
                    }

                    @Override
                    public boolean isCurrentThreadInside() {
                        return true;
                    }
                },
                (former, deadline) -> true);
        assertThat(memslots.delete(1)).isEqualTo(Change.BUSY);
        assertThat(memslots.generation()).isEqualTo(1);
    }

    @Test
    void theListenerIsToldOfSlotsThatAreGoneAndOnlyThen() {
        Memslots memslots = withSlot(LONG, 0);
        List<String> told = new ArrayList<>();
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> {
            assertThat(memslots.table().byId(former.id())).isNotSameAs(former);
            assertThat(memslots.move(1, 0x700000)).as("a change inside a change").isEqualTo(Change.BUSY);
            return told.add(former.id() + "@" + former.baseGfn() + "/" + former.flags());
        });
        memslots.set(2, 0, 0x200000, 0x4000, HVA);
        assertThat(told).isEmpty();
        memslots.setFlags(2, FLAG_LOG_DIRTY_PAGES);
        memslots.move(2, 0x300000);
        memslots.delete(2);
        assertThat(told).containsExactly("2@512/0", "2@512/1", "2@768/1");
    }

    @Test
    void aListenerThatThrowsLeavesTheFormerSlots() {
        Memslots memslots = withSlot(LONG, 0);
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> {
            throw new IllegalStateException("cannot");
        });
        assertThatThrownBy(() -> memslots.delete(1)).hasMessage("cannot");
        assertThat(memslots.table().byId(1)).isNotNull();
        assertThat(onAnotherThread(() -> memslots.set(2, 0, 0x200000, 0x4000, HVA))).isEqualTo(Change.DONE);
    }

    @Test
    void aGateIsAttachedOnce() {
        Memslots memslots = withSlot(LONG, 0);
        memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> true);
        assertThatThrownBy(() -> memslots.attach(MemslotsBusyTest::publish, (former, deadline) -> true))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> new Memslots(DirtyMode.RING, Duration.ofNanos(-1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static Gate publish(Runnable publish, long deadlineNanos) {
        publish.run();
        return Gate.DONE;
    }

    private static <T> T onAnotherThread(Supplier<T> body) {
        return CompletableFuture.supplyAsync(body, NEW_THREAD).orTimeout(60, TimeUnit.SECONDS).join();
    }
}
