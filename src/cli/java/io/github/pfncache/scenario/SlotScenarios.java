package io.github.pfncache.scenario;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import java.util.Arrays;
import java.util.stream.LongStream;

/** Changes of the memory map, and the dirty log, against those who use guest memory. */
public final class SlotScenarios {

    private static final byte[] SEVEN = {7, 0, 0, 0, 0, 0, 0, 0};

    private SlotScenarios() {}

    /** Deletes the slot, and sees that nothing is written to its memory afterwards. */
    private static void deleteThread(ScenarioRun stage, Guest guest) {
        long[] seen = new long[1];
        boolean[] deleted = new boolean[1];
        stage.thread("delete", () -> {
            deleted[0] = guest.vm.memslots().delete(Guest.SLOT) == Change.DONE;
            seen[0] = guest.peek(0);
        });
        stage.afterwards(() -> {
            Expect.that(deleted[0]).as("deleted").isTrue();
            Expect.that(guest.peek(0)).as("memory of a deleted slot").isEqualTo(seen[0]);
        });
    }

    /** A deleted slot is not written through a cache. */
    public static void deleteAgainstCachedWrite(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        deleteThread(stage, guest);
        stage.thread("write", () -> Guest.write(cache, 7));
        guest.endsWith(stage, cache, (Object) null);
    }

    /** A deleted slot is not written by those who translate afresh. */
    public static void deleteAgainstUncachedWrite(ScenarioRun stage) {
        Guest guest = Guest.touched();
        deleteThread(stage, guest);
        stage.thread("write", () -> guest.vm.guestMemory().write(Guest.GPA, SEVEN));
        stage.afterwards(guest::atRest);
    }

    /** A deleted slot is not cached by an activation that was under way. */
    public static void deleteAgainstActivation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(8);
        deleteThread(stage, guest);
        stage.thread("activate", () -> {
            Expect.that(cache.activate(Guest.GPA)).as("activation").isIn(Outcome.OK, Outcome.FAULT);
            Guest.write(cache, 7);
        });
        stage.afterwards(guest::atRest);
    }

    /** The slot is deleted while its page moves: a start and its end see one table, and neither waits for ever. */
    public static void deleteAgainstMigrationAndAccess(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        deleteThread(stage, guest);
        stage.thread("migrate", () -> guest.host.migrate(Guest.HVA));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, null));
        stage.afterwards(guest::atRest);
    }

    /** The slot moves to another place in the guest. */
    public static void moveAgainstAccess(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] moved = new boolean[1];
        stage.thread("move", () -> {
            Expect.that(guest.vm.memslots().move(Guest.SLOT, 0x90000)).isEqualTo(Change.DONE);
            moved[0] = true;
        });
        stage.thread("access", () -> {
            boolean before = moved[0];
            Expect.that(Guest.read(cache)).as("value read").isIn(before ? null : 1L, null);
        });
        stage.afterwards(() -> {
            Expect.that(cache.activate(0x90000)).as("activation at the new place").isEqualTo(Outcome.OK);
            Expect.that(Guest.read(cache)).as("value at the new place").isEqualTo(1);
            guest.atRest();
        });
    }

    /** Other memory takes the slot's place while the cache is refreshed, and the old page moves. */
    public static void replacementAgainstRefresh(ScenarioRun stage) {
        Guest guest = Guest.touched();
        long other = Guest.HVA + 0x100000;
        guest.host.mapAnonymous(other, 1, Protection.READ_WRITE);
        guest.host.poke(other, SEVEN);
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.migrate(Guest.HVA);
        stage.thread("replace", () -> {
            Expect.that(guest.vm.memslots().delete(Guest.SLOT)).isEqualTo(Change.DONE);
            Expect.that(guest.vm.memslots().set(Guest.SLOT, 0, Guest.GPA, 4096, other)).isEqualTo(Change.DONE);
        });
        stage.thread("refresh", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, 7L, null));
        guest.endsWith(stage, cache, 7);
    }

    /** A harvest takes the mark or leaves it, and whoever reads after it sees what it does not report later. */
    public static void harvestAgainstWrite(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        long[] seen = new long[1];
        stage.thread("harvest", () -> {
            guest.harvest();
            seen[0] = guest.peek(0);
        });
        stage.thread("write", () -> {
            try (GuestAccess access = cache.access()) {
                stage.reached("access open");
                access.putLong(0, 7);
                stage.reached("access written");
            }
        });
        stage.afterwards(() -> {
            boolean reported = LongStream.of(guest.harvest()).anyMatch(page -> page == 0);
            Expect.that(reported || seen[0] == 7).as("a page written is reported").isTrue();
            guest.atRest();
        });
    }

    /** The pages changed are the pages marked, also when the cache is pointed elsewhere in the middle. */
    public static void repointAgainstLoggedWrite(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("re-point", () -> Expect.that(cache.activate(Guest.gpa(1))).isEqualTo(Outcome.OK));
        stage.thread("write", () -> Expect.that(Guest.write(cache, 9)).as("written").isTrue());
        stage.afterwards(() -> {
            long[] changed = LongStream.range(0, Guest.PAGES).filter(p -> guest.peek((int) p) == 9).toArray();
            Expect.that(Arrays.toString(guest.harvest())).as("pages marked").isEqualTo(Arrays.toString(changed));
            guest.atRest();
        });
    }

    /** Logging goes on while somebody writes: what is written after that is marked. */
    public static void loggingStartsAgainstWrite(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        boolean[] on = new boolean[1];
        boolean[] writtenAfter = new boolean[1];
        stage.thread("log", () -> {
            Expect.that(guest.vm.memslots().setFlags(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES))
                    .isEqualTo(Change.DONE);
            on[0] = true;
        });
        stage.thread("write", () -> {
            writtenAfter[0] = on[0];
            Expect.that(Guest.write(cache, 7)).as("written").isTrue();
        });
        stage.afterwards(() -> {
            Expect.that(guest.harvest().length).as("pages marked").isAtLeast(writtenAfter[0] ? 1 : 0);
            guest.atRest();
        });
    }

    /** Two changes of one slot exclude each other, whoever comes first. */
    public static void changeAgainstChange(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        long before = guest.vm.memslots().generation();
        stage.thread("move", () -> guest.vm.memslots().move(Guest.SLOT, 0x90000));
        stage.thread("log", () -> guest.vm.memslots().setFlags(Guest.SLOT, Memslot.FLAG_LOG_DIRTY_PAGES));
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read").isIn(1L, null));
        stage.afterwards(() -> {
            Memslot slot = guest.vm.memslots().table().byId(Guest.SLOT);
            Expect.that(slot.baseGfn()).as("moved").isEqualTo(0x90);
            Expect.that(slot.logsDirtyPages()).as("logging").isTrue();
            Expect.that(guest.vm.memslots().generation()).as("generation").isEqualTo(before + 2);
            guest.atRest();
        });
    }

    /** However often the slots change, two attempts are enough for an access: it does not chase generations. */
    public static void streamOfChangesAgainstAccess(ScenarioRun stage) {
        Guest guest = Guest.touched(2);
        GfnPfnCache cache = guest.cacheOf(0);
        int[] changes = new int[1];
        stage.thread("change", () -> {
            for (int i = 0; i < 5; i++) {
                int flags = i % 2 == 0 ? Memslot.FLAG_LOG_DIRTY_PAGES : 0;
                changes[0] += guest.vm.memslots().setFlags(Guest.SLOT, flags) == Change.DONE ? 1 : 0;
            }
        });
        stage.thread("access", () -> Expect.that(Guest.read(cache)).as("value read in two attempts").isEqualTo(1L));
        stage.afterwards(() -> {
            Expect.that(changes[0]).as("changes").isEqualTo(5);
            guest.atRest();
        });
    }
}
