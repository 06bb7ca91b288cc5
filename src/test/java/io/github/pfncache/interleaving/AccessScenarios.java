package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.scenario.Guest;

/** What an access that is under way may count on. Freed frames are poisoned, so a stale one shows in the value. */
public final class AccessScenarios {

    private AccessScenarios() {}

    /** As long as the access is held, the page stays where it is. */
    public static void heldAccessAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("hold", () -> {
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).as("outcome").isEqualTo(Outcome.OK);
                stage.reached("in use");
                assertThat(access.getLong(0)).as("value in use").isEqualTo(1);
                access.putLong(0, 5);
            }
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(5);
            guest.atRest();
        });
    }

    /** A write is never lost to an eviction and what faults the page back. */
    public static void writeAgainstEviction(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("evict", () -> guest.host.evict(Guest.HVA, 1));
        stage.thread("write", () -> assertThat(Guest.write(cache, 7)).as("written").isTrue());
        stage.thread("process", () -> guest.host.populateWrite(Guest.HVA, 1));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7);
            guest.atRest();
        });
    }

    /** An eviction that may not block does not wait for an access, however long that takes. */
    public static void accessOutlastsNonBlockingEviction(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        HostResult[] result = new HostResult[1];
        boolean[] open = new boolean[1];
        stage.thread("hold", () -> {
            try (GuestAccess access = cache.access()) {
                open[0] = true;
                stage.waitUntil("evicted or refused", () -> result[0] != null);
                assertThat(access.getLong(0)).as("value in use").isEqualTo(1);
            }
        });
        stage.thread("evict", () -> {
            stage.waitUntil("open", () -> open[0]);
            result[0] = guest.host.tryEvict(Guest.HVA, 1);
            assertThat(result[0]).as("eviction").isEqualTo(HostResult.BUSY);
        });
        stage.afterwards(guest::atRest);
    }

    /** Evictions that may not block are refused half way through the caches of a page, or not; nothing is lost. */
    public static void nonBlockingEvictionAgainstTwoCaches(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache one = guest.cacheOf(0);
        GfnPfnCache other = guest.cacheOf(0);
        stage.thread("evict", () ->
                assertThat(guest.host.tryEvict(Guest.HVA, 1)).as("eviction").isIn(HostResult.OK, HostResult.BUSY));
        stage.thread("write", () -> assertThat(Guest.write(one, 7)).as("written").isTrue());
        stage.thread("read", () -> assertThat(Guest.read(other)).as("value read").isIn(1L, 7L));
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7);
            assertThat(Guest.read(other)).as("value at rest, cached").isEqualTo(7);
            guest.atRest();
        });
    }

    /** Interrupt-like context gets the window or an answer, and never waits. */
    public static void atomicAccessAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("interrupt", () -> HeldLocks.atomically(() -> {
            try (GuestAccess access = cache.tryAccess()) {
                assertThat(access.outcome()).as("outcome").isIn(Outcome.OK, Outcome.BUSY);
                assertThat(access.isUsable() ? access.getLong(0) : 1).as("value read").isEqualTo(1);
            }
        }));
        stage.thread("refresh", () -> assertThat(cache.refresh()).isEqualTo(Outcome.OK));
        stage.afterwards(guest::atRest);
    }

    /** A fork is a snapshot: what is written afterwards does not get into it. */
    public static void writeAgainstFork(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("write", () -> {
            assertThat(Guest.write(cache, 6)).as("written").isTrue();
            assertThat(Guest.write(cache, 7)).as("written again").isTrue();
        });
        stage.thread("fork", () -> {
            HostMemory child = guest.host.fork();
            byte[] first = new byte[8];
            byte[] second = new byte[8];
            child.peek(Guest.HVA, first);
            stage.reached("peeked");
            child.peek(Guest.HVA, second);
            assertThat(second).as("the snapshot").isEqualTo(first);
            child.close();
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isEqualTo(7);
            guest.atRest();
        });
    }

    /** A hole is punched into the file behind the page: afterwards the page is zero, or holds a later write. */
    public static void writeAgainstHolePunch(ScenarioRun stage) {
        Guest guest = Guest.touched();
        HostFile file = guest.host.createFile(2);
        guest.host.mapShared(Guest.HVA, 2, file, 0, Protection.READ_WRITE);
        guest.poke(0, 1);
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] punched = new boolean[1];
        boolean[] writtenAfter = new boolean[1];
        stage.thread("punch", () -> {
            file.punchHole(0, 1);
            punched[0] = true;
        });
        stage.thread("write", () -> {
            writtenAfter[0] = punched[0];
            assertThat(Guest.write(cache, 7)).as("written").isTrue();
        });
        stage.afterwards(() -> {
            assertThat(guest.peek(0)).as("value at rest").isIn(7L, writtenAfter[0] ? 7L : 0L);
            assertThat(Guest.read(cache)).as("value through the cache").isEqualTo(guest.peek(0));
            guest.atRest();
        });
    }
}
