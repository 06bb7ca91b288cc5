package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.rules.TrackedRwLock;
import io.github.pfncache.scenario.Guest;
import java.util.Arrays;

/** One load or one store, against what takes its page away. Freed frames are poisoned, so a stale one shows. */
public final class FastPathScenarios {

    private static final long NOTHING = -1;

    private FastPathScenarios() {}

    /** The lock by itself: a writer is alone. */
    public static void readersAgainstWriter(ScenarioRun stage) {
        TrackedRwLock lock = new OpenLock().lock;
        int[] guarded = new int[2];
        stage.thread("write", () -> {
            lock.writeLock();
            guarded[0]++;
            stage.reached("half written");
            guarded[1]++;
            lock.writeUnlock();
        });
        stage.thread("read", () -> {
            int hold = lock.readLock();
            int first = guarded[0];
            stage.reached("half read");
            assertThat(guarded[1]).as("the other half").isEqualTo(first);
            lock.readUnlock(hold);
        });
        stage.thread("try", () -> {
            int hold = lock.tryReadLock();
            if (hold != TrackedRwLock.NOT_TAKEN) {
                assertThat(guarded[0]).as("one half").isEqualTo(guarded[1]);
                lock.readUnlock(hold);
            }
        });
    }

    /** A load takes no lock, and still never returns what is in a page that was given away. */
    public static void loadAgainstMigrations(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.HVA);
            guest.host.migrate(Guest.HVA);
        });
        stage.thread("load", () -> assertThat(cache.loadLong(0, NOTHING)).as("value loaded").isEqualTo(1));
        stage.afterwards(guest::atRest);
    }

    /** The parts of a translation never come from two: what is loaded is of the old window or of the new one. */
    public static void loadAgainstRepoint(ScenarioRun stage) {
        Guest guest = Guest.touched();
        guest.poke(0, 1, 99);
        guest.poke(1, 98, 2);
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("repoint", () ->
                assertThat(cache.activate(Guest.gpa(1) + 8)).as("activation").isEqualTo(Outcome.OK));
        stage.thread("load", () -> assertThat(cache.loadLong(0, NOTHING)).as("value loaded").isIn(1L, 2L));
        stage.afterwards(() -> {
            assertThat(cache.loadLong(0, NOTHING)).as("value at the new place").isEqualTo(2);
            guest.atRest();
        });
    }

    /** A load and a store find a cache that is taken out of use. */
    public static void oneShotsAgainstDeactivation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        Outcome[] stored = new Outcome[1];
        stage.thread("deactivate", () -> assertThat(cache.deactivate()).isEqualTo(Outcome.OK));
        stage.thread("load", () -> assertThat(cache.loadLong(0, NOTHING)).as("loaded").isIn(1L, 7L, NOTHING));
        stage.thread("store", () -> stored[0] = cache.storeLong(0, 7));
        stage.afterwards(() -> {
            assertThat(stored[0]).as("store").isIn(Outcome.OK, Outcome.INACTIVE);
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(stored[0] == Outcome.OK ? 7 : 1);
            guest.atRest();
        });
    }

    /** A store never lands in a page that was given away. */
    public static void storeAgainstMigrations(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.HVA);
            guest.host.migrate(Guest.HVA);
        });
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7);
            guest.atRest();
        });
    }

    /** Two threads store through one cache, and the page moves. */
    public static void twoStoresAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("low", () -> assertThat(cache.storeInt(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.thread("high", () -> assertThat(cache.storeInt(4, 7)).as("store").isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7L << 32 | 7);
            guest.atRest();
        });
    }

    /** An eviction that may not block does not wait for a store, and the store is not lost. */
    public static void storeAgainstNonBlockingEviction(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("evict", () ->
                assertThat(guest.host.tryEvict(Guest.HVA, 1)).as("eviction").isIn(HostResult.OK, HostResult.BUSY));
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.thread("load", () -> assertThat(cache.loadLong(0, NOTHING)).as("value loaded").isIn(1L, 7L));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7);
            guest.atRest();
        });
    }

    /** A deleted slot is not stored to, and not loaded from after other use was made of its memory. */
    public static void oneShotsAgainstDelete(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] reused = new boolean[1];
        stage.thread("delete", () -> {
            assertThat(guest.vm.memslots().delete(Guest.SLOT)).as("deletion").isEqualTo(Change.DONE);
            guest.poke(0, 99);
            reused[0] = true;
        });
        stage.thread("load", () -> assertThat(cache.loadLong(0, NOTHING)).as("loaded").isIn(1L, 7L, NOTHING));
        stage.thread("store", () -> {
            boolean late = reused[0];
            assertThat(cache.storeLong(0, 7)).as("store").isIn(late ? Outcome.FAULT : Outcome.OK, Outcome.FAULT);
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("memory of a deleted slot").isEqualTo(99);
            guest.atRest();
        });
    }

    /** The page is in the log already, so a store does not mark it: the harvest that takes it away has its data. */
    public static void storeAgainstHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        assertThat(cache.storeLong(0, 6)).isEqualTo(Outcome.OK);
        long[] copied = new long[1];
        stage.thread("harvest", () -> {
            assertThat(guest.harvest()).as("pages marked").containsExactly(0);
            copied[0] = guest.peek(0);
        });
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            boolean marked = Arrays.equals(guest.harvest(), new long[] {0});
            assertThat(marked || copied[0] == 7).as("the last value is copied, or its page is marked").isTrue();
            guest.atRest();
        });
    }
}
