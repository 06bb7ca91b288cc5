package io.github.pfncache.rules;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * A read-write lock with a place in the {@linkplain LockClass lock order}. Readers exclude writers, not each other. Not
 * reentrant and not upgradable: a thread that holds it and waits for it breaks {@link LockRule#NO_RECURSION}; without
 * rules, a thread that would wait for itself gets an {@link IllegalStateException}.
 *
 * <p><b>Reader bias.</b> A {@link ReaderBias} may keep the lock <em>open</em> while no writer is there. While the lock
 * is open, a reader takes one locked instruction: it announces itself in a table of the process, in a word that no
 * other reader has, and sees that the lock is still open. Two readers share nothing while there are rows enough. A
 * writer takes the underlying lock, called the lock proper, shuts the lock, and waits until no reader is announced. A
 * reader that finds the lock shut takes the lock proper; without a bias every reader does.
 *
 * <p><b>Memory order</b>, and which order pairs with which.
 * <ul>
 *   <li><i>Reader and writer.</i> Reader: announce (compare-and-set), then look whether it is open. Writer: shut, then
 *       look at the announcements. All four are volatile, so they have one total order: either the reader sees that it
 *       is shut and leaves, or the writer sees the announcement and waits. Both may happen; at least one does. Without
 *       the fence of the announcement the processor, x86 too, could look first and announce later.
 *   <li><i>What a reader does under its hold</i> stays there: after its look, which is an acquire, and before it
 *       leaves, which is a release that the writer reads before it goes on. x86 gives both for free; the compiler does
 *       not.
 *   <li><i>What the writer did</i> can be seen by the readers that find the lock open: the writer opens it with a
 *       release.
 *   <li><i>A writer that finds the lock shut</i> need not scan the table: the writer that shut it waited for every
 *       announced reader before it released the lock proper. A reader that announces itself later sees that the lock is
 *       shut and withdraws.
 *   <li><i>A thread that asks whether it holds the read side</i> may skip the table if the lock is shut, has no writer,
 *       and the sequence is the same before and after: the writer that shut it has already waited for this thread.
 * </ul>
 *
 * <p>Kernel counterpart: {@code rwlock_t} with lockdep; the bias is that of {@code percpu_rw_semaphore}, the idea of
 * the table that of BRAVO (Dice and Kogan, 2019).
 *
 * @since 0.1.0
 */
public final class TrackedRwLock extends OrderedLock {

    /** Instead of a hold: the lock was not taken. Every hold is greater. */
    public static final int NOT_TAKEN = -2;

    /** The hold of a reader that took the lock proper. Those of announced readers are 0 or greater. */
    private static final int PROPER = -1;

    /** How long a wait without a deadline lasts before {@link ReaderBias#heldUpBy} is told: one second. */
    static final long OVERDUE_NANOS = 1_000_000_000;

    private static final AtomicLong CREATIONS = new AtomicLong();

    private final ReaderBias bias;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

    private final long briefName = ReaderTable.briefNameOf(creation);

    /** Number of the thread that was the last to take the read side of the lock proper. For messages: any may win. */
    private long lastProperReader;

    /**
     * A free lock. Locks of a class that nests are taken in creation order.
     *
     * @param lockClass its place in the order
     * @param bias of this lock alone; or {@link ReaderBias#NONE}
     */
    public TrackedRwLock(LockClass lockClass, ReaderBias bias) {
        super(lockClass, CREATIONS.incrementAndGet());
        this.bias = bias;
    }

    // ------------------------------------------------------------------ readers

    /**
     * Waits until no writer holds the lock and takes it for reading.
     *
     * @return the hold, for {@link #readUnlock}
     * @throws IllegalStateException if a writer waits for this very thread to give its hold back
     */
    public int readLock() {
        return readLock(null);
    }

    /**
     * Waits up to a deadline until no writer holds the lock, and takes it for reading.
     *
     * @param deadlineNanos asked, if there is something to wait for, for a value of {@link System#nanoTime()} after
     *     which to give up; null to wait as long as it takes
     * @return the hold, for {@link #readUnlock}; {@link #NOT_TAKEN} if the deadline passed, or the thread was
     *     interrupted (which stays set)
     * @throws IllegalStateException if a writer waits for this very thread to give its hold back
     */
    public int readLock(LongSupplier deadlineNanos) {
        before(HeldLocks.Manner.WAITS);
        int hold = announce();
        if (hold == ReaderTable.NOWHERE) {
            refuseRecursion(isHeldByCurrentThread());
            if (!tryProperForReading() && !awaitFree(lock.readLock(), deadlineNanos)) {
                return NOT_TAKEN;
            }
        }
        return taken(hold);
    }

    private int taken(int hold) {
        if (hold == PROPER) {
            lastProperReader = ThreadNumber.current();
        }
        after();
        return hold;
    }

    /** Takes the read side of the lock proper at once, but not before a writer that waits for it. */
    private boolean tryProperForReading() {
        return !lock.hasQueuedThreads() && lock.readLock().tryLock();
    }

    /** Announces the thread, unless the lock is shut; the place, which is the hold, or NOWHERE, which is PROPER. */
    private int announce() {
        if (!bias.isOpen()) {
            return ReaderTable.NOWHERE; // it would find out below; this spares the locked instruction
        }
        Interleaving.reached("open");
        int place = ReaderTable.enter(creation);
        Interleaving.reached("announced");
        if (place != ReaderTable.NOWHERE && !bias.isOpen()) {
            ReaderTable.leave(place); // a writer came between, and may have seen us or not
            return ReaderTable.NOWHERE;
        }
        return place;
    }

    @Override
    void awaitForLong(Lock side) {
        long overdue = System.nanoTime() + OVERDUE_NANOS;
        boolean interrupted = Thread.interrupted(); // an interrupted thread waits all the same
        try {
            boolean taken = awaitBefore(side, overdue);
            while (!taken && !Patience.isOver(overdue)) { // bounded by the deadline
                interrupted |= Thread.interrupted();
                taken = awaitBefore(side, overdue);
            }
            if (!taken) {
                tellWhoHolds();
                side.lock();
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** A wait without a deadline has lasted long. */
    void tellWhoHolds() {
        long announced = ReaderTable.readerOf(creation);
        long reader = announced != 0 || lock.getReadLockCount() == 0 ? announced : lastProperReader;
        bias.heldUpBy(reader != 0 ? ThreadNumber.describe(reader) : "a thread that is about to leave, or waits itself");
    }

    /**
     * Takes the lock for reading if no writer holds it now or waits for it.
     *
     * @return the hold, for {@link #readUnlock}, or {@link #NOT_TAKEN}
     */
    public int tryReadLock() {
        before(HeldLocks.Manner.TRIES);
        return readLockAtOnce();
    }

    /**
     * As {@link #tryReadLock}, for a caller that goes on to wait if it has to: by the rules for that.
     *
     * @return as for {@link #tryReadLock}
     */
    public int readLockNow() {
        before(HeldLocks.Manner.WAITS);
        return readLockAtOnce();
    }

    private int readLockAtOnce() {
        int hold = announce();
        if (hold == ReaderTable.NOWHERE && (isHeldByCurrentThread() || !tryProperForReading())) {
            return NOT_TAKEN;
        }
        return taken(hold);
    }

    /**
     * Gives the read side back.
     *
     * @param hold what taking it returned; nothing happens if that is {@link #NOT_TAKEN}
     */
    public void readUnlock(int hold) {
        if (hold >= 0) {
            released();
            ReaderTable.leave(hold);
        } else if (hold == PROPER) {
            released();
            lock.readLock().unlock();
        } else {
            return;
        }
        Interleaving.reached("read-unlock ", lockClass);
    }

    // ------------------------------------------------------------------ brief holds

    /**
     * The name of the lock where brief holds are announced, for {@link #enterBriefly}.
     *
     * @return the same number each time
     */
    public long briefName() {
        return briefName;
    }

    /**
     * Announces a hold that ends within a few instructions, with nothing in it that could wait. It is a hold of the
     * read side if the lock is open after the announcement. The caller looks, and ends the hold either way. {@link
     * #awaitBriefReaders} waits for such holds.
     *
     * @param lock the lock, which is looked at only while rules are checked
     * @param briefName its {@link #briefName}
     * @return the hold, for {@link #leaveBriefly}; or {@link #NOT_TAKEN}, and there is nothing to leave
     */
    public static int enterBriefly(TrackedRwLock lock, long briefName) {
        if (Rules.ENABLED) {
            StackRoom.require(); // the checks around a brief hold are many calls
            lock.before(HeldLocks.Manner.WAITS); // as it would if the lock turned out to be shut
        }
        int place = ReaderTable.enterBriefly(briefName);
        if (place == ReaderTable.NOWHERE) {
            return NOT_TAKEN;
        }
        if (Rules.ENABLED) {
            lock.after();
            Interleaving.reached("announced");
        }
        return place;
    }

    /**
     * Ends a brief hold: a thread that waits for it sees what was done under it.
     *
     * @param lock the lock, which is looked at only while rules are checked
     * @param hold what {@link #enterBriefly} returned
     */
    public static void leaveBriefly(TrackedRwLock lock, int hold) {
        if (Rules.ENABLED) {
            lock.released();
        }
        ReaderTable.leaveBriefly(hold);
        if (Rules.ENABLED) {
            Interleaving.reached("read-unlock ", lock.lockClass);
        }
    }

    /**
     * A brief hold was ended by a store to {@link ReaderBias#BRIEF_HOLDS}. Does nothing unless rules are checked.
     *
     * @param lock its lock
     */
    public static void leftBriefly(TrackedRwLock lock) {
        if (Rules.ENABLED && HeldLocks.holds(lock)) {
            lock.released();
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
        return ReaderTable.awaitBrief(deadlineNanos);
    }

    /**
     * Waits, as {@link #awaitBriefReaders} does, for what takes other threads a few instructions.
     *
     * @param done whether it is done
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false iff it gave up
     */
    public static boolean awaitBriefly(BooleanSupplier done, long deadlineNanos) {
        return ReaderTable.awaitBriefly(done, deadlineNanos);
    }

    // ------------------------------------------------------------------ writers

    /**
     * Waits until no thread holds the lock, and takes it for writing.
     *
     * @throws IllegalStateException if this thread holds it
     */
    public void writeLock() {
        before(HeldLocks.Manner.WAITS);
        if (!tryProper()) {
            refuseRecursion(isHeldByCurrentThread());
            awaitFree(lock.writeLock(), null);
        }
        boolean unread = false;
        try {
            if (bias.isOpen() && !keepReadersAway()) {
                refuseRecursion(ReaderTable.isReadByCurrentThread(creation));
                ReaderTable.awaitUnread(creation, this, false, 0);
            }
            unread = true;
        } finally {
            tookIf(unread);
        }
        Interleaving.reached("unread");
    }

    /**
     * Takes the lock for writing if no thread holds it now.
     *
     * @return true iff it was taken
     */
    public boolean tryWriteLock() {
        before(HeldLocks.Manner.TRIES);
        if (!tryProper()) {
            return false;
        }
        boolean unread = false;
        try {
            unread = !bias.isOpen() || keepReadersAway();
        } finally {
            tookIf(unread);
        }
        return unread;
    }

    /**
     * Waits for the write side up to a deadline.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return true iff it was taken; false at once when this thread holds either side, or when the thread was
     *     interrupted (which stays set)
     */
    public boolean tryWriteLock(long deadlineNanos) {
        return tryWriteLock(() -> deadlineNanos);
    }

    /**
     * Waits for the write side up to a deadline that is asked for only if it has to wait.
     *
     * @param deadlineNanos answers a value of {@link System#nanoTime()} after which to give up
     * @return as for {@link #tryWriteLock(long)}
     */
    public boolean tryWriteLock(LongSupplier deadlineNanos) {
        Objects.requireNonNull(deadlineNanos); // null would wait as long as it takes
        before(HeldLocks.Manner.BOUNDED);
        if (!tryProper() && (isHeldByCurrentThread() || !awaitFree(lock.writeLock(), deadlineNanos))) {
            return false;
        }
        boolean unread = false;
        try {
            unread = !bias.isOpen() || keepReadersAway()
                    || !ReaderTable.isReadByCurrentThread(creation)
                            && ReaderTable.awaitUnread(creation, this, true, deadlineNanos.getAsLong());
        } finally {
            tookIf(unread);
        }
        return unread;
    }

    /** Takes the lock proper for writing if no thread has it; never twice. */
    private boolean tryProper() {
        return !lock.isWriteLockedByCurrentThread() && lock.writeLock().tryLock();
    }

    /** Shuts the lock, whose proper is held for writing; whether no reader is announced. */
    private boolean keepReadersAway() {
        bias.shut(); // before the announcements are looked at, see the class comment
        Interleaving.reached("shut");
        return !ReaderTable.isRead(creation);
    }

    /** The lock proper is held for writing and shut: the end of taking it, or of not taking it after all. */
    private void tookIf(boolean unread) {
        if (unread) {
            after();
            return;
        }
        try {
            if (!bias.isOpen()) {
                bias.open();
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** Gives the write side back. */
    public void writeUnlock() {
        try {
            released();
            bias.open();
        } finally {
            lock.writeLock().unlock();
        }
        Interleaving.reached("write-unlock ", lockClass);
    }

    /**
     * Whether the current thread holds either side.
     *
     * @return true iff it does
     */
    public boolean isHeldByCurrentThread() {
        return lock.getReadHoldCount() > 0
                || lock.isWriteLockedByCurrentThread()
                || isAnnouncedByCurrentThread()
                || Rules.ENABLED && HeldLocks.holds(this); // briefly
    }

    private boolean isAnnouncedByCurrentThread() {
        long seen = bias.sequenceVolatile();
        // See the class comment.
        boolean shut = (seen & 1) != 0 && !lock.isWriteLocked() && bias.sequenceVolatile() == seen;
        return !shut && ReaderTable.isReadByCurrentThread(creation);
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

    @Override
    public String toString() {
        String holders = lock.isWriteLocked() ? " (written)"
                : lock.getReadLockCount() > 0 || ReaderTable.isRead(creation) ? " (read)" : " (free)";
        return lockClass + "#" + creation + holders;
    }
}
