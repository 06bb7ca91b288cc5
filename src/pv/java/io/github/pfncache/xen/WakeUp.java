package io.github.pfncache.xen;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;

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
    /** The thread that halts is to look at its own condition again. */
    private boolean looking;

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

    /** Whether {@link #wake} was called since the last {@link #arm}. */
    boolean isWoken() {
        lock.lock();
        try {
            return woken;
        } finally {
            lock.unlock();
        }
    }

    /** Makes the thread that halts, or halts next, look at its own condition again: the clock has moved. */
    void look() {
        lock.lock();
        looking = true;
        lock.signalAll();
        lock.unlock();
    }

    /**
     * Halts, until {@link #wake}, {@link #look} or the deadline. The condition that the thread waits for is looked at
     * by that thread before and after, not in here: a clock is code of others, and does not run under a lock.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return whether {@link #wake} was called since the last {@link #arm}
     */
    boolean await(long deadlineNanos) {
        lock.lock();
        try {
            lock.await(() -> woken || looking, deadlineNanos);
            looking = false;
            return woken;
        } finally {
            lock.unlock();
        }
    }
}
