package io.github.pfncache.host;

/** Sabotage for tests that must be able to fail: a host that tells nobody what it takes away. */
public final class Deafness {

    private Deafness() {}

    /**
     * Ends the registration of every notifier, those of the caches included.
     *
     * @param host the memory
     */
    public static void inflict(HostMemory host) {
        host.space().notifiers().forEach(host::unregisterNotifier);
    }
}
