package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.WithoutRules;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a thread may not do with a cache it holds is refused in production too, with nothing changed. */
class CacheWithoutRulesTest {

    @Test
    void nothingIsDoneToACacheThatTheCallerHolds() {
        WithoutRules.run(CallsUnderAGuard.class);
    }

    @Test
    void noSlotIsTakenAwayFromAnAccessOfTheCaller() {
        WithoutRules.run(ChangesUnderAnAccess.class);
    }

    @Test
    void anAreaThatTheCallerHoldsIsLockedAgainWholeOrNotAtAll() {
        WithoutRules.run(AreaAgainstAWriter.class);
    }

    /** A domain with one slot of two pages. */
    static class World {
        static final long GPA = 0x100000;
        static final long HVA = 0x7f00_0000_0000L;

        final HostMemory host = HostMemory.builder().checked(true).build();
        final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofSeconds(50));
        final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
        final GfnPfnCache cache = domain.newCache(8);

        World() {
            host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
            memslots.set(1, 0, GPA, 2 * Pages.PAGE_SIZE, HVA);
        }
    }

    public static final class CallsUnderAGuard extends World implements Runnable {
        @Override
        public void run() {
            try (GuestAccess guard = cache.readLock()) {
                assertThat(guard.check()).isFalse();
                assertThatThrownBy(() -> cache.activate(GPA)).isInstanceOf(IllegalStateException.class);
                assertThatThrownBy(cache::refresh).isInstanceOf(IllegalStateException.class);
                assertThatThrownBy(cache::deactivate).isInstanceOf(IllegalStateException.class);
            }
            assertThat(domain.activeCaches()).isEmpty();
            assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
            assertThat(domain.activeCaches()).containsExactly(cache);
            assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
            assertThat(domain.activeCaches()).isEmpty();
        }
    }

    public static final class ChangesUnderAnAccess extends World implements Runnable {
        @Override
        public void run() {
            cache.activate(GPA);
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).isTrue();
                assertThat(memslots.delete(1)).isEqualTo(Memslots.Change.BUSY);
                assertThatThrownBy(() -> host.discard(HVA, 1)).isInstanceOf(IllegalStateException.class);
            }
            assertThat(host.discard(HVA, 1)).isEqualTo(HostResult.OK);
            assertThat(memslots.delete(1)).isEqualTo(Memslots.Change.DONE);
        }
    }

    public static final class AreaAgainstAWriter extends World implements Runnable {
        private static final long PATIENCE_NANOS = 30_000_000_000L;

        @Override
        public void run() {
            GuestArea area = domain.newArea();
            assertThat(area.activate(GPA + Pages.PAGE_SIZE - 8, 16)).isEqualTo(Outcome.OK);
            Thread writer = new Thread(() -> host.discard(HVA + Pages.PAGE_SIZE, 1), "writer of the second page");
            try (AreaAccess outer = area.access()) {
                assertThat(outer.isUsable()).isTrue();
                writer.start();
                awaitWriter(area);
                assertThatThrownBy(area::access).isInstanceOf(IllegalStateException.class);
            }
            // The first page is free, too: nothing is left of the access that was refused half way.
            assertThat(memslots.delete(1)).isEqualTo(Memslots.Change.DONE);
        }

        private static void awaitWriter(GuestArea area) {
            long deadline = System.nanoTime() + PATIENCE_NANOS;
            boolean usable = true;
            while (usable) { // bounded by the deadline
                assertThat(System.nanoTime() - deadline).as("the writer waits").isNegative();
                try (AreaAccess tried = area.tryAccess()) {
                    usable = tried.isUsable();
                }
                Thread.onSpinWait();
            }
        }
    }
}
