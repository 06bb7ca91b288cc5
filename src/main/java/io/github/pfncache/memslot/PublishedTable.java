package io.github.pfncache.memslot;

import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.Rules;
import java.util.function.LongPredicate;

/**
 * The current table, and the step to the next one: published through the gate, then the users of what has left the
 * table are waited for; if that takes too long, the former content is published again.
 *
 * <p>One change at a time: {@link #install} and {@link #attach} are called under the SLOTS lock.
 */
final class PublishedTable {

    private static final Neighbours NONE = new Neighbours((publish, deadline) -> {
        publish.run();
        return InvalidationGate.Gate.DONE;
    }, (former, deadline) -> true);

    private final long timeoutNanos;
    private final ReadSections readers;

    // Written under SLOTS, the table by way of the gate; read by any thread.
    private volatile MemslotTable table = MemslotTable.empty();
    private volatile Neighbours neighbours = NONE;

    /**
     * A slot that was taken back while it was in use, and may be in use still: no table is published before it is left.
     * Null if there is none. Guarded by SLOTS.
     */
    private Memslot abandoned;

    /** The gate and the listener of a change. */
    private record Neighbours(InvalidationGate gate, MemslotListener listener) {}

    PublishedTable(ReadSections readers, long timeoutNanos) {
        this.readers = readers;
        this.timeoutNanos = timeoutNanos;
    }

    void attach(InvalidationGate gate, MemslotListener listener) {
        if (neighbours != NONE) {
            throw new IllegalStateException("these memslots have a gate: " + neighbours.gate);
        }
        neighbours = new Neighbours(gate, listener);
    }

    MemslotTable current() {
        return table;
    }

    /** Whether the current thread is what a change would wait for. */
    boolean waitsForCurrentThread() {
        return readers.isCurrentThreadInside() || neighbours.gate.isCurrentThreadInside();
    }

    /** A value of {@link System#nanoTime()} after which a wait that begins now gives up. */
    long deadlineFromNow() {
        return System.nanoTime() + timeoutNanos;
    }

    /**
     * Changes the table.
     *
     * @param step what to change in the current table
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false iff it gave up; then the table has its former content
     */
    boolean install(MemslotRequest.Step step, long deadlineNanos) {
        MemslotTable before = table;
        MemslotTable after = before.with(step.former(), step.successor());
        MemslotTable again = before.after(after); // to take it back must not take memory
        checkPlaced(after, step.successor());
        // Before anything has happened: another slot may come to where the abandoned one was.
        if (!drainAbandoned(deadlineNanos) || !publish(after, deadlineNanos)) {
            return false;
        }
        boolean quiet = false;
        try {
            quiet = drain(step.former(), deadlineNanos);
        } finally {
            if (!quiet) { // also when the listener threw
                takeBack(again, step);
            }
        }
        return quiet;
    }

    private boolean publish(MemslotTable next, long deadlineNanos) {
        MemslotRule.GENERATION_GROWS.check(next.generation() == table.generation() + 1, next);
        InvalidationGate gate = neighbours.gate;
        boolean done = gate.runWhenQuiet(() -> table = next, deadlineNanos) == InvalidationGate.Gate.DONE;
        MemslotRule.GATE_ANSWERS_TRULY.check(done == (table == next), gate);
        Interleaving.reached("memslot table published");
        return done;
    }

    /** See {@link MemslotListener#protect}. */
    boolean protect(Memslot slot, LongPredicate pages) {
        return neighbours.listener.protect(slot, pages, deadlineFromNow());
    }

    /** Waits for the readers of earlier tables, then for the users of a slot that has left the table, if any. */
    private boolean drain(Memslot gone, long deadlineNanos) {
        MemslotRule.NO_WAIT_IN_OWN_SECTION.check(!readers.isCurrentThreadInside(), gone);
        return readers.awaitEarlier(deadlineNanos)
                && (gone == null || neighbours.listener.slotChanged(gone, deadlineNanos));
    }

    private void takeBack(MemslotTable again, MemslotRequest.Step step) {
        long deadline = deadlineFromNow();
        try {
            publish(again, deadline);
        } finally {
            // Taking back is not refused: a caller told BUSY must find its slots. The gate is there so that an
            // invalidation sees one table; host pages are safe without it, because invalidations go by hva.
            table = again;
            // Threads that found the attempted slot get the time to leave it. The caller has not been told that it
            // exists, so one that does not leave in time only holds up the next change.
            abandoned = step.successor();
            if (abandoned != null) {
                abandoned.givenUp = true; // first, then the look for its users: pairs with GuardedMapping.unlock
            }
        }
        drainAbandoned(deadline);
    }

    private boolean drainAbandoned(long deadlineNanos) {
        if (abandoned == null) {
            return true;
        }
        // Both: who uses it through a cache stops now, although a reader of its table may still be about to begin.
        boolean left = drain(null, deadlineNanos) & neighbours.listener.slotChanged(abandoned, deadlineNanos);
        if (left) {
            abandoned = null;
        }
        return left;
    }

    private static void checkPlaced(MemslotTable after, Memslot slot) {
        if (Rules.ENABLED && slot != null) {
            boolean found = after.find(slot.baseGfn()) == slot && after.find(slot.endGfn() - 1) == slot;
            MemslotRule.SLOT_FOUND_WHERE_PUT.check(found && after.byId(slot.id()) == slot, slot);
            Memslot above = after.atOrAbove(slot.endGfn());
            MemslotRule.SLOTS_DISJOINT.check(above == null || above.baseGfn() >= slot.endGfn(), slot);
        }
    }
}
