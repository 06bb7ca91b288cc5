package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.vm.Vm;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * One vCPU's vcpu_info: its upcall, its selector, and the selector bits that wait while it cannot be written.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.xen.vcpu_info_cache}, {@code evtchn_pending_sel}.
 */
final class VcpuInfo {

    private final Registration place;

    /** The shadow selector: atomic, any sender adds, in any context. Scaled for {@link #layout}. */
    private final AtomicLong parked = new AtomicLong();

    /** The last attempt to hand them over found no memory. Written by the thread that tried; read anywhere. */
    private volatile boolean inVain;

    // Guarded by the place's lock.

    private VcpuInfoLayout layout;

    /** That of the mode to which the guest changes. Written by the change of mode, one at a time. */
    private VcpuInfoLayout next;

    /** Made once: in its middle a change of mode takes no memory. */
    private final Supplier<VcpuInfoLayout> switching = this::switchLayout;

    VcpuInfo(Vm vm, GuestMode mode) {
        place = new Registration(vm, VcpuInfoLayout.SIZE);
        layout = mode.vcpuInfo();
    }

    /** What an attempt to look at the upcall found. */
    enum Look {
        PENDING,
        NOT_PENDING,
        /** It could not look. */
        UNKNOWN
    }

    /** Where the guest has it. */
    Registration place() {
        return place;
    }

    /**
     * Tells the guest in which word an event is. Never waits. The caller holds the shared page for access, by the mode
     * of the layout it passes; a change of mode waits for it, so parked bits are all of one mode.
     *
     * @return RAISED, JOINED or PARKED
     */
    Delivery raise(VcpuInfoLayout current, int word) {
        Delivery done = Delivery.PARKED; // also when memory runs out: the port is pending already
        try {
            done = tryRaise(current, word);
        } finally {
            if (done == Delivery.PARKED) {
                Interleaving.reached("upcall about to be parked");
                parked.accumulateAndGet(1L << word, (bits, bit) -> bits | bit);
            }
        }
        return done;
    }

    private Delivery tryRaise(VcpuInfoLayout current, int word) {
        Delivery[] done = {Delivery.PARKED};
        place.tryUpdate(access -> {
            if (current.testAndSetSelector(access, word)) {
                done[0] = Delivery.JOINED; // the sender that set it raises the upcall, or has
                return;
            }
            Interleaving.reached("selector set");
            current.raiseUpcall(access);
            done[0] = Delivery.RAISED;
        });
        return done[0];
    }

    boolean hasParked() {
        return parked.get() != 0;
    }

    /** Whether the page was not there the last time: a sender leaves the next attempt to the vCPU's entry. */
    boolean wasInVain() {
        return inVain;
    }

    /**
     * Hands the parked bits to the guest; may wait.
     *
     * @return whether the upcall was raised
     */
    boolean injectParked() {
        boolean[] raised = new boolean[1];
        inVain = Outcome.OK != place.update(() -> null, (access, nothing) -> {
            // Exactly the bits that are handed over are taken away, and before they are handed over: the guest may run
            // now, and a bit that is parked again after the guest has looked must stay. With the access in hand nothing
            // can fail in between.
            Interleaving.reached("parked bits about to be taken");
            long bits = parked.getAndSet(0);
            Interleaving.reached("parked bits taken");
            XenRule.I10_PARKED_BITS_FIT_MODE.check(layout.covers(bits), layout);
            try {
                for (long left = bits; left != 0; left &= left - 1) { // bounded by the bits of a selector
                    layout.testAndSetSelector(access, Long.numberOfTrailingZeros(left)); // the guest clears others
                }
                if (bits != 0) {
                    layout.raiseUpcall(access);
                    raised[0] = true;
                }
            } finally {
                if (!raised[0]) { // nothing was parked, or memory ran out: bits that are said twice do no harm
                    parked.accumulateAndGet(bits, (now, again) -> now | again);
                }
            }
        });
        return raised[0];
    }

    /**
     * The guest's mode changes: parked bits come to mean the same ports in words of the other width. No sender is at
     * work.
     */
    void switchMode(GuestMode mode) {
        next = mode.vcpuInfo();
        place.exclusively(switching);
    }

    private VcpuInfoLayout switchLayout() {
        long bits = next.rescaled(parked.get(), layout); // no sender adds, and the taker has the lock
        XenRule.I10_PARKED_BITS_FIT_MODE.check(next.covers(bits), next);
        parked.set(bits);
        layout = next;
        return layout;
    }

    /** Looks whether an upcall waits for the guest, or will. */
    Look lookAtUpcall(CallContext context) {
        return hasParked() ? Look.PENDING : lookAtMemory(context);
    }

    /** The same, and parked bits do not count. */
    Look lookAtMemory(CallContext context) {
        Look[] found = {Look.NOT_PENDING};
        Consumer<GuestAccess> look =
                access -> found[0] = VcpuInfoLayout.isUpcallPending(access) ? Look.PENDING : Look.NOT_PENDING;
        Outcome outcome = context == CallContext.ATOMIC
                ? place.tryUpdate(look)
                : place.update(() -> null, (access, nothing) -> look.accept(access));
        return outcome == Outcome.OK || outcome == Outcome.INACTIVE ? found[0] : Look.UNKNOWN;
    }
}
