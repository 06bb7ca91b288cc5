package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A refresh that finds the page where it was keeps all that is still right, and nothing that is not. */
class RefreshInPlaceTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;
    private static final long BUFFER = 0x7e00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Memslots memslots = new Memslots();
    private final CacheDomain domain = new CacheDomain(memslots, host, RetryPolicy.DEFAULT);
    private final GfnPfnCache cache = domain.newCache(64);

    RefreshInPlaceTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        memslots.set(1, 0, GPA, 2 * Pages.PAGE_SIZE, HVA);
        assertThat(cache.activate(GPA + 8)).isEqualTo(Outcome.OK);
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.OK);
    }

    @AfterEach
    void audit() {
        domain.audit(true);
        host.audit();
    }

    /** Invalidates both pages, and leaves them where they are. */
    private void invalidate() {
        host.writeProtect(HVA, 2, false);
        assertThat(cache.check()).isFalse();
    }

    @Test
    void theSameFrameNeedsNoOtherMapping() {
        long pfn = cache.state().pfn();
        for (int i = 0; i < 3; i++) {
            invalidate();
            assertThat(cache.refresh()).isEqualTo(Outcome.OK);
            assertThat(cache.loadLong(0, -1)).isEqualTo(1);
            assertThat(cache.state().pfn()).isEqualTo(pfn);
            assertThat(host.liveMappings()).isEqualTo(1);
            assertThat(host.pageReferences()).isZero();
        }
        assertThat(cache.stats().refreshes()).isEqualTo(4);
        assertThat(cache.stats().resolutions()).isEqualTo(4);
        assertThat(domain.stats().refreshes()).isEqualTo(4);
        assertThat(domain.stats().resolutions()).isEqualTo(4);
    }

    @Test
    void aFrameThatMovedIsMappedAnew() {
        long pfn = cache.state().pfn();
        assertThat(host.migrate(HVA)).isEqualTo(HostResult.OK);
        assertThat(cache.loadLong(0, -1)).isEqualTo(1);
        assertThat(cache.state().pfn()).isNotEqualTo(pfn);
        assertThat(host.liveMappings()).isEqualTo(1);
    }

    @Test
    void theFormerOffsetIsNotKeptWithThePage() {
        invalidate();
        assertThat(cache.activate(GPA + 16)).isEqualTo(Outcome.OK);
        assertThat(cache.storeLong(0, 2)).isEqualTo(Outcome.OK);
        assertThat(cache.activate(GPA + 8)).isEqualTo(Outcome.OK);
        assertThat(cache.loadLong(0, -1)).isEqualTo(1);
        assertThat(cache.loadLong(8, -1)).isEqualTo(2);
        assertThat(host.liveMappings()).isEqualTo(1);
    }

    @Test
    void theFormerPageOfTheLogIsNotKeptWithTheMapping() {
        memslots.set(2, Memslot.FLAG_LOG_DIRTY_PAGES, 2 * GPA, 2 * Pages.PAGE_SIZE, HVA); // the same memory
        memslots.setFlags(1, Memslot.FLAG_LOG_DIRTY_PAGES);
        assertThat(cache.storeLong(0, 3)).isEqualTo(Outcome.OK);
        assertThat(cache.activate(2 * GPA + 8)).isEqualTo(Outcome.OK);
        assertThat(cache.storeLong(0, 4)).isEqualTo(Outcome.OK);
        assertThat(memslots.harvestDirty(1).harvest().pages()).containsExactly(0);
        assertThat(memslots.harvestDirty(2).harvest().pages()).containsExactly(0);
        memslots.setFlags(2, 0);
        assertThat(cache.storeLong(0, 5)).isEqualTo(Outcome.OK);
        memslots.setFlags(2, Memslot.FLAG_LOG_DIRTY_PAGES);
        assertThat(memslots.harvestDirty(2).harvest().pages()).isEmpty();
        assertThat(cache.storeLong(0, 6)).isEqualTo(Outcome.OK);
        invalidate();
        assertThat(cache.storeLong(0, 7)).isEqualTo(Outcome.OK);
        assertThat(memslots.harvestDirty(2).harvest().pages()).containsExactly(0);
        assertThat(memslots.harvestDirty(1).harvest().pages()).isEmpty();
    }

    @Test
    void anotherBufferWithTheFrameNumbersOfTheFormerIsMappedAnew() {
        byte[] former = new byte[Pages.PAGE_SIZE];
        byte[] next = new byte[Pages.PAGE_SIZE];
        host.mapBuffer(BUFFER, former, Protection.READ_WRITE);
        assertThat(cache.activateHva(BUFFER)).isEqualTo(Outcome.OK);
        long pfn = cache.state().pfn();
        host.unmap(BUFFER, 1);
        host.mapBuffer(BUFFER, next, Protection.READ_WRITE);
        assertThat(cache.storeByte(0, (byte) 9)).isEqualTo(Outcome.OK);
        assertThat(cache.state().pfn()).isEqualTo(pfn);
        assertThat(former[0]).isZero();
        assertThat(next[0]).isEqualTo((byte) 9);
        assertThat(host.liveMappings()).isEqualTo(1);
    }

    @Test
    void aMissedRefreshLeavesNothingToUseAgain() {
        host.unmap(HVA, 1);
        assertThat(cache.refresh()).isEqualTo(Outcome.FAULT);
        assertThat(host.liveMappings()).isZero();
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        assertThat(cache.loadLong(0, -1)).isZero();
        assertThat(host.liveMappings()).isEqualTo(1);
        assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
        assertThat(host.liveMappings()).isZero();
        assertThat(cache.loadLong(0, -1)).isEqualTo(-1);
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.INACTIVE);
    }
}
