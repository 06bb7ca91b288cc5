package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.scenario.Guest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;

/** A vCPU that loads and stores through its TLB, while pages move under it and slots change. */
public final class TlbScenarios {

    /** Eight bytes at the end of page 0 and the start of page 1, four in each. */
    private static final long ACROSS = Guest.gpa(1) - 4;

    private TlbScenarios() {}

    /** What a load that finds no memory answers; no page starts with it. */
    private static final long NOTHING = -99;

    /** Counts what was asked for in vain. */
    private static final class Traps implements GuestTlb.Unbacked {

        private final AtomicInteger stores = new AtomicInteger();

        @Override
        public long load(long gpa, int width, Outcome why) {
            assertThat(why).as("why there is nothing at %s", Pages.hex(gpa)).isEqualTo(Outcome.FAULT);
            return NOTHING;
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            assertThat(why).as("why there is nothing at %s", Pages.hex(gpa)).isEqualTo(Outcome.FAULT);
            stores.incrementAndGet();
        }
    }

    private static long peekAcross(Guest guest) {
        byte[] bytes = new byte[8];
        guest.host.peek(Guest.hva(1) - 4, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    /** A hit whose page moves: the value read is the one stored, and the store is where it belongs. */
    public static void hitsAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, new Traps());
        tlb.storeLong(Guest.gpa(0), 1);
        tlb.deactivate(); // the scenario's thread is its next owner
        stage.thread("vcpu", () -> {
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded").isEqualTo(1);
            tlb.storeLong(Guest.gpa(0), 5);
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded after the store").isEqualTo(5);
        });
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.hva(0));
            guest.host.migrate(Guest.hva(0));
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(5);
            assertThat(guest.harvest()).as("dirty").containsExactly(0);
            guest.atRest();
        });
    }

    /** The same in guest mode: nothing is checked, and the page stays until the poll. */
    public static void hitsInsideAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, new Traps());
        tlb.storeLong(Guest.gpa(0), 1);
        tlb.handOver();
        stage.thread("vcpu", () -> {
            tlb.enter();
            for (long value = 1; value < 4; value++) { // three
                assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded").isEqualTo(value);
                stage.reached("about to store");
                tlb.storeLong(Guest.gpa(0), value + 1);
                stage.reached("stored");
                assertThat(guest.peek(0)).as("store as the memory shows it").isEqualTo(value + 1);
                tlb.poll();
            }
            tlb.leave();
        });
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.hva(0));
            guest.host.migrate(Guest.hva(0));
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(4);
            assertThat(guest.harvest()).as("dirty").containsExactly(0);
            guest.atRest();
        });
    }

    /** A miss whose page moves while the entry is tagged, and the hit that follows. */
    public static void missAndHitAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, new Traps());
        stage.thread("vcpu", () -> {
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded").isEqualTo(1);
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded again").isEqualTo(1);
        });
        stage.thread("migrate", () -> guest.host.migrate(Guest.hva(0)));
        stage.afterwards(guest::atRest);
    }

    /** Two pages take turns in one entry while both go and come back. */
    public static void pagesOfOneEntryAgainstEviction(ScenarioRun stage) {
        Guest guest = Guest.touched();
        int other = GuestTlb.MIN_ENTRIES;
        guest.host.mapAnonymous(Guest.hva(other), 1, Protection.READ_WRITE);
        guest.vm.memslots().set(Guest.SLOT + 1, 0, Guest.gpa(other), Pages.PAGE_SIZE, Guest.hva(other));
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, new Traps());
        stage.thread("vcpu", () -> {
            tlb.storeLong(Guest.gpa(0), 5);
            tlb.storeLong(Guest.gpa(other), 7);
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded").isEqualTo(5);
            assertThat(tlb.misses()).as("holds").isBetween(2L, 4L);
        });
        stage.thread("evict", () -> guest.host.evict(Guest.HVA, other + 1));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("page 0 at rest").isEqualTo(5);
            assertThat(guest.peek(other)).as("page %s at rest", other).isEqualTo(7);
            guest.atRest();
        });
    }

    /** An access across two pages that both move. */
    public static void crossingAgainstMigrationOfBothPages(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, new Traps());
        stage.thread("vcpu", () -> {
            tlb.storeLong(ACROSS, 0x5_0000_0006L);
            assertThat(tlb.loadLong(ACROSS)).as("loaded").isEqualTo(0x5_0000_0006L);
        });
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.hva(1));
            guest.host.migrate(Guest.hva(0));
        });
        stage.afterwards(() -> {
            assertThat(peekAcross(guest)).as("value at rest").isEqualTo(0x5_0000_0006L);
            assertThat(guest.harvest()).as("dirty").containsExactly(0, 1);
            guest.atRest();
        });
    }

    /** The second page goes away for good: the store is in both pages before, or in none. */
    public static void crossingStoreAgainstUnmapOfTheSecondPage(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Traps traps = new Traps();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, traps);
        stage.thread("vcpu", () -> tlb.storeLong(ACROSS, 0x5_0000_0006L));
        stage.thread("unmap", () -> guest.host.unmap(Guest.hva(1), 1));
        stage.afterwards(() -> {
            byte[] tail = new byte[4];
            guest.host.peek(Guest.hva(1) - 4, tail);
            assertThat(tail[0]).as("in the first page at rest").isEqualTo((byte) (traps.stores.get() == 1 ? 0 : 6));
            guest.atRest();
        });
    }

    /** The slot goes away: afterwards no store reaches its memory. */
    public static void storeAgainstSlotDeletion(ScenarioRun stage) {
        Guest guest = Guest.touched();
        Traps traps = new Traps();
        GuestTlb tlb = guest.vm.newTlb(GuestTlb.MIN_ENTRIES, traps);
        boolean[] deleted = new boolean[1];
        long[] found = new long[2];
        stage.thread("vcpu", () -> {
            assertThat(tlb.loadLong(Guest.gpa(0))).as("loaded").isIn(1L, NOTHING);
            boolean before = deleted[0];
            tlb.storeLong(Guest.gpa(0), 5);
            assertThat(before && traps.stores.get() == 0).as("stored into what was deleted").isFalse();
        });
        stage.thread("delete", () -> {
            assertThat(guest.vm.memslots().delete(Guest.SLOT)).isEqualTo(Memslots.Change.DONE);
            deleted[0] = true;
            found[0] = guest.peek(0);
            stage.reached("looked");
            found[1] = guest.peek(0);
            assertThat(found[1]).as("memory of a deleted slot").isEqualTo(found[0]);
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(traps.stores.get() == 1 ? 1 : 5);
            guest.atRest();
        });
    }
}
