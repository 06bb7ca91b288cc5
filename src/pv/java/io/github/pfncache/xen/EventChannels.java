package io.github.pfncache.xen;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The event channels of one VM: what the guest's ports are bound to, and events on their way to the guest.
 *
 * <pre>{@code
 * try (EventRoute disk = xen.events().route(xen.vcpu(0), 66)) {
 *     disk.signal(CallContext.ATOMIC);        // a device's interrupt
 * }
 * xen.events().bindLoopback(127, xen.vcpu(0), 15);
 * xen.events().send(127);                     // the guest's own hypercall: arrives at port 15
 * }</pre>
 *
 * <p>No event is lost: one that cannot be delivered now is kept, and delivered when its vCPU next enters the guest, or
 * by {@link #deliverDeferred}. Thread-safe. ABI: {@code event_channel.h}; kernel counterpart:
 * {@code kvm_xen_hvm_evtchn_send()}, {@code kvm_xen_hcall_evtchn_send()}, {@code kvm_xen_setattr_evtchn()}.
 */
public final class EventChannels {

    /** The only priority that the two-level ABI has. */
    public static final int PRIORITY_2LEVEL = ~0;

    private static final int MAX_PORTS = GuestMode.NATIVE.portLimit();

    private final XenVm xen;
    private final EventDelivery delivery;
    private final TrackedLock lock = new TrackedLock(LockClass.VM_USER);

    /** By port; null if unbound. Written with lock held, read without, atomically. */
    private final AtomicReferenceArray<Binding> bindings = new AtomicReferenceArray<>(MAX_PORTS);

    private sealed interface Binding {

        record Loopback(XenVcpu target, int port) implements Binding {}

        record External(Runnable sink) implements Binding {}
    }

    EventChannels(XenVm xen, EventDelivery delivery) {
        this.xen = xen;
        this.delivery = delivery;
    }

    // ------------------------------------------------------------------ from outside to the guest

    /**
     * Delivers an event. {@code KVM_XEN_HVM_EVTCHN_SEND}.
     *
     * @param target the vCPU that the port notifies
     * @param port the port, any value
     * @param context where the caller is; in atomic context nothing waits
     * @return what became of it
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public Delivery deliver(XenVcpu target, int port, CallContext context) {
        xen.requireOwn(target);
        return context.call(() -> {
            if (port <= 0 || port >= xen.mode().portLimit()) {
                return Delivery.INVALID;
            }
            Delivery done = delivery.attempt(target, port, context);
            if (done == Delivery.DEFERRED) {
                target.defer(port);
            }
            return done;
        });
    }

    /**
     * A way for a device to signal a port.
     *
     * @param target the vCPU that the port notifies
     * @param port the port
     * @return the way, open
     * @throws IllegalArgumentException if the port is not in 1..4095 or the vCPU belongs to another VM
     */
    public EventRoute route(XenVcpu target, int port) {
        xen.requireOwn(target);
        return new EventRoute(this, target, requirePort(port));
    }

    /**
     * Delivers what had to be deferred, as far as it can be now. Each vCPU does so for itself when it enters the guest;
     * a worker may call this at any time. May wait.
     */
    public void deliverDeferred() {
        xen.vcpus().forEach(vcpu -> vcpu.deliverFromOutside(vcpu::deliverDeferred));
    }

    // ------------------------------------------------------------------ from the guest

    /**
     * The guest sends to one of its ports. {@code EVTCHNOP_send}. May wait.
     *
     * @param port the port, any value
     * @return what became of it; INVALID, UNBOUND, FORWARDED, or as {@link #deliver} for the port at the other end
     */
    public Delivery send(int port) {
        if (port <= 0 || port >= xen.mode().portLimit()) {
            return Delivery.INVALID;
        }
        Binding binding = bindings.get(port);
        if (binding instanceof Binding.Loopback loopback) {
            return deliver(loopback.target, loopback.port, CallContext.MAY_SLEEP);
        }
        if (binding instanceof Binding.External external) {
            XenRule.I11_NO_LOCK_AT_DELIVERY.check(xen.holdsNoLock(), "port " + port);
            external.sink.run();
            return Delivery.FORWARDED;
        }
        return Delivery.UNBOUND;
    }

    /**
     * Binds a port to another of the same guest: what is sent to the one arrives at the other.
     *
     * @param port the port that the guest sends to
     * @param target the vCPU that the other port notifies
     * @param targetPort the other port
     * @return false with nothing changed if the port is bound
     * @throws IllegalArgumentException if a port is not in 1..4095 or the vCPU belongs to another VM
     */
    public boolean bindLoopback(int port, XenVcpu target, int targetPort) {
        xen.requireOwn(target);
        return bind(port, new Binding.Loopback(target, requirePort(targetPort)));
    }

    /**
     * Binds a port to something outside the guest, like an eventfd.
     *
     * @param port the port that the guest sends to
     * @param sink called on the sender's thread with no lock held; thread-safe
     * @return false with nothing changed if the port is bound
     * @throws IllegalArgumentException if the port is not in 1..4095
     */
    public boolean bindExternal(int port, Runnable sink) {
        return bind(port, new Binding.External(Objects.requireNonNull(sink, "sink")));
    }

    private boolean bind(int port, Binding binding) {
        requirePort(port);
        lock.lock();
        try {
            return bindings.compareAndSet(port, null, binding);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Whether the guest may send to a port.
     *
     * @param port the port
     * @return true iff it is bound
     * @throws IllegalArgumentException if the port is not in 1..4095
     */
    public boolean isBound(int port) {
        return bindings.get(requirePort(port)) != null;
    }

    /**
     * Unbinds a port. A send that began before may still arrive.
     *
     * @param port the port
     * @return false if it was not bound
     * @throws IllegalArgumentException if the port is not in 1..4095
     */
    public boolean unbind(int port) {
        requirePort(port);
        lock.lock();
        try {
            return bindings.getAndSet(port, null) != null;
        } finally {
            lock.unlock();
        }
    }

    /** Unbinds all ports and forgets what was deferred; routes from outside stay. {@code EVTCHNOP_reset}. */
    public void reset() {
        lock.lock();
        try {
            for (int port = 1; port < MAX_PORTS; port++) { // bounded by the number of ports
                bindings.set(port, null);
            }
            xen.vcpus().forEach(XenVcpu::forgetDeferred);
        } finally {
            lock.unlock();
        }
    }

    boolean holdsNoLock() {
        return !lock.isHeldByCurrentThread();
    }

    static int requirePort(int port) {
        if (port <= 0 || port >= MAX_PORTS) {
            throw new IllegalArgumentException("port=" + port + " is not in 1.." + (MAX_PORTS - 1));
        }
        return port;
    }
}
