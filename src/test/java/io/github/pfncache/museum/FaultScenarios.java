package io.github.pfncache.museum;

import static io.github.pfncache.scenario.Guest.GPA;
import static io.github.pfncache.scenario.Guest.HVA;
import static io.github.pfncache.scenario.Guest.PAGES;
import static io.github.pfncache.scenario.Guest.SLOT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.scenario.Guest;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;

/** What fails in the middle: memory that runs out, code of others that throws; and what two readers see. */
final class FaultScenarios {

    private static final String ONCE = "thrown once";
    private static final int FRAME = 4096;

    private FaultScenarios() {}

    /** The last frame goes while a migration is announced: the page stays where it is, with its content. */
    static void lastFrameGoesDuringAMigration(ScenarioRun stage) {
        HostMemory host = HostMemory.builder().chunkBytes(FRAME, FRAME).maxBytes(3 * FRAME).build();
        host.mapAnonymous(HVA, PAGES, Protection.READ_WRITE);
        host.poke(HVA, new byte[] {1});
        host.poke(Guest.hva(1), new byte[] {2});
        stage.thread("user", () -> {
            host.registerNotifier(new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    host.poke(Guest.hva(2), new byte[] {3});
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {}
            });
            host.migrate(HVA);
            byte[] content = new byte[1];
            host.peek(HVA, content);
            assertThat(content[0]).as("content of the page").isEqualTo((byte) 1);
        });
        stage.afterwards(host::audit);
    }

    /** A notifier throws once when an invalidation starts: it ends for those who had accepted it. */
    static void notifierThrowsOnce(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        stage.thread("user", () -> {
            MmuNotifier thrower = new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    throw new IllegalStateException(ONCE);
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {}
            };
            guest.host.registerNotifier(thrower);
            assertThatThrownBy(() -> guest.host.migrate(HVA)).as("the first call").hasMessage(ONCE);
            guest.host.unregisterNotifier(thrower);
            try (GuestAccess access = cache.tryAccess()) {
                assertThat(access.outcome()).as("the cache was shut").isEqualTo(Outcome.BUSY);
            }
        });
        stage.afterwards(guest::atRest);
    }

    /** A snapshot of memory that a handler fills has what a reader would find. */
    static void snapshotOfWhatAHandlerFills(ScenarioRun stage) {
        HostMemory host = HostMemory.builder().chunkBytes(0x4000, 0x10000).build();
        host.mapAnonymous(HVA, PAGES, Protection.READ_WRITE);
        host.registerFaultHandler(HvaRange.ofPages(HVA, PAGES), fault -> {
            fault.page().put(0, (byte) (1 + (fault.hva() - HVA >>> Pages.PAGE_SHIFT)));
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        stage.thread("user", () -> {
            HostMemory snapshot = host.snapshot();
            byte[] content = new byte[1];
            snapshot.peek(Guest.hva(2), content);
            assertThat(content[0]).as("content in the snapshot").isEqualTo((byte) 3);
        });
        stage.afterwards(host::audit);
    }

    /** Two slots show one memory: a page written at one address is delivered at both. */
    static void oneMemoryAtTwoAddresses(ScenarioRun stage) {
        Guest guest = Guest.logging();
        guest.vm.memslots().set(SLOT + 1, Memslot.FLAG_LOG_DIRTY_PAGES, 2 * GPA, PAGES * 4096L, HVA);
        stage.thread("user", () -> {
            try (DirtyLogFollower log = guest.vm.followDirtyLog()) {
                log.deliver(gfn -> true);
                assertThat(Guest.write(guest.cacheOf(1), 7)).as("written").isTrue();
                Set<Long> delivered = new HashSet<>();
                log.deliver(delivered::add);
                assertThat(delivered).as("pages delivered")
                        .containsExactlyInAnyOrder(Pages.gpaToGfn(Guest.gpa(1)), Pages.gpaToGfn(2 * GPA) + 1);
            }
        });
        stage.afterwards(guest::atRest);
    }

    /** A cache that never was active has no address: a refresh says so. */
    static void refreshOfWhatWasNeverActive(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.vm.newCache(8);
            assertThat(catchThrowable(cache::refresh) == null).as("refresh").isTrue();
            assertThat(cache.refresh()).as("refresh").isEqualTo(Outcome.INACTIVE);
        });
        stage.afterwards(guest::atRest);
    }

    /** Logging begins with a change of the flags only: the next store through a cache that was there is in the log. */
    static void loggingBeginsUnderACache(ScenarioRun stage) {
        Guest guest = Guest.touched();
        stage.thread("user", () -> {
            GfnPfnCache cache = guest.cacheOf(1);
            assertThat(guest.vm.memslots().setFlags(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES)).isEqualTo(Change.DONE);
            assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK);
            assertThat(guest.harvest()).as("pages in the log").containsExactly(1);
        });
        stage.afterwards(guest::atRest);
    }

    /** A cache is taken off while an invalidation looks for those at its page. */
    static void deactivationDuringAWalk(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache one = guest.cacheOf(0);
        GfnPfnCache other = guest.cacheOf(0);
        stage.thread("user", one::deactivate);
        stage.thread("host", () -> assertThat(guest.host.migrate(HVA)).as("migrated").isEqualTo(HostResult.OK));
        stage.afterwards(() -> {
            assertThat(other.check()).as("valid after its page has moved").isFalse();
            guest.atRest();
        });
    }

    /** Invalidations of another page are in progress: who only tries is not held up by them. */
    static void tryDuringAnotherInvalidation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        GfnPfnCache cache = guest.cacheOf(0);
        guest.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                try (GuestAccess access = cache.tryAccess()) {
                    assertThat(access.outcome()).as("try during another invalidation").isEqualTo(Outcome.OK);
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        stage.thread("user",
                () -> assertThat(guest.host.migrate(Guest.hva(1))).as("migrated").isEqualTo(HostResult.OK));
        stage.afterwards(guest::atRest);
    }


    /** An invalidation does not end: a change of the slots does not wait for it for ever. */
    static void slotChangeDuringALongInvalidation(ScenarioRun stage) {
        Guest guest = Guest.touched();
        boolean[] over = new boolean[1];
        guest.host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                stage.waitUntil("the change is over", () -> over[0]);
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        stage.thread("host", () -> assertThat(guest.host.migrate(HVA)).as("migrated").isEqualTo(HostResult.OK));
        stage.thread("slots", () -> {
            Change change = guest.vm.memslots().delete(SLOT);
            over[0] = true;
            assertThat(change).as("deletion").isIn(Change.BUSY, Change.DONE);
        });
        stage.afterwards(guest::atRest);
    }

    /** A vCPU keeps a page for longer than the owner may wait: the owner leaves it where it is. */
    static void heldForLongerThanTheOwnerWaits(ScenarioRun stage) {
        Guest guest = Guest.touched();
        boolean[] over = new boolean[2];
        stage.thread("vcpu", () -> {
            GuestMode mode = guest.vm.newGuestMode(gpa -> {});
            mode.enter();
            HeldPage page = mode.hold(GPA, true);
            assertThat(page.isHeld()).as("held").isTrue();
            over[0] = true;
            stage.waitUntil("the migration is over", () -> over[1]);
            page.bytes().putLong(0, 9);
            assertThat(guest.peek(0)).as("raw store as the memory shows it").isEqualTo(9);
            mode.leave();
            mode.close();
        });
        stage.thread("owner", () -> {
            stage.waitUntil("the page is held", () -> over[0]);
            guest.host.migrate(HVA);
            over[1] = true;
        });
        stage.afterwards(guest::atRest);
    }

    /** Two caches in one word of memory that has no atomic access of its own: a bit of one, a byte of the other. */
    static void bitBesideAByte(ScenarioRun stage) {
        Guest guest = Guest.touched();
        long hva = Guest.hva(PAGES);
        ByteBuffer unaligned = ByteBuffer.allocateDirect(2 * Pages.PAGE_SIZE).alignedSlice(8).position(4);
        guest.host.mapBuffer(hva, unaligned.slice().limit(Pages.PAGE_SIZE).slice(), Protection.READ_WRITE);
        GfnPfnCache bits = guest.vm.newCache(1);
        GfnPfnCache bytes = guest.vm.newCache(1);
        bits.activateHva(hva);
        bytes.activateHva(hva + 1);
        stage.thread("bits", () -> {
            try (GuestAccess access = bits.access()) {
                access.testAndSetBit(0, 3);
            }
        });
        stage.thread("bytes", () -> bytes.storeByte(0, (byte) 5));
        stage.afterwards(() -> {
            assertThat(bits.loadByte(0, (byte) -1)).as("the bit").isEqualTo((byte) 8);
            assertThat(bytes.loadByte(0, (byte) -1)).as("the byte beside it").isEqualTo((byte) 5);
            guest.atRest();
        });
    }

    /** The stack ends in a call that a store makes while it holds its page: it is in the log, or was not made. */
    static void stackEndsInsideAStore(ScenarioRun stage) {
        stage.afterwards(() -> {
            for (String point : new String[] {"about to mark", "about to store"}) {
                Guest guest = Guest.logging();
                GfnPfnCache cache = guest.cacheOf(0);
                guest.harvest();
                Interleaving.bind(endingAt(point));
                Throwable failure = catchThrowable(() -> cache.storeLong(0, 9));
                Interleaving.bind(null);
                boolean logged = guest.harvest().length == 1;
                assertThat(logged || guest.peek(0) != 9).as("what was written is in the log").isTrue();
                assertThat(failure == null || failure instanceof StackOverflowError).as("how it ended").isTrue();
                assertThat(guest.host.migrate(HVA)).as("the page is held by nobody").isEqualTo(HostResult.OK);
                guest.atRest();
            }
        });
    }

    /** The stack ends where a thread begins to read the memory map: when it reads again, it counts. */
    static void stackEndsAtTheMap(ScenarioRun stage) {
        stage.afterwards(() -> {
            Vm vm = Vm.builder().slotChangeTimeout(Duration.ofMillis(20)).build();
            vm.ram().add(SLOT, 0, GPA, 1);
            Interleaving.bind(endingAt("table phase read"));
            Throwable failure = catchThrowable(vm.memslots()::enterRead);
            Interleaving.bind(null);
            assertThat(failure instanceof StackOverflowError).as("how it ended").isTrue();
            int token = vm.memslots().enterRead();
            Change[] change = new Change[1];
            Thread other = new Thread(() -> change[0] = vm.memslots().delete(SLOT));
            other.start();
            other.join();
            vm.memslots().exitRead(token);
            assertThat(change[0]).as("deletion under a reader").isEqualTo(Change.BUSY);
        });
    }

    private static Interleaving.Explorer endingAt(String end) {
        return new Interleaving.Explorer() {
            @Override
            public void reached(String point) {
                if (point.equals(end)) {
                    throw new StackOverflowError(point);
                }
            }

            @Override
            public boolean blocked(Object on, boolean timed) {
                return false;
            }
        };
    }
}
