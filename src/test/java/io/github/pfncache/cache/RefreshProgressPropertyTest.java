package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Interleaving;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** [I6] Every call returns within its bound of attempts, and only invalidations of its own page cost it one. */
class RefreshProgressPropertyTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final int ATTEMPTS = 8;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(20));
    private final CacheDomain domain =
            new CacheDomain(memslots, host, new RetryPolicy(ATTEMPTS, Duration.ofMillis(20)));
    private final GfnPfnCache cache = domain.newCache(64);

    RefreshProgressPropertyTest() {
        host.mapAnonymous(HVA, 4, Protection.READ_WRITE);
        memslots.set(1, 0, GPA, 4 * Pages.PAGE_SIZE, HVA);
    }

    /** Does something on this very thread between the resolution of the page and its install. */
    private void betweenResolveAndInstall(Runnable disturbance, Runnable body) {
        Interleaving.bind(new Interleaving.Explorer() {
            private boolean inside;

            @Override
            public void reached(String point) {
                if (point.equals("host.map") && !inside) {
                    inside = true;
                    disturbance.run();
                    inside = false;
                }
            }

            @Override
            public boolean blocked(Object on, boolean timed) {
                return !timed; // alone: what may expire expires, and a lock that is held would be a deadlock
            }
        });
        try {
            body.run();
        } finally {
            Interleaving.bind(null);
        }
    }

    @Property(tries = 60)
    void aPageInvalidatedOnItsWaySeveralTimesCostsAsManyAttempts(@ForAll @IntRange(max = 2 * ATTEMPTS) int times) {
        AtomicInteger left = new AtomicInteger(times);
        long before = domain.stats().resolutions();
        betweenResolveAndInstall(
                () -> {
                    if (left.getAndDecrement() > 0) {
                        host.discard(HVA, 1);
                    }
                },
                () -> assertThat(cache.activate(GPA)).isEqualTo(times < ATTEMPTS ? Outcome.OK : Outcome.BUSY));
        assertThat(domain.stats().resolutions() - before).isEqualTo(Math.min(times + 1, ATTEMPTS));
        assertThat(cache.state().active()).isTrue();
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        cache.deactivate();
        domain.audit(true);
    }

    @Property(tries = 60)
    void aStreamOfOtherInvalidationsNeverCostsOne(
            @ForAll @Size(max = 50) List<@IntRange(min = 1, max = 3) Integer> pages) {
        long retries = domain.stats().retries();
        betweenResolveAndInstall(
                () -> pages.forEach(page -> host.discard(HVA + (long) page * Pages.PAGE_SIZE, 1)),
                () -> assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK));
        assertThat(domain.stats().retries()).isEqualTo(retries);
        assertThat(domain.stats().waits()).isZero();
        cache.deactivate();
        domain.audit(true);
    }

    @Test
    @Timeout(600)
    void anAccessToAPageThatIsTakenAwayEachTimeEndsAtTheBound() {
        cache.activate(GPA);
        host.discard(HVA, 1);
        betweenResolveAndInstall(() -> host.discard(HVA, 1), () -> {
            try (GuestAccess access = cache.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.BUSY);
            }
        });
        domain.audit(true);
    }

    @Test
    @Timeout(600)
    void anInvalidationThatDoesNotEndIsWaitedForUpToThePatience() throws InterruptedException {
        cache.activate(GPA);
        Outcome[] refreshed = new Outcome[1];
        long[] waited = new long[1];
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                // The other thread refreshes while this invalidation is in progress, and this one waits for it.
                Thread other = new Thread(() -> {
                    long start = System.nanoTime();
                    refreshed[0] = cache.refresh();
                    waited[0] = System.nanoTime() - start;
                });
                other.start();
                GfnPfnCacheTest.joinOf(other);
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        host.migrate(HVA);
        assertThat(refreshed[0]).isEqualTo(Outcome.BUSY);
        assertThat(waited[0]).isGreaterThanOrEqualTo(Duration.ofMillis(20).toNanos());
        assertThat(cache.refresh()).isEqualTo(Outcome.OK);
        domain.audit(true);
    }

    @Test
    @Timeout(600)
    void fromInsideAnInvalidationNobodyIsWaitedFor() {
        HostMemory patientHost = HostMemory.builder().checked(true).build();
        patientHost.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        CacheDomain patient = new CacheDomain(new Memslots(), patientHost, new RetryPolicy(4, Duration.ofMinutes(10)));
        GfnPfnCache contended = patient.newCache(64);
        contended.activateHva(HVA);
        Thread other = new Thread(contended::refresh);
        Outcome[] seen = new Outcome[1];
        patientHost.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                // The other thread has the cache, and waits for this very invalidation to end.
                other.start();
                while (patient.stats().waits() == 0 && other.isAlive()) { // until it waits: bounded by the timeout
                    Thread.onSpinWait();
                }
                seen[0] = contended.refresh(); // without the rule: ten minutes
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        patientHost.migrate(HVA);
        GfnPfnCacheTest.joinOf(other);
        assertThat(seen[0]).isEqualTo(Outcome.BUSY);
        assertThat(contended.refresh()).isEqualTo(Outcome.OK);
        patient.audit(true);
    }

    @Test
    @Timeout(600)
    void anInvalidationThatEndsLetsTheWaitingRefreshGoOn() {
        cache.activate(GPA);
        Outcome[] refreshed = new Outcome[1];
        Thread[] other = new Thread[1];
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                other[0] = new Thread(() -> refreshed[0] = cache.refresh());
                other[0].start();
                // Until it waits: bounded by the test's timeout.
                while (domain.stats().waits() == 0 && other[0].isAlive()) {
                    Thread.onSpinWait();
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
        host.migrate(HVA);
        GfnPfnCacheTest.joinOf(other[0]);
        assertThat(refreshed[0]).isIn(Outcome.OK, Outcome.BUSY); // BUSY only if the machine stalled for the patience
        assertThat(cache.refresh()).isEqualTo(Outcome.OK);
        domain.audit(true);
    }
}
