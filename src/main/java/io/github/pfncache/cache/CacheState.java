package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;

/**
 * The state of a cache at one moment, for audits, reports and messages. Immutable.
 *
 * @param active whether it is active, and so listed
 * @param valid whether its mapping may be used, as far as the host is concerned
 * @param target where it points; null when it points nowhere
 * @param uhva host address of the window; -1 if there is none
 * @param pfn frame of the mapping it owns; -1 if it owns none
 * @param generation of the memslots that translated it; without meaning by hva
 * @since 0.1.0
 */
public record CacheState(boolean active, boolean valid, CacheTarget target, long uhva, long pfn, long generation) {

    @Override
    public String toString() {
        return (active ? "active" : "inactive") + (valid ? " valid " : " invalid ")
                + (target == null ? "nowhere" : target + " -> uhva=" + Pages.hex(uhva) + " -> pfn=" + Pages.hex(pfn))
                + " generation=" + generation;
    }
}
