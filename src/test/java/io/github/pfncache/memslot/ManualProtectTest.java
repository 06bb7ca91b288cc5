package io.github.pfncache.memslot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.Once;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import io.github.pfncache.memslot.Memslots.HarvestStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** To look at the dirty log, and to take out of it what is given away: as with KVM_CLEAR_DIRTY_LOG. */
class ManualProtectTest {

    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 70_000;

    private static final InvalidationGate AT_ONCE = (publish, deadlineNanos) -> {
        publish.run();
        return InvalidationGate.Gate.DONE;
    };

    private final Memslots memslots = new Memslots();
    private final List<LongPredicate> taken = new ArrayList<>();
    private Runnable protecting = () -> {};
    private BooleanSupplier leaving = () -> true;
    private boolean givesBack = true;
    private Memslot slot;

    @BeforeEach
    void makeSlot() {
        slot = slotOf(memslots);
    }

    /** With a listener that is told to take pages back. */
    private Memslot slotOf(Memslots map) {
        map.attach(AT_ONCE, new MemslotListener() {
            @Override
            public boolean slotChanged(Memslot former, long deadlineNanos) {
                return leaving.getAsBoolean();
            }

            @Override
            public boolean protect(Memslot of, LongPredicate pages, long deadlineNanos) {
                taken.add(pages);
                Runnable once = protecting;
                protecting = () -> {};
                once.run();
                return givesBack;
            }
        });
        map.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, (long) NPAGES << 12, HVA);
        return map.table().byId(1);
    }

    private static BitSet pages(int... pages) {
        BitSet set = new BitSet();
        for (int page : pages) {
            set.set(page);
        }
        return set;
    }

    @Test
    void aLookLeavesTheMarksAndStopsNoVcpu() {
        slot.markDirty(3);
        slot.markDirty(69_999);
        assertThat(memslots.peekDirty(1).harvest().pages()).containsExactly(3, 69_999);
        assertThat(memslots.peekDirty(1).harvest().pages()).containsExactly(3, 69_999);
        assertThat(taken).isEmpty();
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(3, 69_999);
        assertThat(memslots.peekDirty(1).harvest().pages()).isEmpty();
    }

    /** The harvest takes the marks out of the bitmap, for the one who looks too. */
    @Test
    void aLookSeesWhatAnotherReaderTakesOutAsItBegins() {
        DirtyReader other = memslots.newDirtyReader();
        assertThat(other.follow(slot)).isSameAs(slot);
        slot.markDirty(3);
        Once harvest = new Once("lock DIRTY", () ->
                assertThat(other.harvest((of, pages) -> assertThat(pages).containsExactly(3))).isTrue());
        OnLooker.during(() -> assertThat(memslots.peekDirty(1).harvest().pages()).containsExactly(3), harvest);
        assertThat(harvest.isDone()).isTrue();
        other.close();
    }

    @Test
    void exactlyThePagesThatAreGivenAwayAreTakenOut() {
        for (int page : new int[] {0, 63, 64, 32_767, 32_768, 40_000}) {
            slot.markDirty(page);
        }
        assertThat(memslots.harvestDirty(1, pages(1, 63, 32_768, 69_999)).harvest().pages())
                .containsExactly(63, 32_768);
        assertThat(taken).hasSize(1);
        assertThat(taken.get(0).test(63)).isTrue();
        assertThat(taken.get(0).test(64)).as("a vCPU keeps what it holds of the others").isFalse();
        assertThat(memslots.harvestDirty(1, new BitSet()).harvest().pages()).isEmpty();
        assertThat(memslots.harvestDirty(1, pages(NPAGES + 5)).harvest().pages()).as("of no page").isEmpty();
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0, 64, 32_767, 40_000);
    }

    @Test
    void aPageThatIsWrittenBetweenTheLookAndTheCopyIsCopiedOnce() {
        slot.markDirty(5);
        BitSet copied = pages(5);
        assertThat(memslots.peekDirty(1).harvest().pages()).containsExactly(5);
        slot.markDirty(5);
        assertThat(memslots.harvestDirty(1, copied).harvest().pages()).containsExactly(5);
        assertThat(memslots.peekDirty(1).harvest().pages()).isEmpty();
    }

    @Test
    void whatOfAPartIsPutBackComesAgain() {
        slot.markDirty(5);
        slot.markDirty(6);
        memslots.harvestDirty(1, pages(5)).harvest().putBack();
        assertThat(memslots.peekDirty(1).harvest().pages()).containsExactly(5, 6);
    }

    @Test
    void eachReaderHasItsOwn() {
        try (DirtyReader reader = memslots.newDirtyReader()) {
            reader.follow(slot);
            slot.markDirty(5);
            slot.markDirty(6);
            assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(5, 6);
            List<long[]> seen = new ArrayList<>();
            reader.peek((of, pages) -> seen.add(pages));
            reader.peek((of, pages) -> seen.add(pages));
            assertThat(seen).containsExactly(new long[] {5, 6}, new long[] {5, 6});
            DirtyBitmap.Harvest part = reader.harvest(slot, pages(6, 7));
            assertThat(part.pages()).containsExactly(6);
            part.putBack();
            assertThat(reader.harvest(slot, pages(6)).pages()).containsExactly(6);
            assertThat(memslots.peekDirty(1).harvest().pages()).as("that one has them already").isEmpty();
            reader.harvest((of, pages) -> assertThat(pages).containsExactly(5));
        }
    }

    @Test
    void ofASlotThatIsNotReadThereIsNothing() {
        try (DirtyReader reader = memslots.newDirtyReader()) {
            slot.markDirty(5);
            assertThat(reader.harvest(slot, pages(5)).pages()).isEmpty();
        }
        memslots.setFlags(1, 0);
        try (DirtyReader reader = memslots.newDirtyReader()) {
            assertThat(reader.harvest(memslots.table().byId(1), pages(5)).pages()).isEmpty();
        }
    }

    /** What another reader has taken out a vCPU may go on writing for a moment, without a mark for the new one. */
    @Test
    void aReaderThatBeginsWhileAnotherHarvestsHasThesePagesToo() {
        slot.markDirty(5);
        try (DirtyReader late = memslots.newDirtyReader()) {
            protecting = () -> late.follow(slot); // and copies page 5, which the vCPU writes once more
            assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(5);
            List<Long> seen = new ArrayList<>();
            late.harvest((of, pages) -> Arrays.stream(pages).forEach(seen::add));
            assertThat(seen).containsExactly(5L);
        }
    }

    /** The caller of a harvest that throws has no pages, and cannot put them back. */
    @Test
    void whatWasTakenOutForAHarvestThatThrowsIsThereForTheNext() {
        slot.markDirty(5);
        protecting = () -> {
            throw new IllegalStateException("not now");
        };
        assertThatIllegalStateException().isThrownBy(() -> memslots.harvestDirty(1));
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(5);
    }

    /** Bound to this thread; the entry was handed out. */
    private static DirtyRing ringWithOneEntry(Memslots map, Memslot logs) {
        DirtyRing ring = map.newDirtyRing(128);
        ring.bind();
        logs.markDirty(5);
        assertThat(ring.entries()).hasSize(1);
        return ring;
    }

    /** Else a vCPU could use an entry again for a page that it has held all the time. */
    @Test
    void anEntryIsFreedAfterItsPageWasTakenBackAndNotIfThatFails() {
        Memslots map = new Memslots(DirtyMode.RING, Duration.ofSeconds(1));
        DirtyRing ring = ringWithOneEntry(map, slotOf(map));
        ring.unbind();
        protecting = () -> {
            assertThat(ring).hasToString("dirty ring of 128 entries, taken up 1");
            throw new IllegalStateException("not now");
        };
        assertThatIllegalStateException().isThrownBy(ring::reset);
        assertThat(ring.reset()).isOne();
        assertThat(ring).hasToString("dirty ring of 128 entries, taken up 0");
    }

    /** As by another thread, while the pages are taken back; what is marked after that stays. */
    @Test
    void anEntryThatIsFreedMeanwhileIsFreedOnce() {
        Memslots map = new Memslots(DirtyMode.RING, Duration.ofSeconds(1));
        Memslot logs = slotOf(map);
        DirtyRing ring = ringWithOneEntry(map, logs);
        protecting = () -> {
            for (int page = 6; page < 8; page++) {
                assertThat(ring.reset()).isOne();
                logs.markDirty(page);
                assertThat(ring.entries()).hasSize(1);
            }
        };
        assertThat(ring.reset()).isZero();
        assertThat(ring).hasToString("dirty ring of 128 entries, taken up 1");
        ring.unbind();
    }

    /** A slot that is deleted may come back, with a vCPU that has held its page all the time. */
    @Test
    void noEntryIsFreedWhileItsSlotIsDeleted() {
        Memslots map = new Memslots(DirtyMode.RING, Duration.ofSeconds(1));
        DirtyRing ring = ringWithOneEntry(map, slotOf(map));
        ring.unbind();
        leaving = () -> {
            assertThat(ring.reset()).isZero();
            return false;
        };
        assertThat(map.delete(1)).isEqualTo(Memslots.Change.BUSY);
        assertThat(taken).isEmpty();
        assertThat(ring.reset()).isOne();
        assertThat(taken).hasSize(1);
    }

    /** A vCPU keeps its pages: they are marked again, and nothing where only the former slot had any. */
    @Test
    void anEntryOfAFormerSlotMarksNothingBehindTheEndOfTheSlot() {
        Memslots map = new Memslots(DirtyMode.RING, Duration.ofSeconds(1));
        Memslot logs = slotOf(map);
        DirtyRing ring = ringWithOneEntry(map, logs);
        logs.markDirty(6);
        logs.markDirty(69_999);
        ring.unbind();
        assertThat(ring.entries()).hasSize(2);
        map.delete(1);
        map.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0, 6 << 12, HVA);
        givesBack = false;
        assertThat(ring.reset()).isEqualTo(3);
        assertThat(map.harvestDirtyOutsideRings(1).harvest().pages()).containsExactly(5);
    }

    @Test
    void whyThereIsNothingIsSaid() {
        assertThat(memslots.peekDirty(7).status()).isEqualTo(HarvestStatus.NO_SLOT);
        assertThat(memslots.harvestDirty(7, pages(1)).status()).isEqualTo(HarvestStatus.NO_SLOT);
        memslots.setFlags(1, 0);
        assertThat(memslots.peekDirty(1).status()).isEqualTo(HarvestStatus.NO_LOG);
        assertThat(memslots.harvestDirty(1, pages(1)).status()).isEqualTo(HarvestStatus.NO_LOG);
        Memslots rings = new Memslots(DirtyMode.RING, Duration.ofSeconds(1));
        assertThat(rings.peekDirty(1).status()).isEqualTo(HarvestStatus.OTHER_MODE);
        assertThat(rings.harvestDirty(1, pages(1)).status()).isEqualTo(HarvestStatus.OTHER_MODE);
    }
}
