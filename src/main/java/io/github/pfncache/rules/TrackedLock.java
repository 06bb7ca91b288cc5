package io.github.pfncache.rules;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
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
public final class TrackedLock extends OrderedLock implements AutoCloseable {

    private static final AtomicLong CREATIONS = new AtomicLong();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    /**
     * A free lock.
     *
     * @param lockClass its place in the order
     */
    public TrackedLock(LockClass lockClass) {
        super(lockClass, CREATIONS.incrementAndGet());
    }

    /**
     * Waits until the lock is free and takes it.
     *
     * @throws IllegalStateException if this thread holds it
     */
    public void lock() {
        before(HeldLocks.Manner.WAITS);
        refuseRecursion(lock.isHeldByCurrentThread());
        awaitFree(lock, null);
        after();
    }

    /** Takes the lock also when there is no memory for a place in its queue: a call that ends something takes locks. */
    @Override
    void awaitForLong(Lock side) {
        try {
            side.lock();
        } catch (OutOfMemoryError noPlace) {
            while (!side.tryLock()) { // bounded by its holders, as the wait in the queue is
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
        Objects.requireNonNull(deadlineNanos); // null would wait as long as it takes
        before(HeldLocks.Manner.BOUNDED);
        if (lock.isHeldByCurrentThread() || !lock.tryLock() && !awaitFree(lock, deadlineNanos)) {
            return false;
        }
        after();
        return true;
    }

    /** Gives the lock back. */
    public void unlock() {
        released();
        lock.unlock();
        Interleaving.reached("unlock ", lockClass);
    }

    /** Gives the lock back: {@code lock.lock(); try (lock) { ... }} holds it for a block. */
    @Override
    public void close() {
        unlock();
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
        long left = Patience.left(deadlineNanos);
        if (left <= 0) {
            return false;
        }
        released();
        try {
            HeldLocks.mightSleep("waiting on " + lockClass); // if not, the lock is held as before
            changed.awaitNanos(left);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            after();
        }
    }

    private boolean awaitExplorer(Interleaving.Explorer explorer) {
        released();
        try {
            HeldLocks.mightSleep("waiting on " + lockClass);
            lock.unlock();
            boolean more = explorer.blocked(this, true);
            awaitFree(lock, null);
            return more;
        } finally {
            after();
        }
    }

    /** Wakes every thread that waits in {@link #await}. The caller holds the lock. */
    public void signalAll() {
        changed.signalAll();
    }

    @Override
    public String toString() {
        return lockClass + "#" + creation + (lock.isLocked() ? " (held)" : " (free)");
    }
}
