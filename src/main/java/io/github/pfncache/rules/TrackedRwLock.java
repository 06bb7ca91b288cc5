package io.github.pfncache.rules;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A read-write lock with a place in the {@linkplain LockClass lock order}. Readers exclude writers, not each other. Not
 * reentrant and not upgradable: a thread that holds it and waits for it breaks {@link LockRule#NO_RECURSION}; without
 * rules, waiting for the write side while holding either side is an {@link IllegalStateException}, because it would
 * wait for itself.
 *
 * <p>Kernel counterpart: {@code rwlock_t} with lockdep.
 */
public final class TrackedRwLock {

    private static final AtomicLong CREATIONS = new AtomicLong();

    private final LockClass lockClass;
    private final long creation = CREATIONS.incrementAndGet();
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

    /**
     * A free lock. Locks of a class that nests are taken in creation order.
     *
     * @param lockClass its place in the order
     */
    public TrackedRwLock(LockClass lockClass) {
        this.lockClass = lockClass;
    }

    /** Waits until no writer holds the lock and takes it for reading. */
    public void readLock() {
        before(HeldLocks.Manner.WAITS);
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            lock.readLock().lock();
        } else {
            while (!lock.readLock().tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
        }
        after();
    }

    /**
     * Takes the lock for reading if no writer holds it now.
     *
     * @return true iff it was taken
     */
    public boolean tryReadLock() {
        before(HeldLocks.Manner.TRIES);
        return !isHeldByCurrentThread() && took(lock.readLock().tryLock());
    }

    /** Gives the read side back. */
    public void readUnlock() {
        released();
        lock.readLock().unlock();
        Interleaving.reached("read-unlock " + lockClass);
    }

    /**
     * Waits until nobody holds the lock and takes it for writing.
     *
     * @throws IllegalStateException if this thread holds it
     */
    public void writeLock() {
        before(HeldLocks.Manner.WAITS);
        if (isHeldByCurrentThread()) {
            throw new IllegalStateException("this thread holds the " + lockClass + " lock it is about to wait for");
        }
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            lock.writeLock().lock();
        } else {
            while (!lock.writeLock().tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
        }
        after();
    }

    /**
     * Takes the lock for writing if nobody holds it now.
     *
     * @return true iff it was taken
     */
    public boolean tryWriteLock() {
        before(HeldLocks.Manner.TRIES);
        return !isHeldByCurrentThread() && took(lock.writeLock().tryLock());
    }

    /**
     * Waits for the write side up to a deadline.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff it was taken; false at once when this thread holds either side, or when the thread was
     *     interrupted (which stays set)
     */
    public boolean tryWriteLock(long deadlineNanos) {
        before(HeldLocks.Manner.BOUNDED);
        return !isHeldByCurrentThread() && took(writeBefore(deadlineNanos));
    }

    private boolean writeBefore(long deadlineNanos) {
        Interleaving.Explorer explorer = Interleaving.explorer();
        while (!lock.writeLock().tryLock()) { // bounded by the explorer, which lets a timed wait expire
            if (explorer == null) {
                return awaitWrite(deadlineNanos);
            }
            if (!explorer.blocked(this, true)) {
                return false;
            }
        }
        return true;
    }

    private boolean awaitWrite(long deadlineNanos) {
        try {
            return lock.writeLock().tryLock(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Gives the write side back. */
    public void writeUnlock() {
        released();
        lock.writeLock().unlock();
        Interleaving.reached("write-unlock " + lockClass);
    }

    /**
     * Whether the current thread holds either side.
     *
     * @return true iff it does
     */
    public boolean isHeldByCurrentThread() {
        return lock.getReadHoldCount() > 0 || lock.isWriteLockedByCurrentThread();
    }

    /**
     * Whether the current thread holds the write side.
     *
     * @return true iff it does
     */
    public boolean isWriteLockedByCurrentThread() {
        return lock.isWriteLockedByCurrentThread();
    }

    /**
     * Where this lock stands among those of its class: of two that one thread holds, the earlier is taken first
     * ([rule L14]).
     *
     * @return a number that grows with every lock made
     */
    public long creation() {
        return creation;
    }

    private void before(HeldLocks.Manner manner) {
        if (Rules.ENABLED) {
            HeldLocks.beforeAcquire(this, lockClass, creation, manner);
            Interleaving.reached("lock " + lockClass);
        }
    }

    private boolean took(boolean taken) {
        if (taken) {
            after();
        }
        return taken;
    }

    private void after() {
        if (Rules.ENABLED) {
            HeldLocks.acquired(this, lockClass, creation);
        }
    }

    private void released() {
        if (Rules.ENABLED) {
            HeldLocks.released(this, lockClass);
        }
    }

    @Override
    public String toString() {
        String holders = lock.isWriteLocked() ? " (written)" : " (readers " + lock.getReadLockCount() + ")";
        return lockClass + "#" + creation + holders;
    }
}
