package io.github.pfncache.rules;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A read-write lock with a place in the {@linkplain LockClass lock order}. Readers exclude writers, not each other. Not
 * reentrant and not upgradable: a thread that holds it and waits for it breaks {@link LockRule#NO_RECURSION}; without
 * rules, a thread that would wait for itself gets an {@link IllegalStateException}.
 *
 * <p><b>Reader bias.</b> With it, a reader takes one locked instruction: it announces itself in a table of the process,
 * in a word that no other thread writes, and sees that no writer is there. Two readers share nothing. A writer takes
 * the lock proper, turns the sequence odd, and waits until nobody is announced; readers that come now wait at the lock
 * proper. Without bias the sequence is odd for ever, and everybody uses the lock proper.
 *
 * <p><b>Optimistic reads.</b> Whoever can throw its result away need not announce itself: it takes a stamp, reads, and
 * uses what it read if the stamp is still good. What it reads may be torn or gone until it knows.
 *
 * <p><b>Memory order</b>, and which order pairs with which.
 * <ul>
 *   <li><i>Announced reader and writer.</i> Reader: announce (compare-and-set), then look at the sequence. Writer:
 *       sequence odd, then look at the announcements. All four are volatile, so they have one total order: either the
 *       reader sees the odd sequence and withdraws, or the writer sees the announcement and waits. Both may happen;
 *       neither cannot. Without the fence in the announcement the processor, x86 too, could look at the sequence first.
 *   <li><i>The reader's accesses</i> stay between the two: not before the look at the sequence (an acquire), not after
 *       the withdrawal (a release), which the writer reads before it goes on. x86 gives both for free; the compiler
 *       does not.
 *   <li><i>Optimistic reader and writer.</i> Reader: stamp (acquire), data, load-load fence, sequence. Writer: sequence
 *       odd, full fence, data, sequence even (release). If the reader saw anything that the writer wrote, or that
 *       others wrote after the writer had let them, its second look comes after the sequence turned odd, and the stamp
 *       is bad. If its stamp is that of the writer's end, it sees all of what the writer wrote.
 * </ul>
 *
 * <p>Kernel counterpart: {@code rwlock_t} with lockdep; the bias is that of {@code percpu_rw_semaphore}, the idea of
 * the table that of BRAVO (Dice and Kogan, 2019).
 */
public final class TrackedRwLock {

    /** Instead of a hold: the lock was not taken. Every hold is greater. */
    public static final int NOT_TAKEN = -2;

    /** The hold of a reader that took the lock proper. Those of announced readers are 0 or greater. */
    private static final int PROPER = -1;

    private static final AtomicLong CREATIONS = new AtomicLong();
    private static final VarHandle SEQUENCE;

    static {
        try {
            SEQUENCE = MethodHandles.lookup().findVarHandle(TrackedRwLock.class, "sequence", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final LockClass lockClass;
    private final long creation = CREATIONS.incrementAndGet();
    private final boolean biased;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

    /** Odd while a writer is there, and always without bias; never 0. Written with the write side of lock held. */
    private long sequence;

    /**
     * A free lock. Locks of a class that nests are taken in creation order.
     *
     * @param lockClass its place in the order
     * @param readerBias whether readers may announce themselves instead of taking the lock proper
     */
    public TrackedRwLock(LockClass lockClass, boolean readerBias) {
        this.lockClass = lockClass;
        this.biased = readerBias;
        this.sequence = readerBias ? 2 : 1;
    }

    // ------------------------------------------------------------------ readers

    /**
     * Waits until no writer holds the lock and takes it for reading.
     *
     * @return the hold, for {@link #readUnlock}
     * @throws IllegalStateException if a writer waits for this very thread to give its hold back
     */
    public int readLock() {
        return readLock(false);
    }

    /**
     * As {@link #readLock}, for a hold that ends within a few instructions, with nothing in it that could wait. {@link
     * #awaitBriefReaders} waits for such holds.
     *
     * @return the hold, for {@link #readUnlock}; {@linkplain #isAnnounced announced} or not
     * @throws IllegalStateException if a writer waits for this very thread to give its hold back
     */
    public int readLockBriefly() {
        return readLock(true);
    }

    private int readLock(boolean brief) {
        before(HeldLocks.Manner.WAITS);
        int hold = announce(brief);
        if (hold == Announcements.NOWHERE) {
            readLockProper();
        }
        after();
        return hold;
    }

    /** Announces the thread, unless a writer is there; the place, which is the hold, or NOWHERE, which is PROPER. */
    private int announce(boolean brief) {
        if (((long) SEQUENCE.getOpaque(this) & 1) != 0) {
            return Announcements.NOWHERE; // as it would find out: spares the locked instruction
        }
        Interleaving.reached("no writer");
        int place = Announcements.enter(creation, brief);
        Interleaving.reached("announced");
        if (place != Announcements.NOWHERE && ((long) SEQUENCE.getVolatile(this) & 1) != 0) {
            Announcements.leave(place); // a writer came between, and may have seen us or not
            return Announcements.NOWHERE;
        }
        return place;
    }

    private void readLockProper() {
        if (isHeldByCurrentThread()) {
            throw new IllegalStateException("this thread holds the " + lockClass + " lock it is about to wait for");
        }
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            lock.readLock().lock();
        } else {
            while (!lock.readLock().tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
        }
    }

    /**
     * Takes the lock for reading if no writer holds it now.
     *
     * @return the hold, for {@link #readUnlock}, or {@link #NOT_TAKEN}
     */
    public int tryReadLock() {
        before(HeldLocks.Manner.TRIES);
        int hold = announce(false);
        if (hold == Announcements.NOWHERE && (isHeldByCurrentThread() || !lock.readLock().tryLock())) {
            return NOT_TAKEN;
        }
        after();
        return hold;
    }

    /**
     * Gives the read side back.
     *
     * @param hold what {@link #readLock} or {@link #tryReadLock} returned
     */
    public void readUnlock(int hold) {
        released();
        if (hold == PROPER) {
            lock.readLock().unlock();
        } else {
            Announcements.leave(hold);
        }
        afterUnlock("read-unlock ");
    }

    /**
     * Gives the read side back.
     *
     * @param hold what {@link #readLockBriefly} returned
     */
    public void readUnlockBriefly(int hold) {
        if (hold != PROPER) {
            Announcements.countBrief(hold);
        }
        readUnlock(hold);
    }

    /**
     * Whether a hold is one that {@link #awaitBriefReaders} can see.
     *
     * @param hold what taking the read side returned
     * @return true iff its thread announced itself
     */
    public static boolean isAnnounced(int hold) {
        return hold > PROPER;
    }

    /**
     * Waits until every brief hold has ended, of any lock, that was announced when this was called. What was done under
     * them can be seen afterwards.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false iff it gave up
     */
    public static boolean awaitBriefReaders(long deadlineNanos) {
        return Announcements.awaitBrief(deadlineNanos);
    }

    /**
     * Begins an optimistic read.
     *
     * @return a stamp for {@link #validate}, or 0 if a writer is there or the lock has no bias: read under the lock
     */
    public long tryOptimisticRead() {
        long stamp = (long) SEQUENCE.getAcquire(this);
        Interleaving.reached("optimistic read");
        return (stamp & 1) == 0 ? stamp : 0;
    }

    /**
     * Ends an optimistic read.
     *
     * @param stamp what beginning it returned
     * @return true iff no writer came since; otherwise what was read means nothing
     */
    public boolean validate(long stamp) {
        Interleaving.reached("validate");
        VarHandle.loadLoadFence(); // the data before the sequence: pairs with the full fence in shut()
        return (long) SEQUENCE.getOpaque(this) == stamp;
    }

    // ------------------------------------------------------------------ writers

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
        shut();
        awaitAnnounced(false, 0);
        after();
        Interleaving.reached("unread");
    }

    /**
     * Takes the lock for writing if nobody holds it now.
     *
     * @return true iff it was taken
     */
    public boolean tryWriteLock() {
        before(HeldLocks.Manner.TRIES);
        if (isHeldByCurrentThread() || !lock.writeLock().tryLock()) {
            return false;
        }
        shut();
        return tookIf(!biased || !Announcements.isRead(creation));
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
        if (isHeldByCurrentThread() || !writeBefore(deadlineNanos)) {
            return false;
        }
        shut();
        return tookIf(awaitAnnounced(true, deadlineNanos));
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

    /** The lock proper is held for writing and shut: the end of taking it, or of not taking it after all. */
    private boolean tookIf(boolean unread) {
        if (unread) {
            after();
        } else {
            open();
            lock.writeLock().unlock();
        }
        return unread;
    }

    /** Keeps new readers away. The lock proper is held for writing. */
    private void shut() {
        if (biased) {
            SEQUENCE.setVolatile(this, sequence + 1);
            // Odd before the announcements are looked at, and before anything guarded changes: see the class comment.
            VarHandle.fullFence();
            Interleaving.reached("shut");
        }
    }

    /** Lets readers in again. Pairs with the stamp of an optimistic read and with the look in announce(). */
    private void open() {
        if (biased) {
            SEQUENCE.setRelease(this, sequence + 1);
        }
    }

    /** Waits for the readers that were announced before the lock was shut; others withdraw at once. */
    private boolean awaitAnnounced(boolean timed, long deadlineNanos) {
        return !biased || Announcements.awaitUnread(creation, this, timed, deadlineNanos);
    }

    /** Gives the write side back. */
    public void writeUnlock() {
        released();
        open();
        lock.writeLock().unlock();
        afterUnlock("write-unlock ");
    }

    /**
     * Whether the current thread holds either side.
     *
     * @return true iff it does
     */
    public boolean isHeldByCurrentThread() {
        return lock.getReadHoldCount() > 0
                || lock.isWriteLockedByCurrentThread()
                || biased && Announcements.isReadByCurrentThread(creation);
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

    private void afterUnlock(String what) {
        if (Rules.ENABLED) {
            Interleaving.reached(what + lockClass);
        }
    }

    @Override
    public String toString() {
        String holders = lock.isWriteLocked() ? " (written)"
                : lock.getReadLockCount() > 0 || Announcements.isRead(creation) ? " (read)" : " (free)";
        return lockClass + "#" + creation + holders;
    }
}
