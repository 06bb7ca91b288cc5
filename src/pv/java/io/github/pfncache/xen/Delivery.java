package io.github.pfncache.xen;

import io.github.pfncache.cache.Outcome;

/**
 * What became of an event. No event is lost, except where the ABI says so.
 *
 * <p>Kernel counterpart: the return values of {@code kvm_xen_set_evtchn_fast()}.
 *
 * @since 0.1.0
 */
public enum Delivery {

    /** Pending, and the vCPU has been told. */
    RAISED,

    /** Pending, and the vCPU had been told of a port near it, and has not looked yet. */
    JOINED,

    /** Pending, and the vCPU will be told as soon as its structure can be written. */
    PARKED,

    /** Pending, but masked: the guest looks at it when it unmasks the port. */
    MASKED,

    /** It was pending already: two events became one. */
    COALESCED,

    /** The shared page cannot be written now. The event is kept, and delivered when it can. */
    DEFERRED,

    /** There is no shared page. Nothing was done, and the sender keeps the event. */
    INACTIVE,

    /** There is no memory at the shared page. Nothing was done, and the sender keeps the event. */
    FAULT,

    /** The port is not one of the guest's mode. */
    INVALID,

    /** The guest sent to a port that is bound to nothing. */
    UNBOUND,

    /** Handed to what is bound to the port outside the guest. */
    FORWARDED;

    /** What becomes of an event whose shared page could not be accessed. */
    static Delivery without(Outcome outcome) {
        return switch (outcome) {
            case INACTIVE -> INACTIVE;
            case FAULT, INVALID -> FAULT;
            default -> DEFERRED;
        };
    }

    /** Whether nothing was done, since the shared page could not be had. */
    boolean foundNoPage() {
        return this == DEFERRED || this == INACTIVE || this == FAULT;
    }
}
