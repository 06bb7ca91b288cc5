package io.github.pfncache.rules;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.function.LongSupplier;

/**
 * A lock with a place in the {@linkplain LockClass lock order}: what the rules are told of it, and how a thread waits
 * for the platform's lock under it. While schedules are explored, the explorer says when to look again; otherwise the
 * platform does.
 */
abstract class OrderedLock {

    final LockClass lockClass;

    /** Its number among the locks of its kind. */
    final long creation;

    OrderedLock(LockClass lockClass, long creation) {
        this.lockClass = lockClass;
        this.creation = creation;
    }

    final void before(HeldLocks.Manner manner) {
        if (Rules.ENABLED) {
            HeldLocks.beforeAcquire(this, manner);
            Interleaving.reached("lock ", lockClass);
        }
    }

    final void after() {
        if (Rules.ENABLED) {
            HeldLocks.acquired(this);
        }
    }

    final void released() {
        if (Rules.ENABLED) {
            HeldLocks.released(this);
        }
    }

    final void refuseRecursion(boolean held) {
        if (held) {
            throw new IllegalStateException("this thread holds the " + lockClass + " lock it is about to wait for");
        }
    }

    /**
     * Waits until a side of the platform's lock is free, and takes it.
     *
     * @param deadlineNanos asked for a value of {@link System#nanoTime()} after which to give up; null to wait as long
     *     as it takes
     * @return false iff a deadline was given, and it passed or the thread was interrupted (which stays set)
     */
    final boolean awaitFree(Lock side, LongSupplier deadlineNanos) {
        boolean timed = deadlineNanos != null;
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer != null) {
            while (!side.tryLock()) { // bounded by the explorer, which lets a timed wait expire or reports a deadlock
                if (!explorer.blocked(this, timed) && timed) {
                    return false;
                }
            }
            return true;
        }
        if (timed) {
            return awaitBefore(side, deadlineNanos.getAsLong());
        }
        awaitForLong(side);
        return true;
    }

    /** Waits for the platform's lock up to a deadline; false also when the thread was interrupted (which stays set). */
    static boolean awaitBefore(Lock side, long deadlineNanos) {
        try {
            return side.tryLock(Patience.left(deadlineNanos), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Waits for the platform's lock without a deadline, interrupted or not. */
    abstract void awaitForLong(Lock side);
}
