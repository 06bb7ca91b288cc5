package io.github.pfncache.xen;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.vm.Vm;

/**
 * The cache of the shared page, made for one mode. Mode and mapping come together: who has read this pair once works on
 * one layout to the end of its operation, and a change of mode makes another pair. Immutable.
 *
 * @param mode the guest's mode
 * @param cache of the length of that mode's structure
 */
record SharedInfoPage(GuestMode mode, GfnPfnCache cache) {

    static SharedInfoPage make(Vm vm, GuestMode mode) {
        return new SharedInfoPage(mode, vm.newCache(mode.sharedInfo().size()));
    }

    SharedInfoLayout layout() {
        return mode.sharedInfo();
    }

    /** Where it is; null if nowhere. */
    CacheTarget target() {
        return cache.state().target();
    }
}
