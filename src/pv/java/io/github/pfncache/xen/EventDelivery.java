package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.rules.Interleaving;

/**
 * The two-level event ABI: mark the port pending; unless it is masked, say in which word; if that was news, raise the
 * upcall.
 *
 * <p>The same code serves both contexts. Atomic: every lock is tried, nothing is refreshed. Otherwise only the shared
 * page is waited for; the vCPU's own structure is tried even then, because it is accessed while the shared page is
 * held, and what could not be said is parked and said afterwards.
 *
 * <p>Kernel counterpart: {@code kvm_xen_set_evtchn_fast()} and {@code kvm_xen_set_evtchn()}.
 */
final class EventDelivery {

    private final XenVm xen;

    EventDelivery(XenVm xen) {
        this.xen = xen;
    }

    /**
     * Delivers an event if the shared page can be had, and tells the vCPU.
     *
     * @return DEFERRED if it cannot; then nothing was done, and the caller has to keep the event
     */
    Delivery attempt(XenVcpu target, int port, CallContext context) {
        return announce(mark(target, port, context), target, port, context);
    }

    /**
     * The first half: the event is in guest memory or parked from here on, and must not be delivered again, whatever
     * becomes of the second.
     *
     * @return DEFERRED if it cannot be; if a page-fault handler throws, nothing was done either
     */
    Delivery mark(XenVcpu target, int port, CallContext context) {
        XenRule.I11_NO_LOCK_AT_DELIVERY.check(target.holdsNoLock(), "port " + port);
        SharedInfoPage page = xen.page(); // once: mode and mapping
        if (page == null) {
            return Delivery.DEFERRED;
        }
        if (port <= 0 || port >= page.layout().portLimit()) {
            return Delivery.INVALID;
        }
        try (GuestAccess shared = context.access(page.cache())) {
            return shared.isUsable() ? mark(page, shared, target, port) : Delivery.DEFERRED;
        }
    }

    private static Delivery mark(SharedInfoPage page, GuestAccess shared, XenVcpu target, int port) {
        SharedInfoLayout layout = page.layout();
        if (layout.testAndSetPending(shared, port)) {
            return Delivery.COALESCED;
        }
        Interleaving.reached("port pending");
        if (layout.isMasked(shared, port)) { // after pending: a guest that unmasks looks at pending after it
            return Delivery.MASKED;
        }
        return target.info().raise(page.mode().vcpuInfo(), layout.wordOf(port));
    }

    /** The second half, with nothing held: tells the vCPU, and calls the emulator. */
    Delivery announce(Delivery done, XenVcpu target, int port, CallContext context) {
        if (done == Delivery.DEFERRED || done == Delivery.INVALID) {
            return done;
        }
        if (done == Delivery.COALESCED) {
            target.tellAgain(context); // the call that marked the port may have ended before it had told the vCPU
            return done;
        }
        // Whatever the mask and the selector said: a port that is polled wakes its poller. Pairs with the poll, which
        // says what it polls before it tests pending.
        xen.wakePollersOf(port);
        if (done == Delivery.RAISED) {
            target.upcallRaised();
        } else if (done != Delivery.PARKED) {
            target.tellAgain(context); // whoever set the selector may have ended before it had raised the upcall
        } else if (inject(target, context)) {
            return Delivery.RAISED;
        }
        return done;
    }

    /** Hands a parked event over if the context allows it; true iff that raised the upcall. */
    private static boolean inject(XenVcpu target, CallContext context) {
        boolean raised = false;
        try {
            raised = context == CallContext.MAY_SLEEP && target.injectParked(context);
        } finally {
            if (!raised) {
                target.workWaits(); // the bit is parked by now: the entry finds it
            }
        }
        return raised;
    }
}
