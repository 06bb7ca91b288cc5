package io.github.pfncache.memslot;

import static io.github.pfncache.memslot.Memslot.FLAG_LOG_DIRTY_PAGES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.memslot.DirtyRing.Entry;
import io.github.pfncache.memslot.Memslots.DirtyMode;
import io.github.pfncache.memslot.Memslots.HarvestStatus;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Dirty bitmaps and dirty rings. */
final class DirtyLogTest {

    private static final long PAGES_OF_64_GIB = 1L << 24;

    @Property(tries = 100)
    void aHarvestIsTheSetOfPagesMarked(
            @ForAll @Size(max = 60) List<@LongRange(max = PAGES_OF_64_GIB - 1) Long> pages) {
        DirtyBitmap bitmap = new DirtyBitmap(PAGES_OF_64_GIB);
        TreeSet<Long> expected = new TreeSet<>();
        for (long page : pages) {
            bitmap.mark(page);
            expected.add(page);
        }
        DirtyBitmap.Harvest harvest = bitmap.harvest(bitmap.unnamed, PageMask.ALL);
        assertThat(Arrays.stream(harvest.pages()).boxed()).containsExactlyElementsOf(expected);
        assertThat(harvest.count()).isEqualTo(expected.size());
        assertThat(bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()).isEmpty();
    }

    @Test
    void theFirstAndTheLastPageOfEveryPartAreApart() {
        DirtyBitmap bitmap = new DirtyBitmap(70_000);
        long[] pages = {0, 63, 64, 32767, 32768, 65535, 65536, 69_999};
        for (long page : pages) {
            bitmap.mark(page);
            bitmap.mark(page);
        }
        assertThat(bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()).containsExactly(pages);
    }

    @Test
    void whatIsPutBackIsHarvestedAgainWithWhatCameSince() {
        DirtyBitmap bitmap = new DirtyBitmap(100);
        bitmap.mark(3);
        DirtyBitmap.Harvest harvest = bitmap.harvest(bitmap.unnamed, PageMask.ALL);
        bitmap.mark(4);
        harvest.putBack();
        assertThat(harvest.pages()).containsExactly(3);
        assertThat(bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()).containsExactly(3, 4);
        assertThatThrownBy(harvest::putBack).isInstanceOf(IllegalStateException.class);
        assertThat(bitmap.harvest(bitmap.unnamed, PageMask.ALL).pages()).isEmpty();
    }

    private final Memslots memslots = new Memslots(DirtyMode.RING, Memslots.DEFAULT_TIMEOUT);

    private Memslot loggingSlot(int id, long gpa) {
        memslots.set(id, FLAG_LOG_DIRTY_PAGES, gpa, 0x4000, 0x7f0000000000L);
        return memslots.table().byId(id);
    }

    @Test
    void aRingHasOneEntryForEveryMarkInOrder() {
        DirtyRing ring = memslots.newDirtyRing(4096);
        Memslot one = loggingSlot(1, 0x100000);
        Memslot two = loggingSlot(2, 0x104000);
        ring.bind();
        one.markDirty(0x102);
        one.markDirty(0x102);
        two.markDirty(0x104);
        ring.unbind();
        assertThat(ring.entries()).containsExactly(new Entry(1, 2), new Entry(1, 2), new Entry(2, 0));
        assertThat(ring.entries()).isEmpty();
        assertThat(ring.reset()).isEqualTo(3);
        assertThat(ring.reset()).isZero();
        assertThat(memslots.harvestDirty(1).status()).isEqualTo(HarvestStatus.OTHER_MODE);
    }

    @Test
    void aSlotThatDoesNotLogMakesNoEntry() {
        DirtyRing ring = memslots.newDirtyRing(256);
        memslots.set(1, 0, 0x100000, 0x4000, 0x7f0000000000L);
        ring.bind();
        memslots.table().byId(1).markDirty(0x102);
        ring.unbind();
        assertThat(ring.entries()).isEmpty();
    }

    @Test
    void theVcpuStopsAt192Of256UntilEntriesAreReset() {
        DirtyRing ring = memslots.newDirtyRing(256);
        Memslot slot = loggingSlot(1, 0x100000);
        ring.bind();
        for (int i = 0; i < 191; i++) {
            slot.markDirty(0x102);
        }
        assertThat(ring.exitNeeded()).isFalse();
        slot.markDirty(0x102);
        assertThat(ring.exitNeeded()).isTrue();
        assertThat(ring.entries()).hasSize(192);
        assertThat(ring.exitNeeded()).as("handed out is not yet free").isTrue();
        slot.markDirty(0x101);
        assertThat(ring.reset()).as("what was not handed out stays").isEqualTo(192);
        assertThat(ring.exitNeeded()).isFalse();
        ring.unbind();
    }

    @Test
    void aMarkThatFindsNoRingOrNoRoomGoesToTheBitmap() {
        DirtyRing ring = memslots.newDirtyRing(128);
        Memslot slot = loggingSlot(1, 0x100000);
        slot.markDirty(0x101);
        ring.bind();
        for (int i = 0; i < 128; i++) {
            slot.markDirty(0x102);
        }
        slot.markDirty(0x103);
        ring.unbind();
        assertThat(ring.entries()).hasSize(128).containsOnly(new Entry(1, 2));
        assertThat(memslots.harvestDirtyOutsideRings(1).harvest().pages()).containsExactly(1, 3);
    }

    @Test
    void entriesResetAreRoomAgainAsOftenAsOneLikes() {
        DirtyRing ring = memslots.newDirtyRing(128);
        Memslot slot = loggingSlot(1, 0x100000);
        ring.bind();
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 100; i++) {
                slot.markDirty(0x100 + i % 4);
            }
            assertThat(ring).hasToString("dirty ring of 128 entries, taken up 100");
            assertThat(ring.entries()).hasSize(100);
            assertThat(ring.reset()).isEqualTo(100);
        }
        ring.unbind();
        assertThat(memslots.harvestDirtyOutsideRings(1).harvest().pages()).isEmpty();
    }

    @Test
    void aRingIsBoundToOneThreadAndAThreadToOneRing() {
        DirtyRing ring = memslots.newDirtyRing(256);
        DirtyRing other = memslots.newDirtyRing(256);
        ring.bind();
        assertThatThrownBy(other::bind).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(other::unbind).isInstanceOf(IllegalStateException.class);
        assertThat(CompletableFuture.supplyAsync(() -> {
                            assertThatThrownBy(ring::bind).isInstanceOf(IllegalStateException.class);
                            assertThatThrownBy(ring::unbind).isInstanceOf(IllegalStateException.class);
                            return true;
                        })
                        .orTimeout(60, TimeUnit.SECONDS)
                        .join())
                .isTrue();
        ring.unbind();
        other.bind();
        other.unbind();
    }

    @Test
    void whatWasNotHarvestedIsPutBackByEachOnItsOwn() {
        Memslots none = new Memslots();
        for (int i = 0; i < 2; i++) {
            DirtyBitmap.Harvest harvest = none.harvestDirty(1).harvest();
            harvest.putBack();
            assertThatThrownBy(harvest::putBack).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aRingNeedsRingModeAndAPowerOfTwo() {
        assertThatThrownBy(() -> new Memslots().newDirtyRing(256)).isInstanceOf(IllegalStateException.class);
        for (int entries : new int[] {0, 64, 200, 1 << 17, -256, Integer.MIN_VALUE}) {
            assertThatThrownBy(() -> memslots.newDirtyRing(entries)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}
