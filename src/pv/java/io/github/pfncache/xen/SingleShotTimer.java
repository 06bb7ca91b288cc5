package io.github.pfncache.xen;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;

/**
 * One vCPU's timer: fires its port once. It stays armed until its event has been delivered, so an event that cannot be
 * delivered now is neither lost nor missing from the saved state.
 *
 * <p>Its time is given by the guest's clock, and measured by the host's, which is never set: a guest's clock that is
 * set forward does not fire it.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.xen.timer}, {@code kvm_xen_inject_timer_irqs()}.
 */
final class SingleShotTimer {

    /** How long it is not worth trying again, in real time, after the event could not be delivered. */
    private static final long RETRY_NANOS = 1_000_000;

    /** The shortest wait for a timer that lies ahead. */
    private static final long MIN_SLICE_NANOS = 1_000_000;

    /** A moment that does not come, and how long it is till then. */
    static final long NEVER = Long.MAX_VALUE;

    private final XenVcpu vcpu;
    private final EventDelivery delivery;
    private final LongSupplier guestClock;
    private final LongSupplier hostClock;

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    // Guarded by lock.

    private int port;
    private int priority = EventChannels.PRIORITY_2LEVEL;

    /** What is to fire; null if nothing is. Set with lock held; taken away, in any context, by the firing thread. */
    private final AtomicReference<Armed> armed = new AtomicReference<>();

    /** One thread delivers the event now, and no other does. Set and taken in any context. */
    private final AtomicBoolean firing = new AtomicBoolean();

    /** The last attempt that delivered nothing; null if there was none. Written by the firing thread; read anywhere. */
    private volatile Attempt deferred;

    /** A thread found another one firing, and left it to that one. Taken by the thread that has fired. */
    private volatile boolean passedOver;

    /** The last timer of which the vCPU was told that it waits. Written by the threads that have fired. */
    private volatile Armed told;

    private record Attempt(Armed timer, long atNanos) {}

    /**
     * Compared by identity.
     *
     * @param port what it fires
     * @param expiresNanos when, by the guest's clock when it was armed
     * @param hostNanos the same moment by the host's monotonic clock
     */
    private record Armed(int port, long expiresNanos, long hostNanos) {

        long dueIn(long hostNow) {
            return hostNanos == NEVER ? NEVER : hostNanos - hostNow;
        }

        /** A saved 0 means not armed; a timer that was armed for 0 and waits for memory is saved as one in the past. */
        long toSave() {
            return expiresNanos == 0 ? 1 : expiresNanos;
        }
    }

    SingleShotTimer(XenVcpu vcpu, EventDelivery delivery, LongSupplier guestClock, LongSupplier hostClock) {
        this.vcpu = vcpu;
        this.delivery = delivery;
        this.guestClock = guestClock;
        this.hostClock = hostClock;
    }

    /** When a time that starts now is over; one that is not positive, or too long to be counted, never is. */
    static long endOf(long nanos, long now) {
        return nanos <= 0 || now + nanos < now ? NEVER : now + nanos;
    }

    /** The moment by the host's clock. The clocks are code of others: to be asked with no lock held. */
    private long momentOf(long expiresNanos) {
        long now = hostClock.getAsLong();
        long left = expiresNanos - guestClock.getAsLong(); // a time that is half of all times away lies ahead
        return left <= 0 ? now : endOf(left, now);
    }

    /** Arms the timer; false if it has no port to fire. */
    boolean arm(long expiresNanos) {
        long moment = momentOf(expiresNanos);
        lock.lock();
        try {
            if (port != 0) {
                armed.set(new Armed(port, expiresNanos, moment));
            }
            return port != 0;
        } finally {
            lock.unlock();
        }
    }

    boolean hasPort() {
        lock.lock();
        try {
            return port != 0;
        } finally {
            lock.unlock();
        }
    }

    void disarm() {
        lock.lock();
        try {
            armed.set(null);
        } finally {
            lock.unlock();
        }
    }

    TimerState state() {
        lock.lock();
        try {
            Armed now = armed.get();
            return new TimerState(port, priority, now == null ? 0 : now.toSave());
        } finally {
            lock.unlock();
        }
    }

    void restore(TimerState state) {
        long moment = momentOf(state.expiresNanos());
        lock.lock();
        try {
            port = state.port();
            priority = state.priority();
            if (state.port() == 0 || state.expiresNanos() == 0) {
                armed.set(null);
            } else {
                armed.set(new Armed(port, state.expiresNanos(), moment));
            }
        } finally {
            lock.unlock();
        }
    }

    /** How long it is until it fires, by the host's clock; NEVER if it is not armed. Takes no lock. */
    long dueInNanos(long hostNow) {
        Armed now = armed.get();
        return now == null ? NEVER : now.dueIn(hostNow);
    }

    /** Real time until it is worth trying to fire it: 0 if it is due, and was not tried lately. Takes no lock. */
    long tryInNanos(long hostNow) {
        long left = dueInNanos(hostNow);
        return left <= 0 ? retryInNanos() : Math.max(MIN_SLICE_NANOS, left);
    }

    private long retryInNanos() {
        Attempt last = deferred;
        return last == null || last.timer != armed.get()
                ? 0
                : Math.max(0, RETRY_NANOS - (System.nanoTime() - last.atNanos));
    }

    /** Whether its time has come, and it has not fired. Takes no lock. */
    boolean isDue() {
        Armed now = armed.get();
        return now != null && now.dueIn(hostClock.getAsLong()) <= 0;
    }

    /**
     * Fires if it is time and the event can be delivered; otherwise stays as it is, and the vCPU is told if its next
     * entry has to fire it. Takes no lock.
     */
    void fireIfDue(CallContext context) {
        Armed due = armed.get();
        if (due == null || due.dueIn(hostClock.getAsLong()) > 0) {
            return;
        }
        Attempt attempt = new Attempt(due, System.nanoTime()); // before anything is taken: memory may run out
        if (!firing.compareAndSet(false, true)) {
            passedOver = true; // before the second try: the thread at which that fails has yet to look at this
            if (!firing.compareAndSet(false, true)) {
                return;
            }
        }
        try {
            delivery.announce(mark(due, attempt, context), vcpu, due.port, context); // once it is off: it fired
        } finally {
            tellIfPutOff(due, context);
        }
    }

    private Delivery mark(Armed due, Attempt attempt, CallContext context) {
        Delivery done = Delivery.DEFERRED;
        try {
            if (armed.get() == due) { // or it has been fired, or the guest changed its mind
                done = delivery.mark(vcpu, due.port, context);
            }
        } finally {
            if (done.foundNoPage()) {
                deferred = attempt;
            } else {
                armed.compareAndSet(due, null); // unless it was armed anew meanwhile
            }
            firing.set(false);
        }
        return done;
    }

    /**
     * Only the vCPU's entry may fire what was put off in atomic context, or what other threads passed over meanwhile,
     * an entry perhaps. Said once for each timer, unless a thread has passed over it since: an entry tries in vain
     * without a kick.
     */
    private void tellIfPutOff(Armed due, CallContext context) {
        boolean wasPassedOver = passedOver;
        if (wasPassedOver) {
            passedOver = false;
        }
        Armed now = armed.get();
        if (now != null && (wasPassedOver || now == due && now != told && context == CallContext.ATOMIC)) {
            told = now;
            vcpu.workWaits();
        }
    }
}
