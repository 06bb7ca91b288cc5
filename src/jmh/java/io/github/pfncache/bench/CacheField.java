package io.github.pfncache.bench;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostNotifiers;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.Vm;

/**
 * Many caches over a VM's host memory: ten to a page, on every second page of every second block of 2 MiB, and a free
 * GiB behind. What an index must tell apart lies close together.
 */
final class CacheField {

    private static final int CACHES_PER_PAGE = 10;
    private static final int WINDOW = 64;
    private static final int PAGES_PER_BLOCK = 512;
    private static final int PAGES_PER_AREA = 512 * PAGES_PER_BLOCK;

    private final Vm vm = Vm.builder().build();

    CacheField(int caches) {
        vm.host().mapAnonymous(BenchMachine.HVA, 3L * PAGES_PER_AREA, Protection.READ_WRITE);
        for (int i = 0; i < caches; i++) { // bounded by the number of caches
            add(pageOf(i / CACHES_PER_PAGE), i % CACHES_PER_PAGE * WINDOW);
        }
    }

    /** A cache more. */
    GfnPfnCache add(long hva, int offset) {
        GfnPfnCache cache = vm.newCache(WINDOW);
        BenchMachine.require(cache.activateHva(hva + offset) == Outcome.OK, "activateHva");
        return cache;
    }

    private static long pageOf(int number) {
        int block = number / (PAGES_PER_BLOCK / 2) * 2;
        int page = number % (PAGES_PER_BLOCK / 2) * 2;
        return hva((long) block * PAGES_PER_BLOCK + page);
    }

    private static long hva(long page) {
        return BenchMachine.HVA + page * BenchMachine.PAGE;
    }

    /** A page without a cache, next to one with ten. */
    HvaRange freePage() {
        return HvaRange.ofPages(hva(1), 1);
    }

    /** A block without a cache, next to one that may be full of them. */
    HvaRange freeBlock() {
        return HvaRange.ofPages(hva(PAGES_PER_BLOCK), PAGES_PER_BLOCK);
    }

    /** A GiB without a cache. */
    HvaRange freeArea() {
        return HvaRange.ofPages(hva(PAGES_PER_AREA), PAGES_PER_AREA);
    }

    MmuNotifier notifier() {
        return HostNotifiers.only(vm.host());
    }

    CacheStats stats() {
        return vm.caches().stats();
    }
}
