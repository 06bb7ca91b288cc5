package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.scenario.Guest;

/** Areas that cross a page boundary: eight bytes at the end of one page, eight at the start of the next. */
public final class AreaScenarios {

    private static final int LENGTH = 16;

    private AreaScenarios() {}

    private static GuestArea across(Guest guest, int firstPage) {
        GuestArea area = guest.vm.newArea();
        assertThat(area.activate(Guest.gpa(firstPage + 1) - 8, LENGTH)).as("activation").isEqualTo(Outcome.OK);
        return area;
    }

    /** Both halves as one number; null if the access was refused. */
    private static Long sum(GuestArea area) {
        try (AreaAccess access = area.access()) {
            return access.isUsable() ? 100 * access.getLong(0) + access.getLong(8) : null;
        }
    }

    /** Both pages move, one after the other, while the area is read: after a refresh of one, both are checked again. */
    public static void accessAgainstMigrationOfBothPages(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestArea area = across(guest, 0);
        stage.thread("migrate", () -> {
            guest.host.migrate(Guest.hva(1));
            guest.host.migrate(Guest.hva(0));
        });
        stage.thread("access", () -> assertThat(sum(area)).as("both halves").isEqualTo(2));
        stage.afterwards(() -> {
            assertThat(sum(area)).as("both halves at rest").isEqualTo(2);
            guest.atRest();
        });
    }

    /** The area is pointed elsewhere while it is read: both halves are of one place. */
    public static void readAcrossAgainstRepoint(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestArea area = across(guest, 0);
        write(area, 1, 2);
        GuestArea other = across(guest, 2);
        write(other, 3, 4);
        assertThat(other.deactivate()).isEqualTo(Outcome.OK);
        stage.thread("re-point", () ->
                assertThat(area.activate(Guest.gpa(3) - 8, LENGTH)).as("activation").isEqualTo(Outcome.OK));
        stage.thread("access", () -> assertThat(sum(area)).as("both halves").isIn(102L, 304L));
        stage.afterwards(() -> {
            assertThat(sum(area)).as("both halves at rest").isEqualTo(304);
            guest.atRest();
        });
    }

    private static void write(GuestArea area, long first, long second) {
        try (AreaAccess access = area.access()) {
            access.putLong(0, first);
            access.putLong(8, second);
        }
    }

    /** The area moves by four bytes while it is written: once it has moved, nothing is written where it was. */
    public static void writeAgainstRepointInThePages(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestArea area = across(guest, 0);
        byte[] others = {1, 2, 3, 4};
        stage.thread("re-point", () -> {
            assertThat(area.activate(Guest.gpa(1) - 4, LENGTH)).as("activation").isEqualTo(Outcome.OK);
            guest.host.poke(Guest.hva(1) - 8, others);
        });
        stage.thread("access", () -> write(area, -1, -1));
        stage.afterwards(() -> {
            byte[] found = new byte[4];
            guest.host.peek(Guest.hva(1) - 8, found);
            assertThat(found).as("what the area does not have any more").isEqualTo(others);
            guest.atRest();
        });
    }

    /** Two areas that share a page are written at once, and a page moves. */
    public static void overlappingAreas(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestArea lower = across(guest, 0);
        GuestArea upper = across(guest, 1);
        stage.thread("lower", () -> write(lower, 5, 6));
        stage.thread("upper", () -> write(upper, 7, 8));
        stage.thread("migrate", () -> guest.host.migrate(Guest.hva(1)));
        stage.afterwards(() -> {
            assertThat(sum(lower)).as("lower at rest").isEqualTo(506);
            assertThat(sum(upper)).as("upper at rest").isEqualTo(708);
            guest.atRest();
        });
    }

    /** The area goes out of use while it is read and its second page goes away. */
    public static void deactivationAgainstAccessAndUnmap(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GuestArea area = across(guest, 0);
        stage.thread("deactivate", () -> assertThat(area.deactivate()).isEqualTo(Outcome.OK));
        stage.thread("access", () -> assertThat(sum(area)).as("both halves").isIn(2L, null));
        stage.thread("unmap", () -> guest.host.unmap(Guest.hva(1), 1));
        stage.afterwards(() -> {
            assertThat(guest.vm.caches().activeCaches()).as("listed at rest").isEmpty();
            guest.atRest();
        });
    }
}
