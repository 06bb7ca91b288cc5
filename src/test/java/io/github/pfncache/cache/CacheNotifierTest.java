package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The domain as a notifier of the host: what stays behind when an invalidation does not go through. */
class CacheNotifierTest {

    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots(Memslots.DirtyMode.BITMAP, Duration.ofMillis(50));
    private final CacheDomain domain = new CacheDomain(memslots, host, new RetryPolicy(4, Duration.ofMillis(50)));
    private final GfnPfnCache cache = domain.newCache(64);

    CacheNotifierTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        assertThat(cache.activateHva(HVA)).isEqualTo(Outcome.OK);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
        host.audit();
    }

    @Test
    void anInvalidationThatTheUserOfThePageAsksForFailsAndIsNotLeftInProgress() {
        try (GuestAccess access = cache.access()) {
            assertThat(access.isUsable()).isTrue();
            // It would wait for the access of its own thread.
            assertThatThrownBy(() -> host.discard(HVA, 1)).isInstanceOf(Throwable.class);
        }
        assertThat(host.discard(HVA, 1)).isEqualTo(HostResult.OK);
        assertThat(cache.refresh()).isEqualTo(Outcome.OK);
        assertThat(memslots.set(1, 0, 0x1000, 4096, HVA)).isEqualTo(Memslots.Change.DONE);
    }

    @Test
    void aRefusedInvalidationIsNotLeftInProgress() throws Exception {
        try (GuestAccess access = cache.access()) {
            assertThat(access.isUsable()).isTrue();
            assertThat(CompletableFuture.supplyAsync(() -> host.tryEvict(HVA, 1)).get(300, TimeUnit.SECONDS))
                    .isEqualTo(HostResult.BUSY);
            assertThat(host.isPresent(HVA)).isTrue();
        }
        assertThat(cache.refresh()).isEqualTo(Outcome.OK);
        assertThat(memslots.set(1, 0, 0x1000, 4096, HVA)).isEqualTo(Memslots.Change.DONE);
        assertThat(host.tryEvict(HVA, 1)).isEqualTo(HostResult.OK);
    }
}
