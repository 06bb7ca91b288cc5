package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.rules.HeldLocks;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * The guest modes of one domain, as a taker of pages sees them: kicks the vCPUs that hold one of the pages, and waits
 * until all have given the pages back. A vCPU outside of the guest is not waited for, and a vCPU that holds none of the
 * pages is not even kicked. Thread-safe.
 *
 * <p>Kernel counterpart: {@code kvm_make_all_cpus_request()} with {@code KVM_REQUEST_WAIT}.
 */
final class GuestModes {

    /** Thread-safe by itself. */
    final List<GuestEntry> all = new CopyOnWriteArrayList<>();

    /** One kick: a vCPU, the pages that are wanted from it, and the request to be acknowledged. For one thread. */
    private static final class Kick implements BooleanSupplier {
        private final GuestEntry mode;
        private final List<HeldPage> pages;
        private long request;

        private Kick(GuestEntry mode, List<HeldPage> pages) {
            this.mode = mode;
            this.pages = pages;
        }

        @Override
        public boolean getAsBoolean() {
            return mode.hasAcknowledged(request);
        }
    }

    /** Whether the current thread is a vCPU's, and in the guest: then it must not wait. */
    boolean isCurrentThreadInside() {
        for (GuestEntry mode : all) { // bounded by the vCPUs
            if (mode.isCurrentThreadInside()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes pages back. The caller has made sure that the pages cannot be held again, by an invalidation in progress.
     *
     * @param range the host pages
     * @param which those holds that have to go; asked without a lock
     * @param mayWait whether to wait; a thread in guest mode never does
     * @param deadlineNanos answers a value of {@link System#nanoTime()} after which to give up; asked once
     * @return whether no vCPU holds one of them any more; if not, they will be given back at the next safepoint
     */
    boolean takeBack(HvaRange range, Predicate<HeldPage> which, boolean mayWait, LongSupplier deadlineNanos) {
        if (all.isEmpty()) {
            return true;
        }
        VarHandle.fullFence(); // what the caller did, then the look at the holds: pairs with HeldPages.resolve
        boolean waits = mayWait && !isCurrentThreadInside();
        List<Kick> kicks = new ArrayList<>();
        for (GuestEntry mode : all) { // bounded by the vCPUs
            List<HeldPage> pages = mode.holdsOf(range, which);
            if (!pages.isEmpty()) {
                if (!waits && mode.isRunning()) {
                    return false;
                }
                kicks.add(new Kick(mode, pages));
            }
        }
        for (Kick kick : kicks) { // bounded by the vCPUs; no more memory is needed: all are kicked, or none
            kick.request = kick.mode.kick(kick.pages);
        }
        long latest = waits && !kicks.isEmpty() ? deadlineNanos.getAsLong() : GuestEntry.AT_ONCE; // one for all
        boolean done = true;
        for (Kick kick : kicks) { // bounded by the vCPUs
            done &= kick.mode.awaitGone(kick, done ? latest : GuestEntry.AT_ONCE);
        }
        return done;
    }

    /** A call that waits, made by a thread in guest mode: breaks a rule, and without rules is refused. */
    boolean refusesToWait(String what) {
        boolean inside = isCurrentThreadInside();
        if (inside) {
            HeldLocks.mightSleep(what);
        }
        return inside;
    }
}
