package io.github.pfncache.memslot;

import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Sections in which threads read a table, and a wait for those that may read an old one. Entering and leaving is
 * wait-free: one atomic addition each to a counter that few threads share.
 *
 * <p><b>Counters.</b> A thread counts itself in at its own stripe, under the current phase, and out at the same place.
 * So each counter is the exact number of threads inside that entered there.
 *
 * <p><b>Why no reader is missed.</b> A reader counts itself in, then reads the table. A writer publishes the new table,
 * then sees every counter, of both phases, at zero once. All of these are volatile, so they have one total order. If
 * the reader got an old table, it read before the publication, so it had counted itself in before the writer looked:
 * the zero the writer saw came after the reader counted itself out. If it counted itself in after the writer looked at
 * its counter, it reads the table after the publication. The reader's counting out is read by the writer, so whatever
 * the reader did in its section happens before the wait returns.
 *
 * <p><b>Why the wait ends.</b> With one phase, new readers could keep a counter above zero for ever. The writer first
 * waits for the idle phase, then turns newcomers to it, then waits for the other, which only those threads can still
 * enter that read the phase before the turn: one entry for each. Readers that stay inside are bounded by the deadline.
 *
 * <p><b>Why no wake-up is lost.</b> The writer announces that it waits, then looks at the counters; a reader counts
 * itself out, then looks for the announcement. In the total order one of the two comes first, so either the writer sees
 * the zero, or the reader sees the announcement and signals under the lock under which the writer looked. Readers take
 * no lock while no writer waits.
 *
 * <p>Sections nest: only the outermost is counted. The counter changes before the depth: after an exception in between,
 * a thread that takes itself for inside is counted. A thread whose counting out was cut short stays counted: changes
 * are BUSY then. Kernel counterpart: {@code srcu_read_lock()}, {@code synchronize_srcu()}.
 */
final class ReadSections {

    /** Long words from one counter to the next: two cache lines, so that stripes do not share one. */
    private static final int SPACING = 16;

    private static final int MAX_STRIPES = 64;

    private final int stripes =
            Math.min(MAX_STRIPES, Integer.highestOneBit(4 * Runtime.getRuntime().availableProcessors() - 1));

    /** Counter {@code 2 * stripe + phase}, at that many times SPACING, and unused words around each. */
    private final AtomicLongArray inside = new AtomicLongArray((2 * stripes + 1) * SPACING);

    private final AtomicInteger threads = new AtomicInteger();
    private final ThreadLocal<Mine> mine =
            ThreadLocal.withInitial(() -> new Mine(threads.getAndIncrement() & stripes - 1));
    private final TrackedLock waiting = new TrackedLock(LockClass.TABLE_READERS);

    /** Which counter of a stripe newcomers use: 0 or 1. Written by the one writer, under SLOTS. */
    private volatile int phase;

    /** Whether a writer waits. Written by the one writer, under waiting; read by readers that leave. */
    private volatile boolean writerWaits;

    /** The current thread's own record. Confined to the thread; refers to no holder, so it keeps none alive. */
    private static final class Mine {
        final int stripe;
        int depth;
        int counter;

        Mine(int stripe) {
            this.stripe = stripe;
        }
    }

    /**
     * Enters a section.
     *
     * @return what to leave it with
     */
    int enter() {
        Mine thread = mine.get();
        if (thread.depth == 0) {
            int counter = 2 * thread.stripe + phase;
            Interleaving.reached("table phase read");
            thread.counter = counter;
            inside.getAndIncrement((counter + 1) * SPACING); // may throw at the end of the stack: before the depth
        }
        thread.depth++;
        return thread.counter;
    }

    /**
     * Leaves a section. Of nested ones any may be left first; the thread is out when it has left all.
     *
     * @param token what entering it returned
     * @throws IllegalStateException if the thread is not in that section
     */
    void exit(int token) {
        Mine thread = mine.get();
        if (thread.depth == 0 || thread.counter != token) {
            throw new IllegalStateException("token=" + token + " is not of a section this thread is in");
        }
        boolean outermost = thread.depth == 1;
        boolean last = outermost && inside.decrementAndGet((token + 1) * SPACING) == 0; // as in enter
        thread.depth--;
        if (last && writerWaits) {
            wakeWriter();
        }
    }

    private void wakeWriter() {
        waiting.lock();
        try (waiting) {
            waiting.signalAll();
        }
    }

    /** Whether the current thread is in a section. */
    boolean isCurrentThreadInside() {
        return mine.get().depth != 0;
    }

    /**
     * Waits until every thread has left that was inside when this was called, and may have read a table published
     * before then. One caller at a time, not from inside a section.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false iff it gave up
     */
    boolean awaitEarlier(long deadlineNanos) {
        int current = phase;
        if (!awaitNone(1 - current, deadlineNanos)) {
            return false;
        }
        phase = 1 - current;
        return awaitNone(current, deadlineNanos);
    }

    private boolean awaitNone(int ofPhase, long deadlineNanos) {
        for (int stripe = 0; stripe < stripes; stripe++) { // bounded by MAX_STRIPES
            int index = (2 * stripe + ofPhase + 1) * SPACING;
            if (inside.get(index) != 0 && !awaitZero(index, deadlineNanos)) {
                return false;
            }
        }
        return true;
    }

    private boolean awaitZero(int index, long deadlineNanos) {
        waiting.lock();
        try {
            writerWaits = true; // before the counter is looked at, see the class comment
            return waiting.await(() -> inside.get(index) == 0, deadlineNanos);
        } finally {
            writerWaits = false;
            waiting.unlock();
        }
    }
}
