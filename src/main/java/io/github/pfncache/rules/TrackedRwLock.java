package io.github.pfncache.rules;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A read-write lock with a place in the {@linkplain LockClass lock order}. Readers exclude writers, not each other. Not
 * reentrant and not upgradable: a thread that holds it and waits for it breaks {@link LockRule#NO_RECURSION}; without
 * rules, a thread that would wait for itself gets an {@link IllegalStateException}.
 *
 * <p><b>Reader bias.</b> A subclass may keep the lock <em>open</em> while no writer is there. As long as it is, a
 * reader takes one locked instruction: it announces itself in a table of the process, in a word that no other reader
 * has, and sees that the lock is open still. Two readers share nothing while there are rows enough. A writer takes the
 * lock proper, shuts it, and waits until nobody is announced. Readers that find it shut use the lock proper; of this
 * class itself, all do.
 *
 * <p><b>Memory order</b>, and which order pairs with which.
 * <ul>
 *   <li><i>Reader and writer.</i> Reader: announce (compare-and-set), then look whether it is open. Writer: shut, then
 *       look at the announcements. All four are volatile, so they have one total order: either the reader sees that it
 *       is shut and leaves, or the writer sees the announcement and waits. Both may happen; neither cannot. Without the
 *       fence of the announcement the processor, x86 too, could look first and announce later.
 *   <li><i>What a reader does</i> stays between the two: not before its look (an acquire), not after it leaves (a
 *       release), which the writer reads before it goes on. x86 gives both for free; the compiler does not.
 *   <li><i>What the writer did</i> is there for the readers it opens the lock for: it opens with a release.
 *   <li><i>A writer that finds the lock shut</i> need not look for readers: whoever shut it has waited for them, and
 *       then gave the lock proper to this one. Who announced himself since has left, or is about to.
 *   <li><i>Who asks whether he reads himself</i> need not look for his announcement either, if the lock is shut, has no
 *       writer, and has been shut all the time between two looks at the sequence: whoever shut it has waited for him.
 * </ul>
 *
 * <p>Kernel counterpart: {@code rwlock_t} with lockdep; the bias is that of {@code percpu_rw_semaphore}, the idea of
 * the table that of BRAVO (Dice and Kogan, 2019).
 */
public class TrackedRwLock {

    /** Instead of a hold: the lock was not taken. Every hold is greater. */
    public static final int NOT_TAKEN = -2;

    /** The hold of a reader that took the lock proper. Those of announced readers are 0 or greater. */
    private static final int PROPER = -1;

    private static final AtomicLong CREATIONS = new AtomicLong();
    private final LockClass lockClass;
    private final long creation = CREATIONS.incrementAndGet();
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

    /** What goes before the thread in an announcement. */
    private final long name = Announcements.nameOf(creation);
    private final long briefName = Announcements.briefNameOf(creation);

    /**
     * A free lock. Locks of a class that nests are taken in creation order.
     *
     * @param lockClass its place in the order
     */
    public TrackedRwLock(LockClass lockClass) {
        this.lockClass = lockClass;
    }

    // ------------------------------------------------------------------ reader bias, for subclasses

    /**
     * Says whether readers may announce themselves instead of taking the lock proper, and whether that has changed.
     *
     * @return even while the lock is open, odd while it is shut; never the same again after a change; to be read with
     *     volatile semantics
     */
    protected long sequence() {
        return 1;
    }

    /** Makes {@link #sequence} odd, with volatile semantics. Called with the lock proper held for writing. */
    protected void shut() {}

    /** May make {@link #sequence} even, with a release; does if the writer that shut it has changed nothing since. */
    protected void open() {}

    private boolean isOpen() {
        return (sequence() & 1) == 0;
    }

    // ------------------------------------------------------------------ readers

    /**
     * Waits until no writer holds the lock and takes it for reading.
     *
     * @return the hold, for {@link #readUnlock}
     * @throws IllegalStateException if a writer waits for this very thread to give its hold back
     */
    public final int readLock() {
        before(HeldLocks.Manner.WAITS);
        int hold = announce();
        if (hold == Announcements.NOWHERE) {
            awaitProper(lock.readLock());
        }
        after();
        return hold;
    }

    /** Announces the thread, unless the lock is shut; the place, which is the hold, or NOWHERE, which is PROPER. */
    private int announce() {
        if (!isOpen()) {
            return Announcements.NOWHERE; // as it would find out: spares the locked instruction
        }
        Interleaving.reached("open");
        int place = Announcements.enter(name);
        Interleaving.reached("announced");
        if (place != Announcements.NOWHERE && !isOpen()) {
            Announcements.leave(place); // a writer came between, and may have seen us or not
            return Announcements.NOWHERE;
        }
        return place;
    }

    /** Waits until a side of the lock proper can be had, and takes it. */
    private void awaitProper(Lock side) {
        if (isHeldByCurrentThread()) {
            throw wouldWaitForItself();
        }
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            side.lock();
        } else {
            while (!side.tryLock()) { // bounded by the explorer, which reports a deadlock
                explorer.blocked(this, false);
            }
        }
    }

    /**
     * Takes the lock for reading if no writer holds it now.
     *
     * @return the hold, for {@link #readUnlock}, or {@link #NOT_TAKEN}
     */
    public final int tryReadLock() {
        before(HeldLocks.Manner.TRIES);
        int hold = announce();
        if (hold == Announcements.NOWHERE && (isHeldByCurrentThread() || !lock.readLock().tryLock())) {
            return NOT_TAKEN;
        }
        after();
        return hold;
    }

    /**
     * Gives the read side back.
     *
     * @param hold what taking it returned
     */
    public final void readUnlock(int hold) {
        released();
        if (hold == PROPER) {
            lock.readLock().unlock();
        } else {
            Announcements.leave(hold);
        }
        afterUnlock("read-unlock ");
    }

    // ------------------------------------------------------------------ brief holds

    /**
     * What the lock goes by where brief holds are announced, for {@link #enterBriefly}.
     *
     * @return the same number each time
     */
    public final long briefName() {
        return briefName;
    }

    /**
     * Announces a hold that ends within a few instructions, with nothing in it that could wait. It is one of the read
     * side if the lock is open: the caller looks afterwards, and leaves in any case. For those who keep what they need
     * at hand; {@link #awaitBriefReaders} waits for such holds.
     *
     * @param lock the lock, which is looked at only while rules are checked
     * @param briefName its {@link #briefName}
     * @return the hold, for {@link #leaveBriefly}; or {@link #NOT_TAKEN}, and there is nothing to leave
     */
    public static int enterBriefly(TrackedRwLock lock, long briefName) {
        if (Rules.ENABLED) {
            lock.before(HeldLocks.Manner.WAITS); // as it would if the lock turned out to be shut
        }
        int place = Announcements.enterBriefly(briefName);
        if (place == Announcements.NOWHERE) {
            return NOT_TAKEN;
        }
        if (Rules.ENABLED) {
            lock.after();
            Interleaving.reached("announced");
        }
        return place;
    }

    /**
     * Ends a brief hold: whoever waits for it sees what was done under it.
     *
     * @param lock the lock, which is looked at only while rules are checked
     * @param hold what {@link #enterBriefly} returned
     */
    public static void leaveBriefly(TrackedRwLock lock, int hold) {
        if (Rules.ENABLED) {
            lock.released();
        }
        Announcements.leave(hold);
        if (Rules.ENABLED) {
            lock.afterUnlock("read-unlock ");
        }
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

    // ------------------------------------------------------------------ writers

    /**
     * Waits until nobody holds the lock and takes it for writing.
     *
     * @throws IllegalStateException if this thread holds it
     */
    public final void writeLock() {
        before(HeldLocks.Manner.WAITS);
        if (!tryProper()) {
            awaitProper(lock.writeLock());
        }
        if (isOpen() && !keepReadersAway()) {
            if (Announcements.isReadByCurrentThread(name)) {
                giveUp();
                throw wouldWaitForItself();
            }
            Announcements.awaitUnread(name, this, false, 0);
        }
        after();
        Interleaving.reached("unread");
    }

    /**
     * Takes the lock for writing if nobody holds it now.
     *
     * @return true iff it was taken
     */
    public final boolean tryWriteLock() {
        before(HeldLocks.Manner.TRIES);
        if (!tryProper()) {
            return false;
        }
        return tookIf(!isOpen() || keepReadersAway());
    }

    /**
     * Waits for the write side up to a deadline.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff it was taken; false at once when this thread holds either side, or when the thread was
     *     interrupted (which stays set)
     */
    public final boolean tryWriteLock(long deadlineNanos) {
        before(HeldLocks.Manner.BOUNDED);
        if (!tryProper() && (isHeldByCurrentThread() || !awaitProper(deadlineNanos))) {
            return false;
        }
        return tookIf(!isOpen() || keepReadersAway()
                || !Announcements.isReadByCurrentThread(name)
                        && Announcements.awaitUnread(name, this, true, deadlineNanos));
    }

    /** Takes the lock proper for writing if nobody has it; never twice. */
    private boolean tryProper() {
        return !lock.isWriteLockedByCurrentThread() && lock.writeLock().tryLock();
    }

    private boolean awaitProper(long deadlineNanos) {
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer == null) {
            return awaitWrite(deadlineNanos);
        }
        while (!lock.writeLock().tryLock()) { // bounded by the explorer, which lets a timed wait expire
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

    private IllegalStateException wouldWaitForItself() {
        return new IllegalStateException("this thread holds the " + lockClass + " lock it is about to wait for");
    }

    /** Shuts the lock, whose proper is held for writing; whether no reader is announced. */
    private boolean keepReadersAway() {
        shut(); // before the announcements are looked at, see the class comment
        Interleaving.reached("shut");
        return !Announcements.isRead(name);
    }

    /** The lock proper is held for writing and shut: the end of taking it, or of not taking it after all. */
    private boolean tookIf(boolean unread) {
        if (unread) {
            after();
        } else {
            giveUp();
        }
        return unread;
    }

    private void giveUp() {
        open();
        lock.writeLock().unlock();
    }

    /** Gives the write side back. */
    public final void writeUnlock() {
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
    public final boolean isHeldByCurrentThread() {
        return lock.getReadHoldCount() > 0
                || lock.isWriteLockedByCurrentThread()
                || isAnnouncedByCurrentThread()
                || Rules.ENABLED && HeldLocks.holds(this); // briefly
    }

    private boolean isAnnouncedByCurrentThread() {
        long seen = sequence();
        boolean shut = (seen & 1) != 0 && !lock.isWriteLocked() && sequence() == seen; // see the class comment
        return !shut && Announcements.isReadByCurrentThread(name);
    }

    /**
     * Where this lock stands among those of its class: of two that one thread holds, the earlier is taken first
     * ([rule L14]).
     *
     * @return a number that grows with every lock made
     */
    public final long creation() {
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
    public final String toString() {
        String holders = lock.isWriteLocked() ? " (written)"
                : lock.getReadLockCount() > 0 || Announcements.isRead(name) ? " (read)" : " (free)";
        return lockClass + "#" + creation + holders;
    }
}
