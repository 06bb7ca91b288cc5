package io.github.pfncache.xen;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.function.BooleanSupplier;

/**
 * Lets one thread halt, and any other wake it, in any context. Its lock is held for a few instructions only, and
 * nothing is taken under it.
 *
 * <p>Kernel counterpart: {@code struct rcuwait} of a vCPU, {@code kvm_vcpu_halt()}, {@code kvm_vcpu_kick()}.
 */
final class WakeUp {

    private final TrackedLock lock = new TrackedLock(LockClass.WAKE_UP);

    // Guarded by lock.

    private boolean woken;

    /** Forgets the calls of {@link #wake} made up to now. From here on none is lost. */
    void arm() {
        lock.lock();
        woken = false;
        lock.unlock();
    }

    /** Ends the halt, or the next one after the last {@link #arm}. */
    void wake() {
        lock.lock();
        woken = true;
        lock.signalAll();
        lock.unlock();
    }

    /** Makes the thread that halts look at its own condition again: the clock has moved. */
    void look() {
        lock.lock();
        lock.signalAll();
        lock.unlock();
    }

    /**
     * Halts.
     *
     * @param due the condition of the thread that halts; evaluated under this object's lock, so it takes none
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return whether {@link #wake} was called since the last {@link #arm}
     */
    boolean await(BooleanSupplier due, long deadlineNanos) {
        lock.lock();
        try {
            lock.await(() -> woken || due.getAsBoolean(), deadlineNanos);
            return woken;
        } finally {
            lock.unlock();
        }
    }
}
