package io.github.pfncache.memslot;

import static io.github.pfncache.memslot.Memslot.FLAG_LOG_DIRTY_PAGES;
import static io.github.pfncache.memslot.Memslot.FLAG_READONLY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.HarvestStatus;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** KVM's rules of the memory map, one by one. */
final class MemslotsTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f0000000000L;
    private static final long OTHER_HVA = 0x7f1000000000L;
    private static final long PAGE = 4096;

    private final Memslots memslots = new Memslots();

    private Change set(int id, long gpa, long npages, long hva, int flags) {
        return memslots.set(id, flags, gpa, npages * PAGE, hva);
    }

    private void rejects(MemslotRule rule, String errno, Supplier<Change> request) {
        MemslotTable before = memslots.table();
        Memslots.Rejected e = catchThrowableOfType(Memslots.Rejected.class, request::get);
        assertThat(e).as("rejected").isNotNull();
        assertThat(e.rule()).isEqualTo(rule);
        assertThat(e.errno()).isEqualTo(errno);
        assertThat(memslots.table()).as("nothing changed").isSameAs(before);
    }

    @Test
    void aSlotIsFoundByFrameAndById() {
        assertThat(set(1, GPA, 4, HVA, 0)).isEqualTo(Change.DONE);
        Memslot slot = memslots.table().find(0x103);
        assertThat(slot.id()).isEqualTo(1);
        assertThat(slot.gfnToHva(0x103)).isEqualTo(HVA + 3 * PAGE);
        assertThat(memslots.table().byId(1)).isSameAs(slot);
        assertThat(memslots.table().find(0xff)).isNull();
        assertThat(memslots.table().find(0x104)).isNull();
        assertThat(memslots.table().byId(2)).isNull();
        assertThat(memslots.generation()).isEqualTo(1);
    }

    @Test
    void anEndIsNotTranslated() {
        set(1, GPA, 4, HVA, 0);
        Memslot slot = memslots.table().find(0x100);
        assertThatThrownBy(() -> slot.gfnToHva(0x104))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("gfn=0x104");
    }

    @Test
    void theLastPageOfTheGuestSpaceIsUsable() {
        assertThat(set(1, (1L << 52) - 4 * PAGE, 4, HVA, 0)).isEqualTo(Change.DONE);
        assertThat(memslots.table().find((1L << 40) - 1).id()).isEqualTo(1);
    }

    @Test
    void addressesAndSizeAreAligned() {
        rejects(MemslotRule.GPA_ALIGNED, "EINVAL", () -> set(1, GPA + 0x100, 4, HVA, 0));
        rejects(MemslotRule.HVA_ALIGNED, "EINVAL", () -> set(1, GPA, 4, HVA + 0x10, 0));
        rejects(MemslotRule.SIZE_ALIGNED, "EINVAL", () -> memslots.set(1, 0, GPA, 6144, HVA));
        rejects(MemslotRule.SIZE_ALIGNED, "EINVAL", () -> memslots.set(1, 0, GPA, 1, HVA));
    }

    @Test
    void idsEndAt32764() {
        assertThat(set(32763, GPA, 4, HVA, 0)).isEqualTo(Change.DONE);
        rejects(MemslotRule.ID_IN_RANGE, "EINVAL", () -> set(32764, 2 * GPA, 4, HVA, 0));
        rejects(MemslotRule.ID_IN_RANGE, "EINVAL", () -> set(0x10001, 2 * GPA, 4, HVA, 0));
        rejects(MemslotRule.ID_IN_RANGE, "EINVAL", () -> set(-1, 2 * GPA, 4, HVA, 0));
    }

    @Test
    void otherFlagsAreUnknown() {
        rejects(MemslotRule.FLAGS_KNOWN, "EINVAL", () -> set(1, GPA, 4, HVA, 4));
        rejects(MemslotRule.FLAGS_KNOWN, "EINVAL", () -> set(1, GPA, 4, HVA, 1 << 31));
    }

    @Test
    void guestAddressesDoNotWrapAndEndAt2Pow52() {
        rejects(MemslotRule.GPA_DOES_NOT_WRAP, "EINVAL", () -> set(1, -PAGE, 4, HVA, 0));
        rejects(MemslotRule.GPA_DOES_NOT_WRAP, "EINVAL", () -> set(1, -4 * PAGE, 4, HVA, 0));
        rejects(MemslotRule.GPA_IN_RANGE, "EINVAL", () -> set(1, (1L << 52) - 3 * PAGE, 4, HVA, 0));
        rejects(MemslotRule.GPA_IN_RANGE, "EINVAL", () -> set(1, Long.MIN_VALUE, 4, HVA, 0));
    }

    @Test
    void theHostRangeIsUserMemoryMappedOrNot() {
        rejects(MemslotRule.HVA_IS_USER, "EINVAL", () -> set(1, GPA, 4, 0xffff888000000000L, 0));
        rejects(MemslotRule.HVA_IS_USER, "EINVAL", () -> set(1, GPA, 4, -PAGE, 0));
        rejects(MemslotRule.HVA_IS_USER, "EINVAL", () -> set(1, GPA, 4, (1L << 56) - 3 * PAGE, 0));
        assertThat(set(1, GPA, 4, 0, 0)).isEqualTo(Change.DONE);
        assertThat(set(2, 2 * GPA, 4, (1L << 56) - 4 * PAGE, 0)).isEqualTo(Change.DONE);
    }

    @Test
    void aSlotHas31BitsOfPages() {
        rejects(MemslotRule.NPAGES_IN_RANGE, "EINVAL", () -> set(1, 0, 0x80000000L, HVA, 0));
        rejects(MemslotRule.NPAGES_IN_RANGE, "EINVAL", () -> memslots.set(1, 0, 0, -PAGE, HVA));
        assertThat(set(1, 0, 0x7fffffff, HVA, FLAG_LOG_DIRTY_PAGES)).isEqualTo(Change.DONE);
        Memslot slot = memslots.table().byId(1);
        slot.markDirty(0x7ffffffe);
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0x7ffffffe);
    }

    @Test
    void onlyAnExistingSlotIsDeletedWhateverTheGpa() {
        rejects(MemslotRule.SLOT_EXISTS, "EINVAL", () -> set(3, 0, 0, 0, 0));
        rejects(MemslotRule.SLOT_EXISTS, "EINVAL", () -> memslots.delete(3));
        rejects(MemslotRule.SLOT_EXISTS, "EINVAL", () -> memslots.move(3, GPA));
        rejects(MemslotRule.SLOT_EXISTS, "EINVAL", () -> memslots.setFlags(3, 0));
        set(3, GPA, 4, HVA, 0);
        assertThat(set(3, 7 * GPA, 0, 0, 0)).isEqualTo(Change.DONE);
        assertThat(memslots.table().find(0x100)).isNull();
        assertThat(memslots.table().size()).isZero();
    }

    @Test
    void slotsDoNotOverlapButTouch() {
        set(1, GPA, 4, HVA, 0);
        long[][] overlapping = {{0x100000, 4}, {0xfd000, 4}, {0x103000, 4}, {0x101000, 1}, {0xff000, 6}};
        for (long[] range : overlapping) {
            rejects(MemslotRule.NO_OVERLAP, "EEXIST", () -> set(2, range[0], range[1], OTHER_HVA, 0));
        }
        assertThat(set(2, 0xfc000, 4, OTHER_HVA, 0)).isEqualTo(Change.DONE);
        assertThat(set(3, 0x104000, 4, HVA, 0)).isEqualTo(Change.DONE);
        assertThat(memslots.table()).extracting(Memslot::id).containsExactly(2, 1, 3);
    }

    @Test
    void aRejectionNamesBothSlots() {
        set(1, GPA, 4, HVA, 0);
        assertThatThrownBy(() -> set(2, 0x103000, 4, OTHER_HVA, 0))
                .isInstanceOf(Memslots.Rejected.class)
                .hasMessageContaining("EEXIST")
                .hasMessageContaining("slot 2 gpa=0x103000")
                .hasMessageContaining("slot 1 gfn [0x100, 0x104) hva=0x7f0000000000");
    }

    @Test
    void sizeMemoryAndReadonlyAreFixed() {
        set(1, GPA, 4, HVA, 0);
        set(2, 2 * GPA, 4, HVA, FLAG_READONLY);
        rejects(MemslotRule.SIZE_FIXED, "EINVAL", () -> set(1, GPA, 5, HVA, 0));
        rejects(MemslotRule.SIZE_FIXED, "EINVAL", () -> set(1, GPA, 3, HVA, 0));
        rejects(MemslotRule.HVA_FIXED, "EINVAL", () -> set(1, GPA, 4, OTHER_HVA, 0));
        rejects(MemslotRule.HVA_FIXED, "EINVAL", () -> set(1, 3 * GPA, 4, OTHER_HVA, 0));
        rejects(MemslotRule.READONLY_FIXED, "EINVAL", () -> memslots.setFlags(1, FLAG_READONLY));
        rejects(MemslotRule.READONLY_FIXED, "EINVAL", () -> memslots.setFlags(2, FLAG_LOG_DIRTY_PAGES));
    }

    @Test
    void anIdenticalSlotIsNoChange() {
        set(1, GPA, 4, HVA, FLAG_READONLY);
        MemslotTable before = memslots.table();
        assertThat(set(1, GPA, 4, HVA, FLAG_READONLY)).isEqualTo(Change.UNCHANGED);
        assertThat(memslots.move(1, GPA)).isEqualTo(Change.UNCHANGED);
        assertThat(memslots.table()).isSameAs(before);
    }

    @Test
    void aSlotMovesAlsoOverItselfButNotOverAnother() {
        set(1, GPA, 4, HVA, 0);
        assertThat(memslots.move(1, 0x102000)).isEqualTo(Change.DONE);
        assertThat(memslots.table().find(0x101)).isNull();
        assertThat(memslots.table().find(0x105).gfnToHva(0x105)).isEqualTo(HVA + 3 * PAGE);
        set(2, 0x200000, 4, OTHER_HVA, 0);
        rejects(MemslotRule.NO_OVERLAP, "EEXIST", () -> memslots.move(1, 0x1fd000));
        rejects(MemslotRule.NO_OVERLAP, "EEXIST", () -> memslots.move(2, 0x104000));
        set(3, 0x106000, 1, OTHER_HVA, 0);
        rejects(MemslotRule.NO_OVERLAP, "EEXIST", () -> memslots.move(1, 0x103000));
    }

    @Test
    void everyEffectiveChangeIsOneGeneration() {
        set(1, GPA, 4, HVA, 0);
        memslots.setFlags(1, FLAG_LOG_DIRTY_PAGES);
        memslots.move(1, 2 * GPA);
        memslots.delete(1);
        assertThat(memslots.generation()).isEqualTo(4);
    }

    @Test
    void loggingStartsEmptyAndAMoveKeepsTheLog() {
        set(1, GPA, 8, HVA, FLAG_LOG_DIRTY_PAGES);
        memslots.table().byId(1).markDirty(0x102);
        memslots.move(1, 2 * GPA);
        assertThat(harvest(1)).containsExactly(2);

        memslots.table().byId(1).markDirty(0x203);
        memslots.setFlags(1, 0);
        assertThat(memslots.harvestDirty(1).status()).isEqualTo(HarvestStatus.NO_LOG);
        memslots.table().byId(1).markDirty(0x204);
        memslots.set(1, FLAG_LOG_DIRTY_PAGES, GPA, 8 * PAGE, HVA);
        assertThat(harvest(1)).isEmpty();
    }

    @Test
    void aDeletedSlotTakesItsLogAlong() {
        set(1, GPA, 8, HVA, FLAG_LOG_DIRTY_PAGES);
        memslots.table().byId(1).markDirty(0x102);
        memslots.delete(1);
        assertThat(memslots.harvestDirty(1).status()).isEqualTo(HarvestStatus.NO_SLOT);
        set(1, GPA, 8, HVA, FLAG_LOG_DIRTY_PAGES);
        assertThat(harvest(1)).isEmpty();
    }

    @Test
    void whereThereIsNoLogThereIsNoHarvest() {
        set(1, GPA, 8, HVA, 0);
        memslots.table().byId(1).markDirty(0x102);
        for (int id : new int[] {1, 7, -1, Integer.MAX_VALUE}) {
            assertThat(memslots.harvestDirty(id).status())
                    .isEqualTo(id == 1 ? HarvestStatus.NO_LOG : HarvestStatus.NO_SLOT);
            assertThat(memslots.harvestDirty(id).harvest().count()).isZero();
        }
        assertThat(memslots.harvestDirtyOutsideRings(1).status()).isEqualTo(HarvestStatus.OTHER_MODE);
    }

    private long[] harvest(int id) {
        Memslots.HarvestResult result = memslots.harvestDirty(id);
        assertThat(result.status()).isEqualTo(HarvestStatus.OK);
        return result.harvest().pages();
    }

    @Test
    void aTimeoutIsNeitherNegativeNorWithoutEnd() {
        for (Duration timeout : List.of(Duration.ofNanos(-1), Duration.ofSeconds(Long.MAX_VALUE))) {
            assertThatThrownBy(() -> new Memslots(Memslots.DirtyMode.BITMAP, timeout))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("timeout=");
        }
        Memslots patient = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofNanos(1L << 62));
        assertThat(patient.set(1, 0, 0, 0x1000, 0)).isEqualTo(Change.DONE);
    }
}
