package io.github.pfncache.rules;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The table in which readers announce their holds: each word is free or names a lock. There is one table for the
 * process, so a lock needs no memory for its readers, and the compiler knows the address.
 *
 * <p>The number of the thread selects the row, the number of the lock the column. While there are rows enough a thread
 * has a row of its own, so two readers of one lock share no cache line. A writer of a lock looks at one word of each
 * row. Both selections are hashes, so a word may be taken: the reader then tries the next rows, and after a few of them
 * takes the lock itself. A brief hold tries the first row only.
 *
 * <p>A word has the whole number of its lock. A second table of the same shape has the whole number of the thread, by
 * which a thread finds its own holds. A brief hold names no thread: nothing waits inside it, so no thread could wait
 * there for itself. A thread writes its number after it has taken the word, and clears it before it frees the word. So
 * its own number, where it finds it, is never left over from an earlier hold.
 *
 * <p><b>A brief hold can end without a call.</b> A store frees the word, and takes no stack frame: it works where a
 * call would end in a StackOverflowError.
 *
 * <p>A reader that leaves signals nothing: a signal would cost a second fence. So a writer that waits for a reader
 * looks again and again, first at once, then with pauses.
 */
final class ReaderTable {

    /** What {@link #enter} answers when there is no room. */
    static final int NOWHERE = -1;

    /** In a word: the hold ends by itself within a few instructions. */
    private static final long BRIEF = 1L << 62;

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

    /** In a word: a thread waits for this very hold to end. The next hold at the same place has a word without it. */
    private static final long SEEN = 1L << 63;
    private static final long LOCK_MASK = BRIEF - 1;

    /** Two rows for each processor: a writer looks at all of them. A power of two. */
    private static final int ROWS = Integer.highestOneBit(
            Math.max(8, Math.min(64, 4 * Runtime.getRuntime().availableProcessors() - 1)));

    /** Words in a row, eight to a cache line. A power of two. */
    private static final int COLUMNS = 64;

    /** How many rows a reader tries. */
    private static final int PROBES = 4;

    /** From this look on, a wait sleeps between two of them. */
    private static final int POLITE = 400;

    /** Unused words around the table: it shares no cache line with others. */
    private static final int MARGIN = 16;

    private static final int END = MARGIN + ROWS * COLUMNS;

    /** Each word goes from free (0) to taken by compare-and-set, and back by a release. */
    static final long[] TABLE = new long[END + MARGIN];

    /** Number of the thread that has the word at the same place, unless the hold is brief; 0 if none. Written by it. */
    private static final long[] THREADS = new long[END + MARGIN];

    private ReaderTable() {}

    /** The name of a lock in the table for brief holds, from its number, which is its name for other holds. */
    static long briefNameOf(long lock) {
        return lock | BRIEF;
    }

    /**
     * Announces the current thread as a reader, with the effect of a full fence: what is read afterwards is read after
     * the announcement can be seen.
     *
     * @param lock number of the lock, 1 to 2<sup>62</sup> - 1
     * @return the place, to be left by {@link #leave}; or NOWHERE
     */
    static int enter(long lock) {
        long thread = ThreadNumber.current();
        int place = place(thread, lock);
        if (!WORDS.compareAndSet(TABLE, place, 0L, lock)) {
            place = enterBeside(lock, thread);
            if (place == NOWHERE) {
                return NOWHERE;
            }
        }
        THREADS[place] = thread;
        return place;
    }

    private static int enterBeside(long lock, long thread) {
        for (int probe = 1; probe < PROBES; probe++) { // bounded by PROBES
            int place = place(thread + probe, lock);
            if (WORDS.compareAndSet(TABLE, place, 0L, lock)) {
                return place;
            }
        }
        return NOWHERE;
    }

    /**
     * As {@link #enter}, for a hold that ends within a few instructions: tries one place only, and does not name
     * the thread.
     *
     * @param briefName {@link #briefNameOf} the lock
     */
    static int enterBriefly(long briefName) {
        int place = place(Thread.currentThread().getId(), briefName); // any row will do
        return (long) WORDS.compareAndExchange(TABLE, place, 0L, briefName) == 0 ? place : NOWHERE;
    }

    /** Withdraws an announcement: a thread that sees the word free sees what was done under the hold. */
    static void leave(int place) {
        THREADS[place] = 0;
        leaveBriefly(place);
    }

    /** As {@link #leave}, of a brief one. */
    static void leaveBriefly(int place) {
        WORDS.setRelease(TABLE, place, 0L);
    }

    /** Whether a reader of a lock is announced, of those whose announcement came before this look. */
    static boolean isRead(long lock) {
        return firstReader(lock) != NOWHERE;
    }

    private static int firstReader(long lock) {
        for (int row = 0; row < ROWS; row++) { // bounded by ROWS
            int place = place(row, lock);
            if (isOf((long) WORDS.getVolatile(TABLE, place), lock)) {
                return place;
            }
        }
        return NOWHERE;
    }

    /** The number of a thread that is announced as a reader of a lock; 0 if none gives its number. */
    static long readerOf(long lock) {
        int place = firstReader(lock);
        return place == NOWHERE ? 0 : (long) WORDS.getOpaque(THREADS, place);
    }

    /** Whether the current thread is announced as a reader of a lock, other than briefly. */
    static boolean isReadByCurrentThread(long lock) {
        long thread = ThreadNumber.current();
        for (int probe = 0; probe < PROBES; probe++) { // bounded by PROBES
            int place = place(thread + probe, lock);
            if ((long) WORDS.getOpaque(TABLE, place) == lock && (long) WORDS.getOpaque(THREADS, place) == thread) {
                return true;
            }
        }
        return false;
    }

    /**
     * Waits until no reader of a lock is announced.
     *
     * @param waiter the lock, for a schedule explorer, and to be told when an untimed wait has lasted long
     * @return false iff the wait is timed and its deadline has passed
     */
    static boolean awaitUnread(long lock, TrackedRwLock waiter, boolean timed, long deadlineNanos) {
        long overdue = System.nanoTime() + TrackedRwLock.OVERDUE_NANOS;
        boolean told = timed;
        for (int turn = 0; isRead(lock); turn++) { // bounded by the readers' accesses, or by the deadline
            if (!pause(turn, waiter, timed, deadlineNanos)) {
                return false;
            }
            if (!told && turn >= POLITE && Patience.isOver(overdue)) {
                told = true;
                waiter.tellWhoHolds();
            }
        }
        return true;
    }

    /** Waits until every brief hold has ended that is announced now; false iff the deadline passed first. */
    static boolean awaitBrief(long deadlineNanos) {
        for (int place = MARGIN; place < END; place++) { // bounded by the size of the table
            long word = (long) WORDS.getVolatile(TABLE, place);
            if ((word & BRIEF) != 0 && !awaitEnd(place, word, deadlineNanos)) {
                return false;
            }
        }
        return true;
    }

    private static boolean awaitEnd(int place, long word, long deadlineNanos) {
        long seen = word | SEEN;
        long found = (long) WORDS.compareAndExchange(TABLE, place, word, seen);
        if (found != word && found != seen) { // found seen: another thread waits, too
            return true;
        }
        return awaitBriefly(() -> (long) WORDS.getVolatile(TABLE, place) != seen, deadlineNanos);
    }

    /** Waits for what takes other threads a few instructions; false iff the deadline passed first. */
    static boolean awaitBriefly(BooleanSupplier done, long deadlineNanos) {
        for (int turn = 0; !done.getAsBoolean(); turn++) { // bounded by the deadline
            if (!pause(turn, ReaderTable.class, true, deadlineNanos)) {
                return false;
            }
        }
        return true;
    }

    private static boolean pause(int turn, Object waiter, boolean timed, long deadlineNanos) {
        Interleaving.Explorer explorer = Interleaving.explorer();
        if (explorer != null) {
            return explorer.blocked(waiter, timed);
        }
        if (timed && (Thread.currentThread().isInterrupted() || Patience.isOver(deadlineNanos))) {
            return false;
        }
        if (turn < POLITE / 2) { // a reader that runs leaves within the first few
            Thread.onSpinWait();
        } else if (turn < POLITE) { // one that was preempted needs a processor
            Thread.yield();
        } else { // one that keeps its access open for long
            LockSupport.parkNanos(50_000);
        }
        return true;
    }

    private static boolean isOf(long word, long lock) {
        return (word & LOCK_MASK) == lock;
    }

    private static int place(long row, long name) {
        return MARGIN + ((int) row & ROWS - 1) * COLUMNS + ((int) name & COLUMNS - 1);
    }
}
