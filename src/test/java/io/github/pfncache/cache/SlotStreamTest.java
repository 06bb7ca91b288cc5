package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Interleaving;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Another thread changes the slot's flags at each step where a call could be undone by that. One change gets in
 * between, and no stream of them: the call succeeds.
 */
@Timeout(600)
final class SlotStreamTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long RAM = 0x10000;
    private static final int SLOT = 1;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(20));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(200)));
    private static final GuestTlb.Unbacked NOTHING = new GuestTlb.Unbacked() {
        @Override
        public long load(long gpa, int width, Outcome why) {
            throw new AssertionError(why);
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            throw new AssertionError(why);
        }
    };

    private int changes;

    SlotStreamTest() {
        host.mapAnonymous(HVA, 4, Protection.READ_WRITE);
        memslots.set(SLOT, 0, RAM, 4 * PAGE, HVA);
    }

    @AfterEach
    void audit() {
        Interleaving.bind(null);
        domain.audit(false);
        host.audit();
    }

    /** From now on the slot changes whenever this thread comes to a point, by another thread, if that is possible. */
    private void changeAt(String point) {
        Interleaving.bind(new Interleaving.Explorer() {
            @Override
            public void reached(String at) {
                if (at.equals(point)) {
                    int flags = changes % 2 == 0 ? Memslot.FLAG_LOG_DIRTY_PAGES : 0;
                    Memslots.Change change =
                            CompletableFuture.supplyAsync(() -> memslots.setFlags(SLOT, flags)).join();
                    changes += change == Memslots.Change.DONE ? 1 : 0;
                }
            }

            @Override
            public boolean blocked(Object on, boolean timed) {
                Thread.onSpinWait();
                return true; // the other thread makes progress by itself
            }
        });
    }

    @Test
    void aPageIsHeld() {
        try (GuestMode mode = domain.newGuestMode(gpa -> {})) {
            mode.enter();
            changeAt("hold registered");
            Outcome outcome = mode.hold(RAM, true).outcome();
            mode.leave();
            assertThat(outcome).isEqualTo(Outcome.OK);
            assertThat(changes).as("changes that got in between").isEqualTo(1);
        }
    }

    @Test
    void aStoreOverTheEndOfAPageIsMade() {
        try (GuestTlb tlb = domain.newTlb(4, NOTHING)) {
            changeAt("hold registered");
            tlb.storeLong(RAM + PAGE - 4, 9);
            Interleaving.bind(null);
            assertThat(tlb.loadLong(RAM + PAGE - 4)).isEqualTo(9);
            assertThat(changes).as("changes that got in between, one for each page").isEqualTo(2);
        }
    }

    @Test
    void anAccessIsUsable() {
        GfnPfnCache cache = domain.newCache(8);
        cache.activate(RAM);
        memslots.setFlags(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES);
        memslots.setFlags(SLOT, 0);
        changeAt("between check and refresh");
        try (GuestAccess access = cache.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.OK);
        }
        Interleaving.bind(null);
        cache.deactivate();
    }

    @Test
    void anAreaIsUsable() {
        GuestArea area = domain.newArea();
        area.activate(RAM + PAGE - 4, 8);
        memslots.setFlags(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES);
        memslots.setFlags(SLOT, 0);
        changeAt("next page of an area");
        try (AreaAccess access = area.access()) {
            assertThat(access.outcome()).isEqualTo(Outcome.OK);
        }
        Interleaving.bind(null);
        area.deactivate();
    }
}
