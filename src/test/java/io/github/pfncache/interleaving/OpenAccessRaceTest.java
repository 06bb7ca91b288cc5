package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.scenario.Guest;
import org.junit.jupiter.api.Test;

/** Whom an access that stays open holds up: whoever takes its page away, up to his deadline if any; nobody else. */
final class OpenAccessRaceTest {

    private static final int LENGTH = 16;

    /** What is loaded from where no slot is. */
    private static final long NOTHING = -1;

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(3, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void anInvalidationThatWaitsForAnAccessHoldsNobodyElseUp() {
        explore(stage -> {
            Guest guest = Guest.touched();
            GfnPfnCache cache = guest.cacheOf(0);
            GfnPfnCache other = guest.vm.newCache(8);
            boolean[] open = new boolean[1];
            boolean[] done = new boolean[1];
            stage.thread("hold", () -> {
                try (GuestAccess access = cache.access()) {
                    open[0] = true;
                    stage.waitUntil("others done", () -> done[0]);
                    assertThat(access.getLong(0)).as("value in use").isEqualTo(1);
                }
            });
            stage.thread("discard", () -> {
                stage.waitUntil("open", () -> open[0]);
                assertThat(guest.host.discard(Guest.HVA, 1)).isEqualTo(HostResult.OK);
            });
            stage.thread("others", () -> {
                stage.waitUntil("open", () -> open[0]);
                assertThat(other.activate(Guest.gpa(2))).as("activation").isEqualTo(Outcome.OK);
                assertThat(guest.host.discard(Guest.hva(2), 1)).as("discard").isEqualTo(HostResult.OK);
                assertThat(Guest.read(other)).as("value at the other page").isZero();
                assertThat(other.deactivate()).as("deactivation").isEqualTo(Outcome.OK);
                done[0] = true;
            });
            stage.afterwards(() -> {
                assertThat(Guest.read(cache)).as("value at rest").isZero();
                guest.atRest();
            });
        });
    }

    @Test
    void aSlotChangeWaitsForAnAccessUpToItsDeadlineAndIsThenTakenBack() {
        explore(stage -> {
            Guest guest = Guest.touched();
            GfnPfnCache cache = guest.cacheOf(0);
            boolean[] open = new boolean[1];
            Memslots.Change[] change = new Memslots.Change[1];
            stage.thread("hold", () -> {
                try (GuestAccess access = cache.access()) {
                    open[0] = true;
                    stage.waitUntil("deletion given up", () -> change[0] != null);
                    access.putLong(0, 7);
                }
            });
            stage.thread("delete", () -> {
                stage.waitUntil("open", () -> open[0]);
                change[0] = guest.vm.memslots().delete(Guest.SLOT);
            });
            stage.afterwards(() -> {
                assertThat(change[0]).isEqualTo(Memslots.Change.BUSY);
                assertThat(Guest.read(cache)).as("value at rest").isEqualTo(7);
                guest.atRest();
            });
        });
    }

    @Test
    void aSlotThatIsTakenBackIsLeftByEverybodyWhoDoesNotHoldAnAccess() {
        explore(stage -> {
            Guest guest = Guest.touched();
            GfnPfnCache held = guest.cacheOf(0);
            GfnPfnCache late = GivenUpScenarios.lateCache(guest);
            boolean[] open = new boolean[1];
            Memslots.Change[] change = new Memslots.Change[1];
            GivenUpScenarios.moveWhileHeld(stage, guest, held, open, change);
            stage.thread("late", () -> {
                stage.waitUntil("open", () -> open[0]);
                assertThat(late.loadLong(0, NOTHING)).as("value meanwhile").isIn(2L, NOTHING);
            });
            stage.afterwards(() -> {
                assertThat(change[0]).isEqualTo(Memslots.Change.BUSY);
                assertThat(late.loadLong(0, NOTHING)).as("value where no slot is").isEqualTo(NOTHING);
                guest.atRest();
            });
        });
    }

    @Test
    void aSlotComesWhereAnotherWasTakenBackOnlyWhenThatOneIsLeft() {
        explore(stage -> {
            Guest guest = Guest.touched();
            GfnPfnCache held = guest.cacheOf(0);
            GfnPfnCache late = GivenUpScenarios.lateCache(guest);
            boolean[] open = new boolean[1];
            Memslots.Change[] change = new Memslots.Change[1];
            GivenUpScenarios.moveWhileHeld(stage, guest, held, open, change);
            stage.thread("late", () -> {
                stage.waitUntil("open", () -> open[0]);
                try (GuestAccess access = late.access()) {
                    stage.waitUntil("move given up", () -> change[0] != null);
                    assertThat(access.outcome()).as("outcome").isIn(Outcome.OK, Outcome.FAULT);
                }
            });
            stage.afterwards(() -> {
                // Page 2 of the host where the late cache found page 1, if it came in time.
                assertThat(guest.vm.memslots().set(2, 0, GivenUpScenarios.ELSEWHERE + 0x1000, 0x1000, Guest.hva(2)))
                        .isEqualTo(Memslots.Change.DONE);
                assertThat(late.loadLong(0, NOTHING)).as("value in the new slot").isEqualTo(3);
                guest.atRest();
            });
        });
    }

    @Test
    void aSlotThatIsTakenBackServesNobodyAlsoWhereAnAccessIsOpen() {
        explore(GivenUpScenarios::lateAccessAgainstMoveThatIsTakenBack);
    }

    @Test
    void aTriedAccessToAnAreaThatMovesIsNotToldThatItIsInactive() {
        explore(stage -> {
            Guest guest = Guest.touched();
            GuestArea area = guest.vm.newArea();
            assertThat(area.activate(Guest.gpa(1) - 8, LENGTH)).isEqualTo(Outcome.OK);
            stage.thread("move", () -> area.activate(Guest.gpa(3) - 8, LENGTH));
            stage.thread("interrupt", () -> {
                try (AreaAccess access = area.tryAccess()) {
                    assertThat(access.outcome()).as("outcome").isIn(Outcome.OK, Outcome.BUSY);
                }
            });
            stage.afterwards(guest::atRest);
        });
    }
}
