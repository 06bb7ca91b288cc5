package io.github.pfncache.xen;

import io.github.pfncache.rules.HeldLocks;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Where a call comes from, and so whether it may wait. A rule enforces it: a wait in {@link #ATOMIC} context breaks
 * {@link io.github.pfncache.rules.LockRule#NO_WAIT_IN_ATOMIC_CONTEXT}.
 *
 * <p>Kernel counterpart: {@code in_atomic()}; the difference between {@code kvm_xen_set_evtchn_fast()} and
 * {@code kvm_xen_set_evtchn()}.
 *
 * @since 0.1.0
 */
public enum CallContext {

    /** An ordinary thread: it may fault pages in and wait for them. */
    MAY_SLEEP,

    /** Interrupt-like: it tries, and gives up ([rule L9]). What it could not do is kept and done later. */
    ATOMIC;

    /** Runs code in this context. */
    <T> T call(Supplier<T> body) {
        if (this == MAY_SLEEP) {
            return body.get();
        }
        AtomicReference<T> result = new AtomicReference<>();
        HeldLocks.atomically(() -> result.set(body.get()));
        return result.get();
    }

    /** States that what follows may wait. */
    void requireMaySleep(String what) {
        XenRule.L9_ATOMIC_GIVES_UP.check(this == MAY_SLEEP, what);
    }
}
