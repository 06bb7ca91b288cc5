package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Exceptions out of others' code, locks kept too long: everything can still be used afterwards. */
class CacheMisuseTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int NPAGES = 4;
    private static final HvaRange RANGE = HvaRange.ofPages(HVA, NPAGES);

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofSeconds(50)));

    CacheMisuseTest() {
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        memslots.set(1, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
        host.audit();
    }

    @Test
    void anAreaWhoseActivationThrewLeavesNoCacheListed() {
        GuestArea area = domain.newArea();
        assertThat(area.activate(GPA, 16)).isEqualTo(Outcome.OK);
        PageFaultHandler handler = fault -> {
            if (fault.hva() == HVA + 2 * Pages.PAGE_SIZE) {
                throw new IllegalStateException("no network");
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        host.registerFaultHandler(RANGE, handler, true, false);
        assertThatThrownBy(() -> area.activate(GPA + 2 * Pages.PAGE_SIZE - 8, 16)).hasMessage("no network");
        assertThat(domain.activeCaches()).hasSize(1);
        assertThat(area.target()).isEqualTo(new CacheTarget.ByGpa(GPA));
        assertThat(area.deactivate()).isEqualTo(Outcome.OK);
        assertThat(domain.activeCaches()).isEmpty();
    }

    @Test
    void aFaultHandlerThatKeepsTheCacheLockedFailsTheRefreshAndNotTheNext() {
        GfnPfnCache cache = domain.newCache(8);
        GuestAccess[] kept = new GuestAccess[1];
        PageFaultHandler handler = fault -> {
            kept[0] = cache.readLock();
            return PageFaultHandler.Decision.RESOLVE;
        };
        host.registerFaultHandler(RANGE, handler, true, false);
        assertThatThrownBy(() -> cache.activate(GPA)).isInstanceOf(Throwable.class);
        kept[0].close();
        host.unregisterFaultHandler(handler);
        domain.audit(true);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
    }

    @Test
    void whoeverHoldsAnAccessMayLookAtItsCache() {
        GfnPfnCache cache = domain.newCache(8);
        cache.activate(GPA);
        try (GuestAccess access = cache.access()) {
            assertThat(access.isUsable()).isTrue();
            assertThat(cache.state().target()).isEqualTo(new CacheTarget.ByGpa(GPA));
            assertThat(cache).asString().contains("gpa=0x100000");
        }
    }

    /** Whether or not there is anything to load. */
    @Test
    void whatLiesOutsideOfTheWindowIsRefusedInEveryState() {
        GfnPfnCache cache = domain.newCache(8);
        requireRefusedOutside(cache); // inactive
        cache.activate(GPA);
        requireRefusedOutside(cache);
        host.discard(HVA, 1); // to be refreshed
        requireRefusedOutside(cache);
        host.unmap(HVA, 1); // no memory
        requireRefusedOutside(cache);
        assertThat(cache.loadInt(4, 5)).isEqualTo(5);
    }

    private static void requireRefusedOutside(GfnPfnCache cache) {
        for (int offset : new int[] {Integer.MIN_VALUE, -1, 5, 8, Integer.MAX_VALUE}) { // bounded by the offsets
            assertThatThrownBy(() -> cache.loadInt(offset, 0)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> cache.storeInt(offset, 0)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> cache.tryLoad(offset, 4)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void anAccessIsForItsThreadAndUntilItIsClosed() {
        GfnPfnCache cache = domain.newCache(8);
        cache.activate(GPA);
        GuestAccess access = cache.readLock();
        List<Runnable> calls = List.of(
                access::check, () -> access.getInt(0), () -> access.putInt(0, 1),
                () -> access.atomicInt(AtomicOp.ADD, 0, 1));
        try (access) {
            assertThat(access.check()).isTrue();
            calls.forEach(call -> assertThatThrownBy(() -> CompletableFuture.runAsync(call).join())
                    .hasCauseInstanceOf(IllegalStateException.class));
        }
        calls.forEach(call -> assertThatThrownBy(call::run).isInstanceOf(IllegalStateException.class));
    }

    @Test
    void anAccessWaitsNoLongerThanItsCallerSays() throws InterruptedException {
        GfnPfnCache cache = domain.newCache(8);
        GuestArea area = domain.newArea();
        CountDownLatch faulted = new CountDownLatch(1);
        CountDownLatch resolve = new CountDownLatch(1);
        host.registerFaultHandler(RANGE, fault -> {
            faulted.countDown();
            await(resolve);
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        Thread slow = new Thread(() -> cache.activate(GPA));
        slow.start();
        await(faulted);
        // The policy's patience is 50 s; this test's own time limit would notice.
        try (GuestAccess access = cache.access(System.nanoTime())) {
            assertThat(access.outcome()).isEqualTo(Outcome.BUSY);
        }
        try (AreaAccess access = area.access(System.nanoTime())) {
            assertThat(access.outcome()).isEqualTo(Outcome.INACTIVE);
        }
        resolve.countDown();
        slow.join();
        try (GuestAccess access = cache.access(System.nanoTime())) {
            assertThat(access.outcome()).isEqualTo(Outcome.OK);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
