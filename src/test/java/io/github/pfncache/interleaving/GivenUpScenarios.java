package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.scenario.Guest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A cache was translated to a slot or a bank of memory that was refused. */
public final class GivenUpScenarios {

    private static final long BANK = Guest.HVA + 0x10_0000;

    /** A guest address without a slot. */
    static final long ELSEWHERE = 0x80000;

    private GivenUpScenarios() {}

    /** A slot is moved to where a cache points, and back because of an access: nobody is served by it any more. */
    public static void lateAccessAgainstMoveThatIsTakenBack(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache held = guest.cacheOf(0);
        GfnPfnCache late = lateCache(guest);
        boolean[] open = new boolean[1];
        Memslots.Change[] change = new Memslots.Change[1];
        moveWhileHeld(stage, guest, held, open, change);
        stage.thread("late", () -> {
            stage.waitUntil("open", () -> open[0]);
            try (GuestAccess access = late.access()) {
                assertThat(access.outcome()).as("outcome").isIn(Outcome.OK, Outcome.FAULT);
                stage.waitUntil("move given up", () -> change[0] != null);
            }
        });
        stage.afterwards(() -> {
            assertThat(change[0]).isEqualTo(Memslots.Change.BUSY);
            assertThat(Guest.read(late)).as("value where no slot is").isNull();
            assertThat(late.loadLong(0, 9)).as("value where no slot is").isEqualTo(9);
            assertThat(Guest.read(held)).as("value").isEqualTo(1);
            guest.atRest();
        });
    }

    /** One thread holds an access until another has given up moving its slot. */
    static void moveWhileHeld(
            ScenarioRun stage, Guest guest, GfnPfnCache held, boolean[] open, Memslots.Change[] change) {
        stage.thread("hold", () -> {
            try (GuestAccess access = held.access()) {
                open[0] = true;
                stage.waitUntil("move given up", () -> change[0] != null);
                assertThat(access.getLong(0)).as("value in use").isEqualTo(1);
            }
        });
        stage.thread("move", () -> {
            stage.waitUntil("open", () -> open[0]);
            change[0] = guest.vm.memslots().move(Guest.SLOT, ELSEWHERE);
        });
    }

    /** A cache that points where page 1 would be, were the slot moved. */
    static GfnPfnCache lateCache(Guest guest) {
        GfnPfnCache late = guest.vm.newCache(8);
        assertThat(late.activate(ELSEWHERE + 0x1000)).as("activation").isEqualTo(Outcome.FAULT);
        return late;
    }

    /** The refused bank is thrown away while the cache is translated again: a store is in the log of the slot. */
    public static void invalidationOfTheRefusedBankAgainstRefresh(ScenarioRun stage) throws Exception {
        Guest guest = Guest.logging();
        Memslots slots = guest.vm.memslots();
        guest.host.mapAnonymous(BANK, Guest.PAGES, Protection.READ_WRITE);
        GfnPfnCache cache = guest.cacheOf(0);
        refuse(slots, cache);
        stage.thread("discard", () -> assertThat(guest.host.discard(BANK, 1)).isEqualTo(HostResult.OK));
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            assertThat(cache.loadLong(0, 9)).as("value").isEqualTo(7);
            slots.harvestDirty(Guest.SLOT);
            assertThat(cache.storeLong(0, 8)).isEqualTo(Outcome.OK);
            assertThat(slots.harvestDirty(Guest.SLOT).harvest().pages()).as("pages in the log").containsExactly(0);
            guest.atRest();
        });
    }

    /** A switch to the other bank that a reader of the table holds up too long; the cache goes along with it. */
    private static void refuse(Memslots slots, GfnPfnCache cache) throws Exception {
        ExecutorService others = Executors.newCachedThreadPool();
        CountDownLatch reading = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Future<?> reader = others.submit(() -> {
            int token = slots.enterRead();
            reading.countDown();
            end.await();
            slots.exitRead(token);
            return null;
        });
        reading.await();
        List<Outcome> refreshed = new ArrayList<>();
        Future<Memslots.Change> change = others.submit(() -> OnLooker.withoutPatience(
                () -> slots.replace(Guest.SLOT, BANK),
                point -> {
                    if (point.equals("memslot table published") && refreshed.isEmpty()) {
                        refreshed.add(CompletableFuture.supplyAsync(cache::refresh, others).join());
                    }
                }));
        assertThat(change.get()).isEqualTo(Memslots.Change.BUSY);
        assertThat(refreshed).containsExactly(Outcome.OK);
        end.countDown();
        reader.get();
        others.shutdown();
    }
}
