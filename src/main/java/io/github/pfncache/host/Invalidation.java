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
        try {
            all = startAll(targets, mayBlock);
        } catch (RuntimeException | Error failure) {
            endAfter(failure);
            throw failure;
        }
        accepted = all;
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
                if (!notifier.invalidateRangeStart(target.range(), mayBlock)) {
                    return false;
                }
                started.add(new Started(notifier, target.range()));
            }
        }
        return true;
    }

    /** Ends what was started. A notifier that fails does not keep the others from being told. */
    @Override
    public void close() {
        family.checkUnlocked("invalidateRangeEnd");
        Throwable failure = endAll(null);
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    private void endAfter(Throwable failure) {
        endAll(failure);
    }

    private Throwable endAll(Throwable former) {
        Throwable failure = former;
        for (int i = started.size() - 1; i >= 0; i--) { // bounded by the starts
            Started one = started.get(i);
            try {
                one.notifier().invalidateRangeEnd(one.range());
            } catch (RuntimeException | Error e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        family.invalidationsInProgress.decrementAndGet();
        return failure;
    }
}
