package io.github.pfncache.bench;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;

/** A guest that has memory only: an access beside it ends the benchmark. */
final class NoDevices implements GuestTlb.Unbacked {

    @Override
    public long load(long gpa, int width, Outcome why) {
        throw new IllegalStateException("load of " + Pages.hex(gpa) + ": " + why);
    }

    @Override
    public void store(long gpa, int width, long value, Outcome why) {
        throw new IllegalStateException("store to " + Pages.hex(gpa) + ": " + why);
    }
}
