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
 *
 * @since 0.1.0
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

        /** To a port of the same guest; its vCPU need not exist. An ipi leads to the same port. */
        record Loopback(int vcpu, int port, boolean ipi) implements Binding {}

        record External(Runnable sink) implements Binding {}
    }

    EventChannels(XenVm xen, EventDelivery delivery) {
        this.xen = xen;
        this.delivery = delivery;
    }

    // ------------------------------------------------------------------ from outside to the guest

    /**
     * Delivers an event, or keeps it until it can be.
     *
     * @param target the vCPU that the port notifies
     * @param port the port, any value
     * @param context where the caller is; in atomic context nothing waits
     * @return what became of it
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public Delivery deliver(XenVcpu target, int port, CallContext context) {
        xen.requireOwn(target);
        return port == 0 ? Delivery.INVALID : kept(target, port, context);
    }

    /** Delivers an event to any port, also to port 0, or keeps it. */
    Delivery kept(XenVcpu target, int port, CallContext context) {
        return context.call(() -> {
            if (port < 0 || port >= xen.mode().portLimit()) {
                return Delivery.INVALID;
            }
            Delivery done = delivery.attempt(target, port, context);
            if (done.foundNoPage()) {
                target.defer(port);
                return Delivery.DEFERRED;
            }
            return done;
        });
    }

    /**
     * Delivers an event by numbers, as a host passes its monitor's request on. An event that finds no shared page is
     * not kept: the caller is told. May wait. {@code KVM_XEN_HVM_EVTCHN_SEND}.
     *
     * @param vcpu number of the vCPU that the port notifies, any value
     * @param port the port, any value
     * @param priority the event's priority, any value
     * @return what became of it; INVALID if there is no such vCPU, port or priority, INACTIVE or FAULT if nothing was
     *     done since there is no shared page or no memory there
     */
    public Delivery deliverOnce(int vcpu, int port, int priority) {
        return priority != PRIORITY_2LEVEL ? Delivery.INVALID : once(vcpu, port);
    }

    private Delivery once(int vcpu, int port) {
        XenVcpu target = xen.vcpuOrNull(vcpu);
        if (target == null || port == 0) {
            return Delivery.INVALID;
        }
        Delivery done = delivery.attempt(target, port, CallContext.MAY_SLEEP);
        if (done == Delivery.DEFERRED) {
            target.defer(port); // there is memory, only not in the time allowed
        }
        return done;
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
     * A way for a device to signal a port, by numbers. Any port and any vCPU is taken: what leads to none is dropped
     * when it is signalled, and port 0 is one. An entry of {@code KVM_SET_GSI_ROUTING}.
     *
     * @param vcpu number of the vCPU that the port notifies, any value
     * @param port the port, any value
     * @param priority the events' priority
     * @return the way, open
     * @throws IllegalArgumentException if the priority is not {@link #PRIORITY_2LEVEL}
     */
    public EventRoute route(int vcpu, int port, int priority) {
        requirePriority(priority);
        return new EventRoute(this, xen.vcpuOrNull(vcpu), port);
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
     * @return what became of it; INVALID, UNBOUND, FORWARDED, or as {@link #deliverOnce} for the port at the other end
     */
    public Delivery send(int port) {
        if (port <= 0 || port >= xen.mode().portLimit()) {
            return Delivery.INVALID;
        }
        Binding binding = bindings.get(port);
        if (binding instanceof Binding.Loopback loopback) {
            return once(loopback.vcpu, loopback.port);
        }
        if (binding instanceof Binding.External external) {
            XenRule.I11_NO_LOCK_AT_DELIVERY.check(XenVcpu.holdsNoLock(), "port " + port);
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
     * @throws IllegalArgumentException if a port is not one of the guest's mode or the vCPU belongs to another VM
     */
    public boolean bindLoopback(int port, XenVcpu target, int targetPort) {
        xen.requireOwn(target);
        return bindLoopback(port, target.vcpu().id(), targetPort, PRIORITY_2LEVEL);
    }

    /**
     * Binds a port to another of the same guest, by numbers. {@code EVTCHNSTAT_interdomain} to the guest itself.
     *
     * @param port the port that the guest sends to
     * @param vcpu number of the vCPU that the other port notifies; one that does not exist is taken, and what is sent
     *     then is {@link Delivery#INVALID}
     * @param targetPort the other port
     * @param priority the events' priority
     * @return false with nothing changed if the port is bound
     * @throws IllegalArgumentException if a port is not one of the guest's mode, or the priority not
     *     {@link #PRIORITY_2LEVEL}
     */
    public boolean bindLoopback(int port, int vcpu, int targetPort, int priority) {
        requirePriority(priority);
        return bind(port, new Binding.Loopback(vcpu, requirePortOfMode(targetPort), false));
    }

    /**
     * Binds a port to itself on some vCPU. {@code EVTCHNSTAT_ipi}.
     *
     * @param port the port that the guest sends to
     * @param vcpu number of the vCPU that it notifies, as for {@link #bindLoopback(int, int, int, int)}
     * @param priority the events' priority
     * @return false with nothing changed if the port is bound
     * @throws IllegalArgumentException if the port is not one of the guest's mode, or the priority not
     *     {@link #PRIORITY_2LEVEL}
     */
    public boolean bindIpi(int port, int vcpu, int priority) {
        requirePriority(priority);
        return bind(port, new Binding.Loopback(vcpu, port, true));
    }

    /**
     * Lets a port that leads to a port of the same guest notify another vCPU. {@code KVM_XEN_EVTCHN_UPDATE}.
     *
     * @param port the port that the guest sends to
     * @param vcpu number of the vCPU that is notified from now on
     * @param targetPort the port that it leads to already
     * @param ipi whether it was bound by {@link #bindIpi}
     * @return false if the port is not bound
     * @throws IllegalArgumentException if it is bound otherwise, or is not one of the guest's mode
     */
    public boolean rebind(int port, int vcpu, int targetPort, boolean ipi) {
        requirePortOfMode(port);
        lock.lock();
        try {
            Binding former = bindings.get(port);
            if (former == null) {
                return false;
            }
            if (!(former instanceof Binding.Loopback loopback && loopback.port == targetPort && loopback.ipi == ipi)) {
                throw new IllegalArgumentException("port=" + port + " is bound to something else");
            }
            bindings.set(port, new Binding.Loopback(vcpu, targetPort, ipi));
            return true;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Binds a port to something outside the guest, like an eventfd.
     *
     * @param port the port that the guest sends to
     * @param sink called on the sender's thread with no lock held; thread-safe
     * @return false with nothing changed if the port is bound
     * @throws IllegalArgumentException if the port is not one of the guest's mode
     */
    public boolean bindExternal(int port, Runnable sink) {
        return bind(port, new Binding.External(Objects.requireNonNull(sink, "sink")));
    }

    private boolean bind(int port, Binding binding) {
        requirePortOfMode(port);
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
     * @throws IllegalArgumentException if the port is not one of the guest's mode
     */
    public boolean unbind(int port) {
        requirePortOfMode(port);
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
            for (int id = 0; id < xen.vcpus().size(); id++) { // the vCPUs; takes no memory: it is done whole, or not
                xen.vcpus().get(id).forgetDeferred();
            }
        } finally {
            lock.unlock();
        }
    }

    private int requirePortOfMode(int port) {
        if (port <= 0 || port >= xen.mode().portLimit()) {
            throw new IllegalArgumentException("port=" + port + " is not in 1.." + (xen.mode().portLimit() - 1));
        }
        return port;
    }

    static int requirePriority(int priority) {
        if (priority != PRIORITY_2LEVEL) {
            throw new IllegalArgumentException("priority=" + priority + " is not that of the two-level ABI");
        }
        return priority;
    }

    private static int requirePort(int port) {
        if (port <= 0 || port >= MAX_PORTS) {
            throw new IllegalArgumentException("port=" + port + " is not in 1.." + (MAX_PORTS - 1));
        }
        return port;
    }
}
