package io.github.pfncache.xen;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;

/**
 * The ports of one vCPU whose events found no shared page. An event leaves the set only while one thread tries to
 * deliver it, and is back in the set if that fails, however it fails. Thread-safe in any context.
 */
final class DeferredEvents {

    private final AtomicBits ports = new AtomicBits(GuestMode.NATIVE.portLimit());

    // How many attempts have begun and ended: while the two differ, an event may be out of the set and come back.

    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();

    void add(int port) {
        ports.set(port);
    }

    void forgetAll() {
        ports.clearAll();
    }

    /** Visits the ports; one that comes meanwhile may or may not be visited. */
    void forEach(IntConsumer visitor) {
        ports.forEach(visitor);
    }

    /**
     * Takes an event out, unless another thread has, and puts it back if it cannot be delivered or the attempt throws.
     */
    void attempt(int port, IntPredicate delivers) {
        begun.incrementAndGet(); // before the event is out
        boolean gone = !ports.take(port);
        try {
            gone = gone || delivers.test(port);
        } finally {
            if (!gone) {
                ports.set(port);
            }
            ended.incrementAndGet(); // after it is back
        }
    }

    /** Whether it is known that no event is kept: one that is being delivered may yet be. */
    boolean isSurelyEmpty() {
        int before = ended.get();
        return ports.isEmpty() && begun.get() == before; // no attempt was under way while the set was looked at
    }
}
