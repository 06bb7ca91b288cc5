package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Uses of one guest mode that overlap: one out of another. */
@Timeout(60)
final class GuestModeOverlapTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int RAM_PAGES = 32;
    private static final long RAM = 0x10000;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final List<Long> dropped = new ArrayList<>();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(200));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(200)));
    private final GuestMode mode = domain.newGuestMode(dropped::add);
    private final GuestTlb tlb = domain.newTlb(4, new GuestTlb.Unbacked() {
        @Override
        public long load(long gpa, int width, Outcome why) {
            throw new AssertionError("load at " + Pages.hex(gpa) + ": " + why);
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            throw new AssertionError("store at " + Pages.hex(gpa) + ": " + why);
        }
    });

    GuestModeOverlapTest() {
        host.mapAnonymous(HVA, RAM_PAGES, Protection.READ_WRITE);
        memslots.set(1, 0, RAM, RAM_PAGES * PAGE, HVA);
    }

    @AfterEach
    void audit() {
        for (GuestMode each : List.of(mode, tlb.guestMode())) { // bounded by the list
            if (each.isCurrentThreadInside()) {
                each.leave();
            }
            each.close();
        }
        domain.audit(true);
        host.audit();
    }

    private static <T> T elsewhere(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, task -> new Thread(task, "taker").start()).join();
    }

    private byte peek(int page) {
        byte[] bytes = new byte[1];
        host.peek(HVA + (long) page * PAGE, bytes);
        return bytes[0];
    }

    private static long gpa(int page) {
        return RAM + (long) page * PAGE;
    }

    private void onFaultOf(int page, Runnable doing) {
        host.registerFaultHandler(HvaRange.ofPages(HVA + (long) page * PAGE, 1), fault -> {
            doing.run();
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
    }

    // ------------------------------------------------------------------ out of a page-fault handler

    @Test
    void aPageThatItsFaultHandlerGaveBackByEnteringIsLookedUpAnew() {
        onFaultOf(1, () -> {
            assertThat(elsewhere(() -> host.discard(HVA + PAGE, 1))).isEqualTo(HostResult.OK);
            mode.enter();
            mode.leave();
        });
        mode.enter();
        HeldPage page = mode.hold(gpa(1), true);
        assertThat(page.indexed || !page.isHeld()).as("%s is known to those who take it", page).isTrue();
        HostResult moved = elsewhere(() -> host.migrate(HVA + PAGE));
        assertThat(moved == HostResult.OK && page.isHeld()).as("moved while it is held").isFalse();
    }

    @Test
    void aPageThatAnAccessOfItsFaultHandlerGaveBackIsLookedUpAnew() {
        boolean[] first = {true};
        onFaultOf(1, () -> {
            if (first[0]) {
                first[0] = false;
                elsewhere(() -> host.discard(HVA + PAGE, 1));
                tlb.loadInt(RAM);
            }
        });
        tlb.enter();
        tlb.storeByte(gpa(1), (byte) 1);
        HostResult moved = elsewhere(() -> host.migrate(HVA + PAGE));
        tlb.storeByte(gpa(1), (byte) 9);
        assertThat(moved).as("held, and not polled for").isNotEqualTo(HostResult.OK);
        assertThat(peek(1)).isEqualTo((byte) 9);
        tlb.leave();
    }
}
