package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.TrackedRwLock;

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

    /** How often the shared page is made usable for one event before the event is put off. */
    private static final int TURNS = 16;

    private final XenVm xen;

    EventDelivery(XenVm xen) {
        this.xen = xen;
    }

    /**
     * Delivers an event if the shared page can be had. Port 0 is a port here: whether the caller may name it was asked
     * before.
     *
     * @return INACTIVE, FAULT or DEFERRED if it cannot; then nothing was done, and the caller has to keep the event
     */
    Delivery attempt(XenVcpu target, int port, CallContext context) {
        return announce(mark(target, port, context), target, port, context);
    }

    /**
     * The first half: the event is in guest memory or parked from here on, and must not be delivered again, whatever
     * becomes of the second.
     *
     * @return INACTIVE, FAULT or DEFERRED if it cannot be; if a page-fault handler throws, nothing was done either
     */
    Delivery mark(XenVcpu target, int port, CallContext context) {
        XenRule.I11_NO_LOCK_AT_DELIVERY.check(XenVcpu.holdsNoLock(), "port " + port);
        Delivery done = tryMark(target, port, context);
        for (int turn = 0; turn < TURNS && done.foundNoPage() && context == CallContext.MAY_SLEEP; turn++) {
            Outcome outcome = xen.shared().refresh(); // bounded; page-fault handlers run here, with nothing held
            if (outcome != Outcome.OK) {
                return Delivery.without(outcome);
            }
            done = tryMark(target, port, context); // it may have gone again: bounded by the constant
        }
        return done;
    }

    /** The mode, and what is parked by it, stay until the event is said. Nothing is waited for but them. */
    private Delivery tryMark(XenVcpu target, int port, CallContext context) {
        int hold = xen.enterLayout(context);
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return Delivery.DEFERRED;
        }
        try {
            return mark(xen.mode(), target, port);
        } finally {
            xen.leaveLayout(hold);
        }
    }

    private Delivery mark(GuestMode mode, XenVcpu target, int port) {
        SharedInfoLayout layout = mode.sharedInfo();
        if (port < 0 || port >= layout.portLimit()) {
            return Delivery.INVALID;
        }
        try (GuestAccess shared = xen.shared().tryAccess()) {
            if (!shared.isUsable()) {
                return Delivery.without(shared.outcome());
            }
            if (layout.testAndSetPending(shared, port)) {
                return Delivery.COALESCED;
            }
            Interleaving.reached("port pending");
            if (layout.isMasked(shared, port)) { // after pending: a guest that unmasks looks at pending after it
                return Delivery.MASKED;
            }
            return raise(mode, target, layout.wordOf(port));
        }
    }

    private static Delivery raise(GuestMode mode, XenVcpu target, int word) {
        boolean ended = false;
        try {
            Delivery done = target.info().raise(mode.vcpuInfo(), word);
            ended = true;
            return done;
        } finally {
            if (!ended) { // memory ran out: the event is parked, and will not be announced
                target.workWaits();
            }
        }
    }

    /** The second half, with nothing held: tells the vCPU, and calls the emulator. */
    Delivery announce(Delivery done, XenVcpu target, int port, CallContext context) {
        if (done.foundNoPage() || done == Delivery.INVALID) {
            return done;
        }
        if (done == Delivery.COALESCED) {
            target.tellAgain(context); // the call that marked the port may have ended before it had told the vCPU
            return done;
        }
        if (done == Delivery.MASKED) {
            target.poller().maskedPending(port);
        }
        // Whatever the mask and the selector said: a port that is polled wakes its poller. Pairs with the poll, which
        // says what it polls before it tests pending.
        xen.wakePollersOf(port);
        if (done == Delivery.RAISED) {
            target.upcallRaised();
        } else if (done != Delivery.PARKED) {
            target.tellAgain(context); // the sender that set it may have ended before the upcall
        } else if (inject(target, context)) {
            return Delivery.RAISED;
        }
        return done;
    }

    /** Hands a parked event over if the context allows it; true iff that raised the upcall. */
    private static boolean inject(XenVcpu target, CallContext context) {
        boolean raised = false;
        try {
            raised = context == CallContext.MAY_SLEEP && !target.info().wasInVain() && target.injectParked(context);
        } finally {
            if (!raised) {
                target.workWaits(); // the bit is parked by now: the entry finds it
            }
        }
        return raised;
    }
}
