package io.github.pfncache.xen;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vm;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A structure of one vCPU that its guest registered: a cache of the structure's length, and the lock that makes its
 * host a single writer. No code of others runs under that lock, or while the structure is written: a page-fault handler
 * that throws, or calls these interfaces again, finds nothing half done. Thread-safe.
 */
final class GuestWindow {

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    /** Pointed somewhere and refreshed without the lock; accessed with it, or tried without, at any time. */
    private final GfnPfnCache cache;

    GuestWindow(Vm vm, int length) {
        cache = vm.newCache(length);
    }

    Outcome set(CacheTarget target) {
        return cache.activate(target);
    }

    Outcome clear() {
        Outcome outcome = cache.deactivate();
        XenRule.CLEARED_MEANS_INACTIVE.check(outcome == Outcome.BUSY || target() == null, cache);
        return outcome;
    }

    /** Where it is registered, by the kind of address that was given; null if it is not. */
    CacheTarget target() {
        return cache.state().target();
    }

    /** Does something with the bytes, if they can be had; may wait. Not OK: nothing was done. */
    Outcome update(Consumer<GuestAccess> body) {
        return update(() -> null, (access, nothing) -> body.accept(access));
    }

    /**
     * Does something with the bytes and a value, which is taken when the bytes are at hand, but before they are
     * accessed.
     *
     * @param source where the value comes from; may be code of others
     * @param body what is done; may not be
     */
    <T> Outcome update(Supplier<T> source, BiConsumer<GuestAccess, T> body) {
        return target() == null ? Outcome.INACTIVE : update(cache, lock, source, body);
    }

    /** The same for any cache and the lock of its writer, which this call takes. */
    static <T> Outcome update(
            GfnPfnCache cache, TrackedLock lock, Supplier<T> source, BiConsumer<GuestAccess, T> body) {
        for (int attempt = 0; attempt < RetryPolicy.DEFAULT.attempts(); attempt++) { // bounded by that number
            T value = source.get();
            lock.lock();
            try (GuestAccess access = cache.tryAccess()) {
                if (access.isUsable()) {
                    body.accept(access, value);
                    return Outcome.OK;
                }
            } finally {
                lock.unlock();
            }
            Outcome outcome = cache.refresh(); // asks page-fault handlers, and may take long
            if (outcome != Outcome.OK) {
                return outcome;
            }
        }
        return Outcome.BUSY;
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
