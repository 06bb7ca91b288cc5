package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.rules.Failures;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The invalidations that surround one change of page tables: all starts on construction, all ends on close, in reverse.
 * Confined to the changing thread, which holds no lock of the host at either moment. Allocates nothing.
 */
final class Invalidation implements AutoCloseable {

    /**
     * What one notifier is told.
     *
     * @param range the pages
     * @param notifier one of those of their address space when the range was computed
     */
    record Target(HvaRange range, MmuNotifier notifier) {}

    private final List<Target> targets;
    private final AtomicInteger inProgress;
    private final boolean accepted;

    /** How many starts were accepted: those of the first targets. */
    private int started;
    /** What is said when all has ended. */
    private List<Runnable> told = List.of();

    /**
     * Starts the invalidation of every target; {@link #isAccepted} tells whether every notifier agreed.
     *
     * @param inProgress counts the invalidations that have begun and not ended
     */
    Invalidation(List<Target> targets, boolean mayBlock, AtomicInteger inProgress) {
        this.targets = targets;
        this.inProgress = inProgress;
        inProgress.incrementAndGet();
        boolean all = false;
        Throwable failure = null;
        try {
            all = startAll(mayBlock);
        } catch (Throwable e) { // whatever a notifier throws
            failure = e;
        }
        accepted = all;
        if (failure != null) {
            endAll(failure);
        }
    }

    /** Whether the change may go on. Starts that came before a refusal are ended by {@link #close} all the same. */
    boolean isAccepted() {
        return accepted;
    }

    /** The change has been made: what is to be told of it, after all ends. */
    void made(List<Runnable> toBeTold) {
        told = toBeTold;
    }

    private boolean startAll(boolean mayBlock) {
        for (int i = 0; i < targets.size(); i++) { // bounded by the mappings of the family and their notifiers
            if (!targets.get(i).notifier.invalidateRangeStart(targets.get(i).range, mayBlock)) {
                return false;
            }
            started++;
        }
        return true;
    }

    /** Ends what was started. A notifier or handler that fails does not keep the others from being told. */
    @Override
    public void close() {
        endAll(null);
    }

    /** Tells every notifier that has accepted a start, then the handlers, and throws the first failure after that. */
    private void endAll(Throwable former) {
        Throwable failure = former;
        for (int i = started - 1; i >= 0; i--) {
            try {
                targets.get(i).notifier.invalidateRangeEnd(targets.get(i).range);
            } catch (Throwable e) { // whatever it throws
                failure = Failures.joined(failure, e);
            }
        }
        inProgress.decrementAndGet();
        for (int i = 0; i < told.size(); i++) { // bounded by the mappings and the fault handlers
            try {
                told.get(i).run();
            } catch (Throwable e) { // whatever a handler throws
                failure = Failures.joined(failure, e);
            }
        }
        Failures.<RuntimeException>rethrow(failure);
    }
}
