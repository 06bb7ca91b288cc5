package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import java.util.ArrayList;
import java.util.List;

/**
 * The invalidations that surround one change of page tables: all starts on construction, all ends on close, in reverse.
 * Confined to the changing thread, which holds no lock of the host at either moment.
 */
final class Invalidation implements AutoCloseable {

    /** A range of one address space. */
    record Target(HostMemory memory, HvaRange range) {}

    /** One start that was accepted. */
    private record Started(MmuNotifier notifier, HvaRange range) {}

    private final HostFamily family;
    private final List<Started> started = new ArrayList<>();
    private final boolean accepted;

    private Invalidation(HostFamily family, List<Target> targets, boolean mayBlock) {
        this.family = family;
        family.invalidationsInProgress.incrementAndGet();
        boolean all = false;
        Throwable failure = null;
        try {
            all = startAll(targets, mayBlock);
        } catch (Throwable e) { // whatever a notifier throws
            failure = e;
        }
        accepted = all;
        if (failure != null) {
            endAll(failure);
        }
    }

    /** Starts the invalidation of every target; {@link #isAccepted} tells whether every notifier agreed. */
    static Invalidation start(HostFamily family, List<Target> targets, boolean mayBlock) {
        family.checkUnlocked("invalidateRangeStart");
        return new Invalidation(family, targets, mayBlock);
    }

    /** Whether the change may go on. Starts that came before a refusal are ended by {@link #close} all the same. */
    boolean isAccepted() {
        return accepted;
    }

    private boolean startAll(List<Target> targets, boolean mayBlock) {
        for (Target target : targets) { // bounded by the mappings of the family
            for (MmuNotifier notifier : target.memory().notifiers()) { // bounded by the registrations
                // Noted before it is accepted: afterwards there may be no memory to note it.
                started.add(new Started(notifier, target.range()));
                boolean yes = false;
                try {
                    yes = notifier.invalidateRangeStart(target.range(), mayBlock);
                } finally {
                    if (!yes) {
                        started.remove(started.size() - 1);
                    }
                }
                if (!yes) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Ends what was started. A notifier that fails does not keep the others from being told. */
    @Override
    public void close() {
        family.checkUnlocked("invalidateRangeEnd");
        endAll(null);
    }

    /** Tells every notifier, and throws the first failure after that. Allocates nothing by itself. */
    private void endAll(Throwable former) {
        Throwable failure = former;
        for (int i = started.size() - 1; i >= 0; i--) { // bounded by the starts
            try {
                started.get(i).notifier().invalidateRangeEnd(started.get(i).range());
            } catch (Throwable e) { // whatever it throws
                failure = failure == null ? e : joined(failure, e);
            }
        }
        family.invalidationsInProgress.decrementAndGet();
        if (failure != null) {
            Invalidation.<RuntimeException>rethrow(failure);
        }
    }

    private static Throwable joined(Throwable first, Throwable second) {
        if (first != second) {
            try {
                first.addSuppressed(second);
            } catch (OutOfMemoryError e) {
                return first; // no memory to keep the second
            }
        }
        return first;
    }

    /** Throws anything, as a notifier of another language may have. */
    @SuppressWarnings("unchecked")
    static <T extends Throwable> void rethrow(Throwable failure) throws T {
        throw (T) failure;
    }
}
