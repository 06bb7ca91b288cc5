package io.github.pfncache.observability;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.Vm;
import org.junit.jupiter.api.Test;

/** The counts of one cache and of a VM. */
final class CountsTest {

    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    private final Vm vm = Vm.builder().build();

    CountsTest() {
        vm.host().mapAnonymous(HVA, 4, Protection.READ_WRITE);
        vm.memslots().set(1, 0, GPA, 4 * 4096, HVA);
    }

    @Test
    void aNewCacheHasDoneNothing() {
        assertThat(vm.newCache(8).stats()).isEqualTo(new CacheStats(0, 0, 0, 0, 0, 0, 0, 0));
    }

    @Test
    void aCacheCountsItsOwn() {
        GfnPfnCache cache = vm.newCache(8);
        GfnPfnCache other = vm.newCache(8);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.OK);
        assertThat(other.activate(GPA + 4096)).isEqualTo(Outcome.OK);
        assertThat(vm.host().migrate(HVA)).isEqualTo(HostResult.OK);
        try (GuestAccess access = cache.access()) {
            assertThat(access.isUsable()).isTrue();
            assertThat(cache.stats()).as("asked by who has an access open")
                    .isEqualTo(new CacheStats(2, 1, 2, 0, 0, 0, 1, 1));
        }
        assertThat(cache.activate(0x900000)).isEqualTo(Outcome.FAULT);
        assertThat(cache.stats()).isEqualTo(new CacheStats(3, 2, 2, 0, 0, 1, 1, 1));
        assertThat(other.stats()).isEqualTo(new CacheStats(1, 1, 1, 0, 0, 0, 0, 0));
        assertThat(vm.caches().stats()).as("of the VM, where new memory took the place of none")
                .isEqualTo(new CacheStats(4, 3, 3, 0, 0, 1, 2, 1));
    }
}
