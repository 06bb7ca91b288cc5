package io.github.pfncache.xen;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.function.LongSupplier;

/**
 * One vCPU's timer: fires its port once. It stays armed until its event has been delivered, so an event that cannot be
 * delivered now is neither lost nor missing from the saved state.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.xen.timer}, {@code kvm_xen_inject_timer_irqs()}.
 */
final class SingleShotTimer {

    /** How long it is not worth trying again, in real time, after the event could not be delivered. */
    private static final long RETRY_NANOS = 1_000_000;

    private final XenVcpu vcpu;
    private final EventDelivery delivery;
    private final LongSupplier guestClock;

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    // Guarded by lock.

    private int port;
    private int priority = EventChannels.PRIORITY_2LEVEL;
    /** Somebody delivers the event now; nobody else does. */
    private boolean firing;

    /** When to fire; null if not armed. Written with lock held; read anywhere. Compared by identity. */
    private volatile Armed armed;

    /** The last attempt that delivered nothing; null if there was none. Written with lock held; read anywhere. */
    private volatile Attempt deferred;

    private record Attempt(Armed timer, long atNanos) {}

    private record Armed(long expiresNanos) {

        /** Unsigned, as the ABI has it: a time beyond 2^63 lies ahead. */
        boolean isDueAt(long now) {
            return Long.compareUnsigned(expiresNanos, now) <= 0;
        }

        /** A saved 0 means not armed; a timer that was armed for 0 and waits for memory is saved as one in the past. */
        long toSave() {
            return expiresNanos == 0 ? 1 : expiresNanos;
        }
    }

    SingleShotTimer(XenVcpu vcpu, EventDelivery delivery, LongSupplier guestClock) {
        this.vcpu = vcpu;
        this.delivery = delivery;
        this.guestClock = guestClock;
    }

    /** Arms the timer; false if it has no port to fire. */
    boolean arm(long expiresNanos) {
        lock.lock();
        try {
            if (port != 0) {
                armed = new Armed(expiresNanos);
            }
            return port != 0;
        } finally {
            lock.unlock();
        }
    }

    void disarm() {
        lock.lock();
        try {
            armed = null;
        } finally {
            lock.unlock();
        }
    }

    TimerState state() {
        lock.lock();
        try {
            return new TimerState(port, priority, armed == null ? 0 : armed.toSave());
        } finally {
            lock.unlock();
        }
    }

    void restore(TimerState state) {
        lock.lock();
        try {
            port = state.port();
            priority = state.priority();
            armed = state.port() == 0 || state.expiresNanos() == 0 ? null : new Armed(state.expiresNanos());
        } finally {
            lock.unlock();
        }
    }

    /** When it fires, by the guest's clock; -1, the last of unsigned times, if it is not armed. Takes no lock. */
    long expires() {
        Armed now = armed;
        return now == null ? -1 : now.expiresNanos;
    }

    /** Real time until it is worth trying to fire it again: 0 if it was not tried, or not lately. Takes no lock. */
    long retryInNanos() {
        Attempt last = deferred;
        return last == null || last.timer != armed ? 0 : Math.max(0, RETRY_NANOS - (System.nanoTime() - last.atNanos));
    }

    /** Fires if it is time and the event can be delivered; otherwise stays as it is. May wait. */
    void fireIfDue() {
        Armed due = armed;
        if (due == null || !due.isDueAt(guestClock.getAsLong())) {
            return;
        }
        int target;
        lock.lock();
        try {
            if (firing || armed != due) {
                return; // somebody else is at it, or the guest changed its mind
            }
            firing = true;
            target = port;
        } finally {
            lock.unlock();
        }
        Delivery done = Delivery.DEFERRED;
        try {
            done = delivery.mark(vcpu, target, CallContext.MAY_SLEEP); // with no lock held
        } finally {
            lock.lock();
            firing = false;
            if (done != Delivery.DEFERRED && armed == due) {
                armed = null; // unless it was armed anew meanwhile
            }
            try {
                deferred = done == Delivery.DEFERRED ? new Attempt(due, System.nanoTime()) : null;
            } finally {
                lock.unlock(); // also if there is no memory to know of the attempt
            }
        }
        delivery.announce(done, vcpu, target, CallContext.MAY_SLEEP); // not before the timer is off: it fired
    }

    boolean isHeldByCurrentThread() {
        return lock.isHeldByCurrentThread();
    }
}
