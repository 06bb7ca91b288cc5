package io.github.pfncache.xen;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vm;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A structure of one vCPU that its guest registered: a cache of the structure's length, and the lock that makes its
 * host a single writer and its registration one at a time. Thread-safe.
 */
final class GuestWindow {

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    /** Pointed somewhere and refreshed with lock held, so its own refresh lock is free; tried without, at any time. */
    private final GfnPfnCache cache;

    GuestWindow(Vm vm, int length) {
        cache = vm.newCache(length);
    }

    Outcome set(CacheTarget target) {
        return exclusively(() -> cache.activate(target));
    }

    Outcome clear() {
        return exclusively(() -> {
            Outcome outcome = cache.deactivate();
            XenRule.CLEARED_MEANS_INACTIVE.check(outcome == Outcome.OK && target() == null, cache);
            return outcome;
        });
    }

    /** Where it is registered, by the kind of address that was given; null if it is not. */
    CacheTarget target() {
        return cache.state().target();
    }

    /** Does something with the bytes, if they can be had; may wait. Not OK: nothing was done. */
    Outcome update(Consumer<GuestAccess> body) {
        return exclusively(() -> {
            try (GuestAccess access = cache.access()) {
                if (access.isUsable()) {
                    body.accept(access);
                }
                return access.outcome();
            }
        });
    }

    /** The bytes, if they can be had without waiting. Not alone: what is written is written atomically. */
    GuestAccess tryAccess() {
        return cache.tryAccess();
    }

    <T> T exclusively(Supplier<T> body) {
        lock.lock();
        try {
            return body.get();
        } finally {
            lock.unlock();
        }
    }

    boolean isHeldByCurrentThread() {
        return lock.isHeldByCurrentThread();
    }
}
