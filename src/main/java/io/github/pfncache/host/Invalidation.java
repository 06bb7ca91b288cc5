package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The invalidations that surround one change of page tables: all starts on construction, all ends on close, in reverse.
 * Confined to the changing thread, which holds no lock of the host at either moment. Allocates nothing.
 */
final class Invalidation implements AutoCloseable {

    /**
     * A range of one address space.
     *
     * @param range the pages
     * @param notifiers those to be told, as they were when the range was computed
     */
    record Target(HvaRange range, List<MmuNotifier> notifiers) {}

    private final List<Target> targets;
    private final AtomicInteger inProgress;
    private final boolean accepted;

    /** How many starts were accepted, counted over all notifiers of all targets. */
    private int started;

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

    private boolean startAll(boolean mayBlock) {
        for (int t = 0; t < targets.size(); t++) { // bounded by the mappings of the family
            Target target = targets.get(t);
            for (int n = 0; n < target.notifiers.size(); n++) { // bounded by the registrations
                if (!target.notifiers.get(n).invalidateRangeStart(target.range, mayBlock)) {
                    return false;
                }
                started++;
            }
        }
        return true;
    }

    /** Ends what was started. A notifier that fails does not keep the others from being told. */
    @Override
    public void close() {
        endAll(null);
    }

    /** Tells every notifier that has accepted a start, and throws the first failure after that. */
    private void endAll(Throwable former) {
        Throwable failure = former;
        int place = 0;
        for (int t = 0; t < targets.size(); t++) {
            place += targets.get(t).notifiers.size();
        }
        for (int t = targets.size() - 1; t >= 0; t--) { // bounded by the targets
            Target target = targets.get(t);
            for (int n = target.notifiers.size() - 1; n >= 0; n--) { // bounded by the registrations
                if (--place < started) {
                    failure = end(target.notifiers.get(n), target.range, failure);
                }
            }
        }
        inProgress.decrementAndGet();
        if (failure != null) {
            Undisturbed.<RuntimeException>rethrow(failure);
        }
    }

    private static Throwable end(MmuNotifier notifier, HvaRange range, Throwable former) {
        try {
            notifier.invalidateRangeEnd(range);
            return former;
        } catch (Throwable e) { // whatever it throws
            if (former != null && former != e) {
                suppress(former, e);
            }
            return former == null ? e : former;
        }
    }

    private static void suppress(Throwable first, Throwable second) {
        try {
            first.addSuppressed(second);
        } catch (OutOfMemoryError e) {
            return; // no memory to keep the second; the first is thrown
        }
    }
}
