package io.github.pfncache.xen;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.vm.Vm;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One vCPU's vcpu_info: its upcall, its selector, and the selector bits that wait while it cannot be written.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.xen.vcpu_info_cache}, {@code evtchn_pending_sel}.
 */
final class VcpuInfo {

    private final GuestWindow window;

    /** The shadow selector: atomic, any sender adds, in any context. Scaled for {@link #layout}. */
    private final AtomicLong parked = new AtomicLong();

    // Guarded by the window's lock.

    private VcpuInfoLayout layout;

    VcpuInfo(Vm vm, GuestMode mode) {
        window = new GuestWindow(vm, VcpuInfoLayout.SIZE);
        layout = mode.vcpuInfo();
    }

    /** What an attempt to look at the upcall found. */
    enum Look {
        PENDING,
        NOT_PENDING,
        /** It could not look. */
        UNKNOWN
    }

    GuestWindow window() {
        return window;
    }

    Outcome set(CacheTarget target) {
        return window.set(target);
    }

    /**
     * Tells the guest in which word an event is. Never waits. The caller holds the shared page for access, by the mode
     * of the layout it passes; a change of mode waits for it, so parked bits are all of one mode.
     *
     * @return RAISED, JOINED or PARKED
     */
    Delivery raise(VcpuInfoLayout current, int word) {
        try (GuestAccess access = window.tryAccess()) {
            if (!access.isUsable()) {
                parked.accumulateAndGet(1L << word, (bits, bit) -> bits | bit);
                return Delivery.PARKED;
            }
            if (current.testAndSetSelector(access, word)) {
                return Delivery.JOINED; // whoever set it raises the upcall, or has
            }
            Interleaving.reached("selector set");
            current.raiseUpcall(access);
            return Delivery.RAISED;
        }
    }

    boolean hasParked() {
        return parked.get() != 0;
    }

    /**
     * Hands the parked bits to the guest; may wait.
     *
     * @return whether the upcall was raised
     */
    boolean injectParked() {
        boolean[] raised = new boolean[1];
        window.update(access -> {
            // Exactly the bits that are handed over are taken away, and before they are handed over: the guest may run
            // now, and a bit that is parked again after the guest has looked must stay. With the access in hand nothing
            // can fail in between.
            Interleaving.reached("parked bits about to be taken");
            long bits = parked.getAndSet(0);
            Interleaving.reached("parked bits taken");
            XenRule.I10_PARKED_BITS_FIT_MODE.check(layout.covers(bits), layout + " " + Long.toHexString(bits));
            for (long left = bits; left != 0; left &= left - 1) { // bounded by the bits of a selector
                layout.testAndSetSelector(access, Long.numberOfTrailingZeros(left)); // atomic: the guest clears others
            }
            if (bits != 0) {
                layout.raiseUpcall(access);
                raised[0] = true;
            }
        });
        return raised[0];
    }

    /**
     * The guest's mode changes: parked bits come to mean the same ports in words of the other width. No sender is at
     * work.
     */
    void switchMode(GuestMode mode) {
        window.exclusively(() -> {
            VcpuInfoLayout former = layout;
            layout = mode.vcpuInfo();
            long bits = parked.updateAndGet(old -> layout.rescaled(old, former));
            XenRule.I10_PARKED_BITS_FIT_MODE.check(layout.covers(bits), layout + " " + Long.toHexString(bits));
            return bits;
        });
    }

    /** Looks whether an upcall waits for the guest, or will. */
    Look lookAtUpcall(CallContext context) {
        return hasParked() ? Look.PENDING : lookAtMemory(context);
    }

    /** The same, and parked bits do not count. */
    Look lookAtMemory(CallContext context) {
        if (context == CallContext.ATOMIC) {
            try (GuestAccess access = window.tryAccess()) {
                return lookAt(access);
            }
        }
        Look[] found = new Look[] {Look.NOT_PENDING};
        Outcome outcome = window.update(access -> found[0] = lookAt(access));
        return outcome == Outcome.OK || outcome == Outcome.INACTIVE ? found[0] : Look.UNKNOWN;
    }

    private Look lookAt(GuestAccess access) {
        if (!access.isUsable()) {
            return access.outcome() == Outcome.INACTIVE ? Look.NOT_PENDING : Look.UNKNOWN;
        }
        return VcpuInfoLayout.isUpcallPending(access) ? Look.PENDING : Look.NOT_PENDING;
    }
}
