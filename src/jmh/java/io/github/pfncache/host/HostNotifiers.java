package io.github.pfncache.host;

import java.util.List;

/**
 * The notifiers of a host memory, for benchmarks that measure what an invalidation costs without the change of page
 * tables around it, which would hide it.
 */
public final class HostNotifiers {

    private HostNotifiers() {}

    /**
     * The one notifier of a memory.
     *
     * @param host a memory of one VM
     * @return what its VM registered
     * @throws IllegalStateException if there is not exactly one
     */
    public static MmuNotifier only(HostMemory host) {
        List<MmuNotifier> notifiers = host.space().notifiers();
        if (notifiers.size() != 1) {
            throw new IllegalStateException(notifiers.size() + " notifiers");
        }
        return notifiers.get(0);
    }
}
