package io.github.pfncache.rules;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * A mutual exclusion lock with a place in the {@linkplain LockClass lock order}. Not reentrant: a thread that waits for
 * a lock it holds breaks {@link LockRule#NO_RECURSION}, and without rules gets an {@link IllegalStateException}.
 *
 * <p>It doubles as a monitor: {@link #await} waits for a condition over the state that the lock guards, and a thread
 * that changes that state calls {@link #signalAll}.
 *
 * <p>Deadlines are values of {@link System#nanoTime()}. Kernel counterpart: {@code struct mutex}, {@code spinlock_t}
 * and {@code rcuwait}, with lockdep.
 *
 * @since 0.1.0
 */
public final class TrackedLock {

    private static final AtomicLong CREATIONS = new AtomicLong();

    private final LockClass lockClass;
    private final long creation = CREATIONS.incrementAndGet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    /**
     * A free lock.
     *
     * @param lockClass its place in the order
     */
    public TrackedLock(LockClass lockClass) {
        this.lockClass = lockClass;
    }

    /**
     * Waits until the lock is free and takes it.
     *
     * @throws IllegalStateException if this thread holds it
     */
    public void lock() {
        before(HeldLocks.Manner.WAITS);
        refuseRecursion();
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            acquire();
        } else {
            while (!lock.tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
        }
        after();
    }

    /** Takes the lock also when there is no memory for a place in its queue: a call that ends something takes locks. */
    private void acquire() {
        try {
            lock.lock();
        } catch (OutOfMemoryError noPlace) {
            while (!lock.tryLock()) { // bounded by its holders, as the wait in the queue is
                Thread.yield();
            }
        }
    }

    /**
     * Takes the lock if it is free now.
     *
     * @return true iff it was taken; false also when this thread holds it
     */
    public boolean tryLock() {
        before(HeldLocks.Manner.TRIES);
        if (lock.isHeldByCurrentThread() || !lock.tryLock()) {
            return false;
        }
        after();
        return true;
    }

    /**
     * Waits for the lock up to a deadline.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff it was taken; false at once when this thread holds it, or when the thread was interrupted (which
     *     stays set)
     */
    public boolean tryLock(long deadlineNanos) {
        return tryLock(() -> deadlineNanos);
    }

    /**
     * Waits for the lock up to a deadline that is asked for only if it has to wait.
     *
     * @param deadlineNanos answers a value of {@link System#nanoTime()} after which to give up
     * @return as for {@link #tryLock(long)}
     */
    public boolean tryLock(LongSupplier deadlineNanos) {
        before(HeldLocks.Manner.BOUNDED);
        if (lock.isHeldByCurrentThread() || !acquireBefore(deadlineNanos)) {
            return false;
        }
        after();
        return true;
    }

    private boolean acquireBefore(LongSupplier deadlineNanos) {
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer != null) {
            while (!lock.tryLock()) { // bounded by the explorer, which lets a timed wait expire
                if (!explorer.blocked(this, true)) {
                    return false;
                }
            }
            return true;
        }
        if (lock.tryLock()) {
            return true;
        }
        try {
            return lock.tryLock(Deadlines.left(deadlineNanos.getAsLong()), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Gives the lock back. */
    public void unlock() {
        if (Rules.ENABLED) {
            HeldLocks.released(this, lockClass);
        }
        lock.unlock();
        Interleaving.reached("unlock ", lockClass);
    }

    /**
     * Whether the current thread holds the lock.
     *
     * @return true iff it does
     */
    public boolean isHeldByCurrentThread() {
        return lock.isHeldByCurrentThread();
    }

    /**
     * Whether a thread holds the lock.
     *
     * @return what was so a moment ago
     */
    public boolean isTaken() {
        return lock.isLocked();
    }

    /**
     * Waits until a condition over the guarded state holds. The lock is held when the condition is evaluated and on
     * return, and free in between.
     *
     * @param done the condition; evaluated with the lock held
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return the last value of the condition; false also when the thread was interrupted (which stays set)
     */
    public boolean await(BooleanSupplier done, long deadlineNanos) {
        Interleaving.Explorer explorer = Interleaving.explorer();
        while (!done.getAsBoolean()) { // bounded by the deadline, or by the explorer
            boolean more = explorer == null ? awaitSignal(deadlineNanos) : awaitExplorer(explorer);
            if (!more) {
                return done.getAsBoolean();
            }
        }
        return true;
    }

    private boolean awaitSignal(long deadlineNanos) {
        long left = Deadlines.left(deadlineNanos);
        if (left <= 0) {
            return false;
        }
        if (Rules.ENABLED) {
            HeldLocks.released(this, lockClass);
        }
        try {
            HeldLocks.mightSleep("waiting on " + lockClass); // if not, the lock is held as before
            changed.awaitNanos(left);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            if (Rules.ENABLED) {
                HeldLocks.acquired(this, lockClass, creation);
            }
        }
    }

    private boolean awaitExplorer(Interleaving.Explorer explorer) {
        HeldLocks.released(this, lockClass);
        try {
            HeldLocks.mightSleep("waiting on " + lockClass);
            lock.unlock();
            boolean more = explorer.blocked(this, true);
            while (!lock.tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
            return more;
        } finally {
            HeldLocks.acquired(this, lockClass, creation);
        }
    }

    /** Wakes every thread that waits in {@link #await}. The caller holds the lock. */
    public void signalAll() {
        changed.signalAll();
    }

    private void before(HeldLocks.Manner manner) {
        if (Rules.ENABLED) {
            HeldLocks.beforeAcquire(this, lockClass, creation, manner);
            Interleaving.reached("lock ", lockClass);
        }
    }

    private void after() {
        if (Rules.ENABLED) {
            HeldLocks.acquired(this, lockClass, creation);
        }
    }

    private void refuseRecursion() {
        if (lock.isHeldByCurrentThread()) {
            throw new IllegalStateException("this thread holds the " + lockClass + " lock it is about to wait for");
        }
    }

    @Override
    public String toString() {
        return lockClass + "#" + creation + (lock.isLocked() ? " (held)" : " (free)");
    }
}
