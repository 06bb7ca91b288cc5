package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Uses of one guest mode that overlap: one out of another, beside a TLB, after a thread's death, while it ends. */
@Timeout(600)
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

    private final ExecutorService other = Executors.newSingleThreadExecutor();

    GuestModeOverlapTest() {
        host.mapAnonymous(HVA, RAM_PAGES, Protection.READ_WRITE);
        memslots.set(1, 0, RAM, RAM_PAGES * PAGE, HVA);
    }

    @AfterEach
    void audit() {
        other.shutdown();
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

    @Test
    void aDropThatThrowsOutOfAHoldLeavesNoPageHeldThatNobodyHas() {
        GuestMode broken = domain.newGuestMode(gpa -> {
            throw new IllegalStateException("dropped");
        });
        onFaultOf(1, () -> host.migrate(HVA));
        broken.enter();
        HeldPage first = broken.hold(RAM, true);
        assertThatThrownBy(() -> broken.hold(gpa(1), true)).hasMessage("dropped");
        assertThat(first.isHeld()).isFalse();
        assertThat(broken.isInside()).isTrue();
        assertThat(broken.held()).isZero();
        broken.leave();
        broken.close();
    }

    // ------------------------------------------------------------------ beside a TLB

    @Test
    void aPageReleasedBesidesIsNotInTheTlbEither() {
        tlb.enter();
        tlb.storeByte(RAM, (byte) 1);
        tlb.fetchInt(RAM);
        GuestMode besides = tlb.guestMode();
        besides.release(besides.hold(RAM, false));
        assertThat(elsewhere(() -> host.migrate(HVA))).isEqualTo(HostResult.OK);
        assertThat(tlb.poll()).as("nothing is left to be dropped").isFalse();
        tlb.storeByte(RAM, (byte) 9);
        assertThat(peek(0)).isEqualTo((byte) 9);
        assertThat(tlb.fetchInt(RAM)).isEqualTo(9);
        tlb.leave();
    }

    @Test
    void aPageHeldBesidesStaysWhileTheTlbMakesRoom() {
        tlb.enter();
        tlb.storeByte(RAM, (byte) 1);
        HeldPage page = tlb.guestMode().hold(RAM, true);
        for (int i = 1; i < RAM_PAGES; i++) { // bounded by the pages
            tlb.loadByte(gpa(i));
        }
        assertThat(page.isHeld()).isTrue();
        assertThat(tlb.guestMode().held()).isLessThanOrEqualTo(4 + 4 + 1);
        assertThat(elsewhere(() -> host.migrate(HVA))).isNotEqualTo(HostResult.OK);
        page.bytes().put(0, (byte) 9);
        assertThat(peek(0)).isEqualTo((byte) 9);
        assertThat(tlb.loadByte(RAM)).isEqualTo((byte) 9);
        tlb.guestMode().release(page);
        assertThat(page.isHeld()).isFalse();
        tlb.leave();
    }

    @Test
    void aPageHeldBesidesToBeReadStaysHeldWhenTheTlbWritesIt() {
        memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
        tlb.enter();
        long drops = tlb.guestMode().drops();
        ByteBuffer read = tlb.guestMode().hold(RAM, false).bytes();
        tlb.storeByte(RAM, (byte) 3);
        for (int i = 1; i < RAM_PAGES; i++) { // bounded by the pages
            tlb.loadByte(gpa(i));
        }
        assertThat(elsewhere(() -> host.migrate(HVA))).as("held on").isNotEqualTo(HostResult.OK);
        assertThat(tlb.guestMode().drops()).isEqualTo(drops);
        assertThat(read.get(0)).isEqualTo((byte) 3);
        tlb.leave();
    }

    @Test
    void aPageHeldBesidesBeforeTheTlbWasUsedIsDroppedAsAnyOther() {
        tlb.enter();
        HeldPage page = tlb.guestMode().hold(RAM, true);
        tlb.leave();
        assertThat(elsewhere(() -> host.migrate(HVA))).isEqualTo(HostResult.OK);
        tlb.enter();
        assertThat(page.isHeld()).isFalse();
        assertThat(tlb.guestMode().drops()).isEqualTo(1);
        tlb.guestMode().release(tlb.guestMode().hold(RAM, true));
        tlb.leave();
    }

    @Test
    void aFetchMayBeTheFirstUseOfATlb() {
        host.poke(HVA, new byte[] {7});
        assertThat(tlb.fetchInt(RAM)).isEqualTo(7);
        assertThat(tlb.handOver()).isEqualTo(Outcome.OK);
        assertThat(tlb.fetchShort(RAM)).isEqualTo((short) 7);
    }

    @Test
    void accessesThatEndInHolesHoldNoMoreThanTheEntries() {
        for (int i = 1; i < RAM_PAGES; i += 2) { // bounded by the pages
            host.unmap(HVA + (long) i * PAGE, 1);
        }
        tlb.enter();
        for (int i = 0; i < RAM_PAGES; i += 2) { // bounded by the pages
            assertThat(tlb.tryLoad(gpa(i + 1) - 4, Long.BYTES)).isEqualTo(Outcome.FAULT);
            assertThat(tlb.tryStore(gpa(i + 1) - 4, Long.BYTES, -1)).isEqualTo(Outcome.FAULT);
        }
        assertThat(tlb.guestMode().held()).isLessThanOrEqualTo(4 + 4);
        tlb.leave();
    }

    @Test
    void aPageThatMayNotBeWrittenIsNeverHandedOutToBeWritten() {
        memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
        host.mapAnonymous(HVA + 64L * PAGE, 1, Protection.READ_WRITE);
        memslots.set(2, Memslot.FLAG_READONLY, gpa(RAM_PAGES), PAGE, HVA + 64L * PAGE);
        tlb.enter();
        assertThat(tlb.tryStore(gpa(RAM_PAGES) - 4, Long.BYTES, -1)).isEqualTo(Outcome.FAULT);
        HeldPage page = tlb.guestMode().hold(gpa(RAM_PAGES - 1), false);
        assertThat(page.isWritable()).isFalse();
        assertThat(page.bytes().isReadOnly()).isTrue();
        assertThat(page.bytes()).isSameAs(page.bytes());
        assertThat(tlb.guestMode().hold(gpa(RAM_PAGES - 1), true)).isSameAs(page);
        page.bytes().put(0, (byte) 5);
        assertThat(peek(RAM_PAGES - 1)).isEqualTo((byte) 5);
        assertThat(page.bytes()).isSameAs(page.bytes());
        tlb.leave();
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(RAM_PAGES - 1);
    }

    // ------------------------------------------------------------------ one thread, two guest modes

    @Test
    void aThreadIsInsideOneGuestModeAtATime() {
        mode.enter();
        assertThatThrownBy(tlb::enter).isInstanceOf(IllegalStateException.class).hasMessageContaining("another");
        assertThatThrownBy(() -> tlb.tryLoad(RAM, 4)).isInstanceOf(IllegalStateException.class);
        assertThat(tlb.guestMode().isInside()).isFalse();
        assertThat(elsewhere(() -> {
            tlb.loadByte(RAM);
            return tlb.handOver();
        })).as("and it is nobody's yet").isEqualTo(Outcome.OK);
        mode.leave();
        tlb.enter();
        assertThatThrownBy(tlb::enter).hasMessageContaining("already");
        tlb.leave();
        GuestMode next = domain.newGuestMode(dropped::add);
        next.enter();
        next.leave();
        next.close();
    }

    // ------------------------------------------------------------------ the end of a thread, and of the guest mode

    @Test
    void whatAThreadThatDiedInsideHasHeldIsReleasedByAnyOther() throws InterruptedException {
        Thread vcpu = new Thread(() -> {
            tlb.enter();
            tlb.storeByte(RAM, (byte) 1);
        }, "vcpu");
        vcpu.start();
        vcpu.join();
        assertThat(elsewhere(() -> host.migrate(HVA))).isEqualTo(HostResult.OK);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
        assertThat(tlb.guestMode().isInside()).isFalse();
        tlb.storeByte(RAM, (byte) 9);
        assertThat(peek(0)).isEqualTo((byte) 9);
    }

    @Test
    void aThreadThatLivesInsideIsNotReleasedByAnother() {
        mode.enter();
        mode.hold(RAM, true);
        assertThat(elsewhere(() -> {
            try {
                return mode.releaseAll().toString();
            } catch (IllegalStateException e) {
                return e.getMessage();
            }
        })).contains("to be left first");
        mode.leave();
    }

    @Test
    void closedItStaysClosed() {
        mode.enter();
        mode.leave();
        mode.close();
        assertThat(mode.releaseAll()).isEqualTo(Outcome.OK);
        assertThatThrownBy(mode::enter).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
    }

    @Test
    void noThreadEntersWhatAnotherCloses() {
        for (int turn = 0; turn < 20_000; turn++) { // bounded
            GuestMode contested = domain.newGuestMode(dropped::add);
            CompletableFuture<Boolean> entered = CompletableFuture.supplyAsync(() -> {
                try {
                    contested.enter();
                    return true;
                } catch (IllegalStateException e) { // closed, or the other's
                    return false;
                }
            }, other);
            boolean closed = true;
            try {
                contested.close();
            } catch (IllegalStateException e) { // the other's
                closed = false;
            }
            assertThat(entered.join() && closed).as("turn %d", turn).isFalse();
            CompletableFuture.runAsync(() -> {
                if (contested.isInside()) {
                    contested.leave();
                }
                contested.close();
            }, other).join();
        }
    }

    // ------------------------------------------------------------------ what is only for inside

    @Test
    void theAtomicsOfAPageAreOfNoUseOutside() {
        mode.enter();
        HeldPage page = mode.hold(RAM, true);
        assertThat(page.atomicInt(AtomicOp.ADD, 0, 7)).isZero();
        mode.leave();
        assertThat(elsewhere(() -> host.migrate(HVA))).isEqualTo(HostResult.OK);
        assertThatThrownBy(() -> page.atomicInt(AtomicOp.ADD, 0, 7)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> page.compareAndSetLong(0, 7, 8)).isInstanceOf(IllegalStateException.class);
        assertThat(peek(0)).isEqualTo((byte) 7);
    }

    @Test
    void aTakerHasOneDeadlineForAllVcpus() {
        AtomicInteger asked = new AtomicInteger();
        List<GuestMode> vcpus = new ArrayList<>();
        for (int i = 0; i < 3; i++) { // bounded
            GuestMode vcpu = domain.newGuestMode(dropped::add);
            vcpus.add(vcpu);
            elsewhere(() -> {
                vcpu.enter();
                vcpu.hold(RAM, true);
                vcpu.leave();
                return vcpu.handOver();
            });
        }
        GuestModes all = new GuestModes();
        vcpus.forEach(all.all::add);
        assertThat(all.takeBack(HvaRange.WHOLE, page -> true, true, () -> {
            asked.incrementAndGet();
            return System.nanoTime();
        })).isTrue();
        assertThat(asked).hasValue(1);
        vcpus.forEach(GuestMode::close);
    }

    /** The use that would have claimed it may have been cut short. */
    @Test
    void whatIsOfNoThreadCanBeHandedOverAgain() {
        tlb.storeByte(RAM, (byte) 1);
        assertThat(tlb.handOver()).isEqualTo(Outcome.OK);
        assertThat(tlb.handOver()).isEqualTo(Outcome.OK);
        assertThat(tlb.loadByte(RAM)).isEqualTo((byte) 1);
    }
}
