package io.github.pfncache.xen;

/**
 * A ready-made way from outside the guest to one of its ports, for devices: signal it from any context. Like an irqfd.
 *
 * <p>Thread-safe. A signal that began before {@link #close} returned may still arrive. Kernel counterpart: an irqfd
 * with a {@code KVM_IRQ_ROUTING_XEN_EVTCHN} route.
 *
 * @since 0.1.0
 */
public final class EventRoute implements AutoCloseable {

    private final EventChannels events;
    private final XenVcpu target;
    private final int port;

    /** Set once. */
    private volatile boolean closed;

    /** A target that is null leads nowhere. */
    EventRoute(EventChannels events, XenVcpu target, int port) {
        this.events = events;
        this.target = target;
        this.port = port;
    }

    /**
     * Signals the port.
     *
     * @param context where the caller is; in atomic context nothing waits
     * @return what became of it; UNBOUND once the route is closed; INVALID, with nothing done, if it leads to no port
     *     or no vCPU
     */
    public Delivery signal(CallContext context) {
        return closed ? Delivery.UNBOUND : target == null ? Delivery.INVALID : events.kept(target, port, context);
    }

    /**
     * The port it leads to.
     *
     * @return its number
     */
    public int port() {
        return port;
    }

    /** Ends the route. Idempotent. */
    @Override
    public void close() {
        closed = true;
    }

    @Override
    public String toString() {
        return "route to port " + port + " of " + target;
    }
}
