package io.github.pfncache.rules;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * Where threads announce what they hold for reading: a table of words, each free or naming a lock and who holds it.
 * One table for the process, so that a lock costs no memory for its readers, and the compiler knows where it is.
 *
 * <p>Rows belong to threads, columns to locks: a thread announces itself in a row of its own, as far as there are
 * enough, so that two readers of one lock share no cache line; a writer of one lock looks at one word of each row. Both
 * are hashes: a word that is taken sends the reader to the next row, and in the end to the lock itself. A brief hold,
 * which names no thread, is announced in the first of these rows or not at all.
 *
 * <p>Locks and threads are named by the low bits of their numbers, so no reader is ever overlooked. Two locks with one
 * name, after four billion more were made, wait for each other's readers. Two threads with one name, after half a
 * billion more, are taken for the same: a wait that would never end for the one is refused to the other, too.
 *
 * <p>A reader that leaves signals nothing: that would cost it a second fence. So whoever waits for one looks again and
 * again, first at once, then politely.
 */
final class Announcements {

    /** What {@link #enter} answers when there is no room. */
    static final int NOWHERE = -1;

    /** In a word: the hold ends by itself within a few instructions. */
    private static final long BRIEF = 1L << 30;

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

    /** A word that is taken has this bit, whatever the low bits of the names are. */
    private static final long TAKEN = 1L << 31;
    /** Somebody waits for this very hold to end: the next one at the same place has a word without it. */
    private static final long SEEN = 1L << 29;
    private static final long THREAD_MASK = SEEN - 1;
    private static final int LOCK_SHIFT = 32;

    /** Two rows for each processor: a writer looks at all of them. A power of two. */
    private static final int ROWS = Integer.highestOneBit(
            Math.max(8, Math.min(64, 4 * Runtime.getRuntime().availableProcessors() - 1)));

    /** Words in a row, eight to a cache line. A power of two. */
    private static final int COLUMNS = 64;

    /** How many rows a reader tries. */
    private static final int PROBES = 4;

    /** Unused words around the table: it shares no cache line with others. */
    private static final int MARGIN = 16;

    private static final int END = MARGIN + ROWS * COLUMNS;

    /** Each word goes from free (0) to taken by compare-and-set, and back by a release. */
    private static final long[] TABLE = new long[END + MARGIN];

    private Announcements() {}

    /** What a lock goes by in the table, from its number. */
    static long nameOf(long lock) {
        return lock << LOCK_SHIFT | TAKEN;
    }

    /** What a lock goes by for brief holds, from its number: with its column where others have the thread. */
    static long briefNameOf(long lock) {
        return nameOf(lock) | BRIEF | lock & COLUMNS - 1;
    }

    /**
     * Announces the current thread as a reader, with the effect of a full fence: what is read afterwards is read after
     * the announcement can be seen.
     *
     * @param name {@link #nameOf} the lock
     * @return the place, to be left by {@link #leave}; or NOWHERE
     */
    static int enter(long name) {
        long thread = Thread.currentThread().getId();
        int home = place(thread, name);
        return WORDS.compareAndSet(TABLE, home, 0L, name | thread & THREAD_MASK) ? home : enterBeside(name, thread);
    }

    /**
     * As {@link #enter}, for a hold that ends within a few instructions: tries one place only, and does not say who it
     * is, for it cannot wait for itself.
     *
     * @param briefName {@link #briefNameOf} the lock
     */
    static int enterBriefly(long briefName) {
        int inRow = (int) briefName & COLUMNS - 1;
        int place = MARGIN + ((int) Thread.currentThread().getId() * COLUMNS & (ROWS - 1) * COLUMNS | inRow);
        return (long) WORDS.compareAndExchange(TABLE, place, 0L, briefName) == 0 ? place : NOWHERE;
    }

    private static int enterBeside(long name, long thread) {
        for (int probe = 1; probe < PROBES; probe++) { // bounded by PROBES
            int place = place(thread + probe, name);
            if (WORDS.compareAndSet(TABLE, place, 0L, name | thread & THREAD_MASK)) {
                return place;
            }
        }
        return NOWHERE;
    }

    /** Withdraws an announcement: whoever sees that it has gone sees what was done under it. */
    static void leave(int place) {
        WORDS.setRelease(TABLE, place, 0L);
    }

    /** Whether anybody is announced as a reader of a lock, of those whose announcement came before this look. */
    static boolean isRead(long name) {
        for (int row = 0; row < ROWS; row++) { // bounded by ROWS
            if (isOf((long) WORDS.getVolatile(TABLE, place(row, name)), name)) {
                return true;
            }
        }
        return false;
    }

    /** Whether the current thread is announced as a reader of a lock, other than briefly. */
    static boolean isReadByCurrentThread(long name) {
        long thread = Thread.currentThread().getId();
        for (int probe = 0; probe < PROBES; probe++) { // bounded by PROBES
            long word = (long) WORDS.getOpaque(TABLE, place(thread + probe, name));
            if (isOf(word, name) && (word & (BRIEF | THREAD_MASK)) == (thread & THREAD_MASK)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Waits until nobody is announced as a reader of a lock.
     *
     * @param waiter whom a schedule explorer is told of
     * @return false iff the wait is timed and its deadline has passed
     */
    static boolean awaitUnread(long name, Object waiter, boolean timed, long deadlineNanos) {
        int turn = 0;
        while (isRead(name)) { // bounded by the readers' accesses, or by the deadline
            if (!pause(turn++, waiter, timed, deadlineNanos)) {
                return false;
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
        if (found != word && found != seen) { // found seen: by another who waits, too
            return true;
        }
        int turn = 0;
        while ((long) WORDS.getVolatile(TABLE, place) == seen) { // bounded by the deadline
            if (!pause(turn++, Announcements.class, true, deadlineNanos)) {
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
        if (timed && (Thread.currentThread().isInterrupted() || System.nanoTime() - deadlineNanos >= 0)) {
            return false;
        }
        if (turn < 200) { // a reader that runs leaves within the first few
            Thread.onSpinWait();
        } else if (turn < 400) { // one that was preempted needs a processor
            Thread.yield();
        } else { // one that keeps its access open for long
            LockSupport.parkNanos(50_000);
        }
        return true;
    }

    private static boolean isOf(long word, long name) {
        return word != 0 && (int) (word >>> LOCK_SHIFT) == (int) (name >>> LOCK_SHIFT);
    }

    private static int place(long row, long name) {
        return MARGIN + ((int) row & ROWS - 1) * COLUMNS + ((int) (name >>> LOCK_SHIFT) & COLUMNS - 1);
    }
}
