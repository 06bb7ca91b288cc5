package io.github.pfncache.museum;

import static io.github.pfncache.scenario.Guest.GPA;
import static io.github.pfncache.scenario.Guest.HVA;
import static io.github.pfncache.scenario.Guest.SLOT;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheState;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.scenario.Guest;

/** What goes wrong without any race: one thread, one schedule. */
final class SingleThread {

    private SingleThread() {}

    /** A page that moves while it is cached is found at its new place. */
    static void migratedPage(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(0);
            assertThat(guest.host.migrate(HVA)).as("page migrates while cached").isEqualTo(HostResult.OK);
            assertThat(Guest.read(cache)).as("value read").isEqualTo(1);
        });
        stage.afterwards(guest::atRest);
    }

    /** Invalidations that leave the frame where it is, again and again, leave nothing behind. */
    static void sameFrameAgainAndAgain(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(0);
            for (int i = 0; i < 5; i++) {
                guest.host.writeProtect(HVA, 1, false); // told, and the frame stays
                assertThat(Guest.read(cache)).as("value read").isEqualTo(1);
            }
        });
        stage.afterwards(guest::atRest);
    }

    /** A caller's buffer that takes the place and the frame numbers of another is another page all the same. */
    static void anotherBufferOfTheSameNumber(ScenarioRun stage) {
        Guest guest = Guest.touched();
        long hva = Guest.hva(Guest.PAGES);
        byte[] first = new byte[Pages.PAGE_SIZE];
        byte[] second = new byte[Pages.PAGE_SIZE];
        first[0] = 8;
        second[0] = 9;
        stage.thread("user", () -> {
            guest.host.mapBuffer(hva, first, Protection.READ_WRITE);
            GfnPfnCache cache = guest.vm.newCache(8);
            assertThat(cache.activateHva(hva)).as("activation").isEqualTo(Outcome.OK);
            long pfn = cache.state().pfn();
            guest.host.unmap(hva, 1);
            guest.host.mapBuffer(hva, second, Protection.READ_WRITE);
            assertThat(Guest.read(cache)).as("value read").isEqualTo(9);
            assertThat(cache.state().pfn()).as("number of its frame").isEqualTo(pfn);
        });
        stage.afterwards(guest::atRest);
    }

    /** Pointed elsewhere inside its page, a cache accesses the new place and resolves nothing. */
    static void repointInsideThePage(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(0);
            long resolutions = guest.vm.caches().stats().resolutions();
            assertThat(cache.activate(GPA + 0x100)).as("activation").isEqualTo(Outcome.OK);
            assertThat(guest.vm.caches().stats().resolutions() - resolutions).as("needless resolutions").isZero();
            assertThat(Guest.write(cache, 7)).as("written").isTrue();
            assertThat(guest.peek(0)).as("value at the old place").isEqualTo(1);
            byte[] bytes = new byte[1];
            guest.host.peek(HVA + 0x100, bytes);
            assertThat(bytes[0]).as("value at the new place").isEqualTo((byte) 7);
        });
        stage.afterwards(guest::atRest);
    }

    /** Pointed at another page at the same offset, a cache accesses that page. */
    static void repointToAnotherPage(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(0);
            assertThat(cache.activate(Guest.gpa(1))).as("activation").isEqualTo(Outcome.OK);
            assertThat(Guest.read(cache)).as("value read").isEqualTo(2);
        });
        stage.afterwards(guest::atRest);
    }

    /** By hva, a cache accesses the bytes from there on. */
    static void cacheByHva(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            assertThat(cache.activateHva(HVA + 8)).as("activation").isEqualTo(Outcome.OK);
            assertThat(Guest.read(cache)).as("value behind the first").isZero();
        });
        stage.afterwards(guest::atRest);
    }

    /** By hva, a cache does not depend on the memslots. */
    static void slotChangeAndCacheByHva(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            assertThat(cache.activateHva(HVA)).as("activation").isEqualTo(Outcome.OK);
            assertThat(guest.vm.memslots().delete(SLOT)).isEqualTo(Change.DONE);
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).as("access by hva after a slot change").isEqualTo(Outcome.OK);
            }
            assertThat(cache.check()).as("check by hva after a slot change").isTrue();
        });
        stage.afterwards(guest::atRest);
    }

    /** Once deactivated, a cache is not brought back by a refresh. */
    static void refreshAfterDeactivation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(0);
            cache.deactivate();
            assertThat(cache.refresh()).as("refresh of an inactive cache").isEqualTo(Outcome.INACTIVE);
        });
        stage.afterwards(guest::atRest);
    }

    /** A call that ends early lets the next one, of another thread, have the cache. */
    static void callAfterAnEarlyReturn(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.vm.newCache(8);
        boolean[] returned = new boolean[1];
        stage.thread("early", () -> {
            assertThat(cache.refresh()).as("refresh of an inactive cache").isEqualTo(Outcome.INACTIVE);
            returned[0] = true;
        });
        stage.thread("late", () -> {
            stage.waitUntil("returned", () -> returned[0]);
            assertThat(cache.activate(GPA)).as("activation after an early return").isEqualTo(Outcome.OK);
        });
        stage.afterwards(guest::atRest);
    }

    /** An address that cannot be cached changes nothing. */
    static void addressThatCannotBeCached(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            CacheState before = cache.state();
            for (long gpa : new long[] {Pages.INVALID_GPA, GPA + 4089, -4096 + 4089}) {
                assertThat(cache.activate(gpa)).as("refused activation").isEqualTo(Outcome.INVALID);
                assertThat(cache.state()).as("state after a refused activation").isEqualTo(before);
            }
        });
        stage.afterwards(guest::atRest);
    }

    /** An access lies inside the window, or is refused and changes nothing. */
    static void accessOutsideTheWindow(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            cache.activate(GPA + 16);
            byte[] before = new byte[4096];
            guest.host.peek(HVA, before);
            int[] offsets = {-8, -1, 1, 7, 8, 4080, Integer.MAX_VALUE - 7, Integer.MAX_VALUE, Integer.MIN_VALUE};
            for (int offset : offsets) {
                try (GuestAccess access = cache.access()) {
                    assertThat(accepts(access, offset)).as("access outside the window").isFalse();
                }
            }
            byte[] after = new byte[4096];
            guest.host.peek(HVA, after);
            assertThat(after).as("bytes outside the window").isEqualTo(before);
        });
        stage.afterwards(guest::atRest);
    }

    private static boolean accepts(GuestAccess access, int offset) {
        try {
            access.putLong(offset, -1);
            return true;
        } catch (IllegalArgumentException expected) {
            return false;
        }
    }

    /** An invalidation of another page in progress, even of the very thread, does not delay a refresh. */
    static void refreshInsideAnotherInvalidation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.migrate(HVA);
        guest.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                assertThat(cache.refresh()).as("refresh inside an unrelated invalidation").isEqualTo(Outcome.OK);
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                assertThat(cache.check()).as("still valid at its end").isTrue();
            }
        });
        stage.thread("user",
                () -> assertThat(guest.host.migrate(Guest.hva(1))).as("migrated").isEqualTo(HostResult.OK));
        stage.afterwards(guest::atRest);
    }

    /** What is not mapped cannot be cached. */
    static void pageThatIsNotThere(ScenarioRun stage) {
        Guest guest = Guest.touched();
        guest.host.unmap(Guest.hva(1), 1);
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            Outcome outcome = cache.activate(Guest.gpa(1));
            assertThat(Guest.read(cache)).as("value of what is not mapped").isNull();
            assertThat(outcome).as("activation of what is not mapped").isEqualTo(Outcome.FAULT);
        });
        stage.afterwards(guest::atRest);
    }

    /** A cache that needs a refresh gets it inside the combined access. */
    static void accessAfterInvalidation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            assertThat(cache.activate(GPA)).as("activation").isEqualTo(Outcome.OK);
            guest.host.migrate(HVA);
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).as("what access() hands out is usable").isTrue();
            }
        });
        stage.afterwards(guest::atRest);
    }
}
