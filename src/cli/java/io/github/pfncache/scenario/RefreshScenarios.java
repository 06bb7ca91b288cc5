package io.github.pfncache.scenario;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots.Change;

/** Refresh, activation and deactivation against what the host does to the page, and against each other. */
public final class RefreshScenarios {

    private RefreshScenarios() {}

    /** The page moves while it is read. */
    public static void accessAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isEqualTo(1));
        guest.endsWith(stage, cache, 1);
    }

    /** The page moves while the cache is first pointed at it. */
    public static void activationAgainstMigration(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(8);
        stage.thread("activate", () -> {
            Expect.that(cache.activate(Guest.GPA)).as("activation").isEqualTo(Outcome.OK);
            Expect.that(Guest.read(cache)).as("value read").isEqualTo(1);
        });
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        guest.endsWith(stage, cache, 1);
    }

    /** The page goes for good. */
    public static void accessAgainstUnmap(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] unmapped = new boolean[1];
        stage.thread("unmap", () -> {
            guest.host.unmap(Guest.HVA, 1);
            unmapped[0] = true;
        });
        stage.thread("access", () -> {
            boolean before = unmapped[0];
            Expect.that(Guest.read(cache)).as("value read").isIn(before ? null : 1L, null);
        });
        stage.afterwards(() -> {
            Expect.that(cache.refresh()).as("refresh at rest").isEqualTo(Outcome.FAULT);
            guest.atRest();
        });
    }

    /** Another page takes its place. */
    public static void accessAgainstReplacement(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] replaced = new boolean[1];
        stage.thread("replace", () -> {
            guest.host.mapAnonymous(Guest.HVA, 1, Protection.READ_WRITE);
            replaced[0] = true;
        });
        stage.thread("access", () -> {
            boolean before = replaced[0];
            Expect.that(Guest.read(cache)).as("value read").isIn(before ? 0L : 1L, 0L);
        });
        guest.endsWith(stage, cache, 0);
    }

    /** Another page takes its place while the cache is on its way to the old one. */
    public static void refreshAgainstReplacement(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.migrate(Guest.HVA);
        stage.thread("replace", () -> guest.host.mapAnonymous(Guest.HVA, 1, Protection.READ_WRITE));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, 0L));
        guest.endsWith(stage, cache, 0);
    }

    /** Two overlapping invalidations come and go while the cache is refreshed. */
    public static void accessAgainstTwoInvalidations(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("protect", () -> guest.host.writeProtect(Guest.HVA, 2, false));
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isEqualTo(1));
        guest.endsWith(stage, cache, 1);
    }

    /**
     * A thread that refreshes the very page it is invalidating is told BUSY, also when another thread's refresh waits
     * for that invalidation with the cache to itself.
     */
    public static void refreshInsideItsOwnInvalidation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                Expect.that(cache.refresh()).as("refresh inside").isEqualTo(Outcome.BUSY);
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                // Not closed, on purpose: an access that is not usable holds no lock.
                Expect.that(cache.tryAccess().isUsable()).as("usable inside").isFalse();
            }
        });
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, null));
        guest.endsWith(stage, cache, 1);
    }

    /** Two users find the cache invalid at once, and the page moves again. */
    public static void refreshAgainstRefresh(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.migrate(Guest.HVA);
        for (String name : new String[] {"first", "second"}) {
            stage.thread(name, () -> Expect.that(Guest.read(cache)).as("value read").isEqualTo(1));
        }
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.afterwards(guest::atRest);
    }

    /** A user reads while the cache is pointed at another page. */
    public static void accessAgainstRepoint(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("re-point", () -> Expect.that(cache.activate(Guest.gpa(1))).isEqualTo(Outcome.OK));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, 2L));
        guest.endsWith(stage, cache, 2);
    }

    /** Two threads point the cache at two pages. */
    public static void repointAgainstRepoint(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("to page 1", () -> Expect.that(cache.activate(Guest.gpa(1))).isEqualTo(Outcome.OK));
        stage.thread("to page 2", () -> Expect.that(cache.activate(Guest.gpa(2))).isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            guest.atRest();
            Expect.that(Guest.read(cache)).as("value at rest").isIn(2L, 3L);
        });
    }

    /** The cache goes out of use while it is refreshed. */
    public static void deactivationAgainstRefresh(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.migrate(Guest.HVA);
        stage.thread("refresh", () -> Expect.that(cache.refresh()).isIn(Outcome.OK, Outcome.INACTIVE));
        stage.thread("deactivate", () -> Expect.that(cache.deactivate()).isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            Expect.that(cache.state().active()).as("active at rest").isFalse();
            Expect.that(guest.vm.caches().activeCaches()).as("listed at rest").isEmpty();
            guest.atRest();
        });
    }

    /** The cache goes out of use while its page moves, and somebody still tries to read. */
    public static void deactivationAgainstMigrationAndAccess(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("deactivate", () -> Expect.that(cache.deactivate()).isEqualTo(Outcome.OK));
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("access", () -> {
            try (GuestAccess access = cache.tryAccess()) {
                if (access.isUsable()) {
                    Expect.that(access.getLong(0)).as("value read").isEqualTo(1);
                }
            }
        });
        stage.afterwards(guest::atRest);
    }

    /** The cache goes out of use and comes back while its page moves; the last call decides. */
    public static void activationAgainstDeactivation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("deactivate", () -> Expect.that(cache.deactivate()).isEqualTo(Outcome.OK));
        stage.thread("activate", () -> Expect.that(cache.activate(Guest.gpa(1))).isEqualTo(Outcome.OK));
        stage.thread("migrate", () -> guest.host.migrate(Guest.hva(1)));
        stage.afterwards(() -> {
            boolean active = cache.state().active();
            Expect.that(guest.vm.caches().activeCaches().contains(cache)).as("listed at rest").isEqualTo(active);
            Expect.that(Guest.read(cache)).as("value at rest").isEqualTo(active ? 2L : null);
            guest.atRest();
        });
    }

    /** By hva: the page moves and the slot that happens to lead there goes, both without consequence. */
    public static void accessByHvaAgainstMigrationAndDelete(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(8);
        Expect.that(cache.activateHva(Guest.HVA)).isEqualTo(Outcome.OK);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("delete", () -> Expect.that(guest.vm.memslots().delete(Guest.SLOT)).isEqualTo(Change.DONE));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isEqualTo(1));
        stage.afterwards(guest::atRest);
    }

    /** A thread that sees an active cache finds it listed. */
    public static void activationAgainstLookingAtTheList(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(8);
        stage.thread("activate", () -> Expect.that(cache.activate(Guest.GPA)).isEqualTo(Outcome.OK));
        stage.thread("look", () -> {
            boolean active = cache.state().active();
            boolean listed = guest.vm.caches().activeCaches().contains(cache);
            Expect.that(listed || !active).as("an active cache is listed").isTrue();
        });
        stage.afterwards(guest::atRest);
    }

    /** A reader is inside while the cache is activated again. */
    public static void activationAgainstReader(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        cache.deactivate();
        stage.thread("reader", () -> {
            try (GuestAccess guard = cache.readLock()) {
                boolean usable = guard.check();
                stage.reached("inside");
                Expect.that(guard.check()).as("the answer holds").isEqualTo(usable);
            }
        });
        stage.thread("activate", () -> Expect.that(cache.activate(Guest.GPA)).isEqualTo(Outcome.OK));
        stage.afterwards(guest::atRest);
    }

    /** Two caches of one page, at different offsets, agree on where it is. */
    public static void twoCachesOfOnePage(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache one = guest.cacheOf(0);
        GfnPfnCache other = guest.vm.newCache(16);
        Expect.that(other.activate(Guest.GPA)).isEqualTo(Outcome.OK);
        stage.thread("write", () -> Expect.that(Guest.write(one, 7)).as("written").isTrue());
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("read", () -> Expect.that(Guest.read(other)).as("value read").isIn(1L, 7L));
        stage.afterwards(() -> {
            Expect.that(Guest.read(one)).as("value of one").isEqualTo(7);
            Expect.that(Guest.read(other)).as("value of the other").isEqualTo(7);
            guest.atRest();
        });
    }

    /** The handler of the page's own fault takes the page away again, and another thread faults too. */
    public static void faultHandlerChangesMemory(ScenarioRun stage) {
        Guest guest = Guest.touched();
        guest.host.discard(Guest.HVA, 1);
        int[] calls = new int[1];
        guest.host.registerFaultHandler(
                HvaRange.pageOf(Guest.HVA),
                fault -> {
                    fault.page().putLong(0, 1);
                    if (calls[0]++ == 0) {
                        Expect.that(guest.host.discard(Guest.HVA, 1)).isEqualTo(HostResult.OK);
                        Expect.that(guest.host.migrate(Guest.hva(1))).isEqualTo(HostResult.OK);
                    }
                    return PageFaultHandler.Decision.RESOLVE;
                },
                true,
                false);
        GfnPfnCache cache = guest.vm.newCache(8);
        GfnPfnCache neighbour = guest.cacheOf(1);
        stage.thread("activate", () -> {
            Expect.that(cache.activate(Guest.GPA)).as("activation").isEqualTo(Outcome.OK);
            Expect.that(Guest.read(cache)).as("value read").isEqualTo(1);
        });
        stage.thread("neighbour", () -> Expect.that(Guest.read(neighbour)).as("neighbour").isEqualTo(2));
        stage.afterwards(guest::atRest);
    }
}
