package io.github.pfncache.host;

/** What works on one address space: that, its family and its store at hand. */
abstract class SpaceOps {

    static final int MAX_ATTEMPTS = HostFamily.MAX_ATTEMPTS;

    final AddressSpace space;
    final HostFamily family;
    final PageStore store;

    SpaceOps(AddressSpace space) {
        this.space = space;
        this.family = space.family;
        this.store = space.store;
    }
}
