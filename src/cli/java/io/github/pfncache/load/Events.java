package io.github.pfncache.load;

import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.Delivery;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which events were sent, and up to which the guest has seen them. A port is one bit: many events may arrive as one,
 * but after the last of them the guest sees one more. Thread-safe.
 */
final class Events {

    /** Ports 1 to 59; the vCPU that each notifies is its number modulo the vCPUs. */
    static final int PORTS = 60;

    private final LoadMachine machine;
    private final Tally tally;

    /** Counted before the event is sent. */
    private final AtomicLongArray sent = new AtomicLongArray(PORTS);

    /** What was sent when the guest had just cleared the port. Written by the vCPU that the port notifies. */
    private final AtomicLongArray seen = new AtomicLongArray(PORTS);

    Events(LoadMachine machine, Tally tally) {
        this.machine = machine;
        this.tally = tally;
    }

    void send(int port, CallContext context) {
        sent.incrementAndGet(port);
        int vcpu = port % machine.vm.vcpus().size();
        Delivery delivery = machine.xen.events().deliver(machine.xen.vcpu(vcpu), port, context);
        if (delivery == Delivery.INVALID || delivery == Delivery.MASKED) {
            tally.violated("port " + port + " is open, and an event for it was " + delivery);
        }
    }

    /** The guest has cleared a port: it has seen what was sent before. */
    void cleared(int port) {
        if (port < PORTS) {
            seen.set(port, sent.get(port));
        }
    }

    /** Whether the guest has still to see an event that was sent. */
    boolean isMissing(int port) {
        return seen.get(port) != sent.get(port);
    }

    boolean isAnyMissing() {
        for (int port = 1; port < PORTS; port++) { // bounded by the ports
            if (isMissing(port)) {
                return true;
            }
        }
        return false;
    }
}
