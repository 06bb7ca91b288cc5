package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.rules.TrackedLock;
import java.lang.invoke.VarHandle;
import java.time.Duration;

/**
 * One vCPU's {@code SCHEDOP_poll}: it halts until one of some ports is pending, masked or not, or until a time.
 *
 * <p><b>No wake-up is lost.</b> The poll says what it polls, and only then tests whether it is pending; a sender marks
 * a port pending, and only then looks which vCPUs poll it. Both have a full fence in between, so at least one of them
 * sees the other.
 *
 * <p>Kernel counterpart: {@code kvm_xen_schedop_poll()}, {@code kvm_xen_check_poller()}.
 */
final class Poller {

    /** Most ports that one poll may name. */
    static final int MAX_PORTS = 128;

    /** Shortest and longest of the waits that a halt is made of: what a halted vCPU is not told, it sees by then. */
    private static final long MIN_SLICE_NANOS = 1_000_000;

    private static final long MAX_SLICE_NANOS = 10_000_000;

    private final XenVm xen;
    private final XenVcpu vcpu;
    private final WakeUp wakeUp = new WakeUp();

    /** Makes what is polled and the poll bit one. Nothing is taken under it. */
    private final TrackedLock lock = new TrackedLock(LockClass.WAKE_UP);

    /**
     * What is polled now; null if nothing is. Written with the lock held, and begun by the vCPU's thread; read by all
     * senders.
     */
    private volatile Poll current;

    /**
     * How often a halted vCPU found a port pending of which it was not told: one that the guest or its emulator set in
     * memory, or a wake-up that was just coming. Written by the vCPU's thread.
     */
    private volatile int foundUntold;

    /** What one poll waits for, and until when: nanoseconds of the host's monotonic clock, NEVER for no end. */
    private record Poll(long[] ports, long endNanos, boolean interruptible) {

        boolean covers(int port) {
            for (long each : ports) { // bounded by MAX_PORTS
                if (each == port) {
                    return true;
                }
            }
            return false;
        }

        long leftAt(long now) {
            return endNanos == SingleShotTimer.NEVER ? endNanos : endNanos - now;
        }

        boolean isOverAt(long now) {
            return endNanos != SingleShotTimer.NEVER && now - endNanos >= 0;
        }
    }

    Poller(XenVm xen, XenVcpu vcpu) {
        this.xen = xen;
        this.vcpu = vcpu;
    }

    // ------------------------------------------------------------------ what others tell it; never waits

    /** A port has become pending, or may have. */
    void portPending(int port) {
        Poll poll = current;
        if (poll != null && poll.covers(port)) {
            wakeUp.wake();
        }
    }

    /** A masked port of the vCPU has become pending. It wakes a poll of several ports or of none, listed or not. */
    void maskedPending(int port) {
        Poll poll = current;
        if (poll != null && (poll.ports.length != 1 || poll.covers(port))) {
            wakeUp.wake();
        }
    }

    /** An event has reached the vCPU's vcpu_info, or waits for it: that wakes any poll, also with interrupts off. */
    void interruptPending() {
        if (current != null) {
            wakeUp.wake();
        }
    }

    /** The poll should end for another reason. */
    void wake() {
        wakeUp.wake();
    }

    /** The clock has moved. */
    void clockMoved() {
        wakeUp.look();
    }

    int foundUntold() {
        return foundUntold;
    }

    // ------------------------------------------------------------------ the poll

    PollOutcome poll(long argumentGpa, boolean interruptible, Duration patience) {
        boolean inside = current != null; // code of others that the halt of another poll has called, or it was left
        try {
            PollOutcome started = start(argumentGpa, interruptible);
            return started == PollOutcome.BUSY ? await(patience) : started;
        } finally {
            stop();
            if (inside) {
                wakeUp.wake(); // ends that one: a wake-up of its own may have been taken for this one's
            }
        }
    }

    PollOutcome start(long argumentGpa, boolean interruptible) {
        GuestMode mode = xen.mode(); // once
        return start(mode, mode.hypercall().readSchedPoll(xen.vm().guestMemory(), argumentGpa), interruptible);
    }

    /** @param argument what the guest passed; null if it cannot be read */
    PollOutcome start(GuestMode mode, HypercallLayout.SchedPoll argument, boolean interruptible) {
        stop();
        if (argument == null) {
            return PollOutcome.FAULT;
        }
        if (argument.portCount() > MAX_PORTS) {
            return PollOutcome.INVALID; // before anything is read or allocated by that count
        }
        long[] ports = HypercallLayout.readPorts(
                xen.vm().guestMemory(), argument.portsGpa(), (int) argument.portCount());
        if (ports == null) {
            return PollOutcome.FAULT;
        }
        for (long port : ports) { // bounded by MAX_PORTS
            if (port >= mode.portLimit()) {
                return PollOutcome.INVALID;
            }
        }
        Poll poll = new Poll(ports, SingleShotTimer.endOf(argument.timeoutNanos(), hostNanos()), interruptible);
        PollOutcome outcome = PollOutcome.WOKEN; // whatever is thrown, the poll is over
        try {
            vcpu.deliverPending(); // its own timer, and what is kept for it
            wakeUp.arm(); // before a sender can see the poll: a wake-up from then on is for it
            begin(poll);
            VarHandle.fullFence(); // the poll bit before the test; pairs with testAndSetPending
            Interleaving.reached("poll bit set");
            boolean pending = isAnyPending(poll, true);
            Interleaving.reached("polled ports tested");
            // The mode after the poll bit: a change of mode looks at the bit after that, and ends the polls it sees.
            boolean other = xen.mode() != mode;
            outcome = pending || other || vcpu.keepsEvents() ? PollOutcome.WOKEN : look(poll, 0);
        } finally {
            stopUnless(outcome == PollOutcome.BUSY);
        }
        return outcome;
    }

    /** Every sender can see the poll from here on. */
    private void begin(Poll poll) {
        lock.lock();
        try {
            current = poll;
            xen.polling().set(vcpu.vcpu().id());
        } finally {
            lock.unlock();
        }
    }

    /** Goes on with the poll that was started. */
    PollOutcome await(Duration patience) {
        Poll poll = current;
        if (poll == null) {
            return PollOutcome.WOKEN;
        }
        PollOutcome outcome = PollOutcome.WOKEN;
        try {
            outcome = halt(poll, Patience.deadlineAfter(patience));
        } finally {
            stopUnless(outcome == PollOutcome.BUSY);
        }
        return outcome;
    }

    private void stopUnless(boolean halted) {
        if (!halted) {
            stop();
        }
    }

    void stop() {
        lock.lock();
        try {
            current = null; // first: a halt that finds the bit away finds its poll away
            xen.polling().clear(vcpu.vcpu().id());
            XenRule.I5_POLL_BIT_CLEARED.check(!xen.polling().isSet(vcpu.vcpu().id()), vcpu);
        } finally {
            lock.unlock();
        }
    }

    /** Ends the poll, and a halt in it on another thread. */
    void stopAndWake() {
        stop();
        wakeUp.wake();
    }

    private long hostNanos() {
        return xen.vm().clock().monotonicNanos();
    }

    /** What is to be said of a poll now; BUSY if it has to wait. */
    private PollOutcome look(Poll poll, int turn) {
        boolean pending = turn > 0 && isAnyPending(poll, false);
        if (pending) {
            foundUntold = foundUntold + 1; // one writer
        }
        if (pending || poll.interruptible && vcpu.hasInterruptBesidesTimer(CallContext.MAY_SLEEP)) {
            return PollOutcome.WOKEN;
        }
        return poll.isOverAt(hostNanos()) ? PollOutcome.TIMED_OUT : PollOutcome.BUSY;
    }

    private PollOutcome halt(Poll poll, long deadline) {
        for (int turn = 0; ; turn++) { // bounded by the deadline: every turn waits, but for the last
            if (wakeUp.isWoken() || current != poll) {
                return PollOutcome.WOKEN;
            }
            vcpu.deliverPending();
            PollOutcome now = wakeUp.isWoken() || current != poll ? PollOutcome.WOKEN : look(poll, turn);
            long left = deadline - System.nanoTime();
            if (now != PollOutcome.BUSY || left <= 0) {
                return now;
            }
            // A timer that is due and cannot be delivered is tried at every turn; one that lies ahead ends the slice.
            long timer = vcpu.singleShot().dueInNanos(hostNanos());
            long ahead = timer <= 0 ? MAX_SLICE_NANOS : Math.min(MAX_SLICE_NANOS, timer);
            long slice = Math.max(MIN_SLICE_NANOS, Math.min(ahead, poll.leftAt(hostNanos())));
            wakeUp.await(System.nanoTime() + Math.min(left, slice));
        }
    }

    /**
     * Whether a polled port is pending. At first a shared page that cannot be looked at answers yes: the guest will
     * look itself. One that goes while the vCPU halts answers no: whatever ends the poll will.
     */
    private boolean isAnyPending(Poll poll, boolean atFirst) {
        XenRule.I10_POLL_BIT_BEFORE_TEST.check(xen.polling().isSet(vcpu.vcpu().id()) || current != poll, vcpu);
        if (poll.ports.length == 0) {
            return false;
        }
        SharedInfoLayout layout = xen.mode().sharedInfo(); // a port's bit is at the same place in both
        try (GuestAccess shared = xen.shared().access()) {
            if (!shared.isUsable()) {
                return atFirst;
            }
            for (long port : poll.ports) { // bounded by MAX_PORTS
                // The mode may have changed since the ports were checked against its limit.
                if (port < layout.portLimit() && layout.isPending(shared, (int) port)) {
                    return true;
                }
            }
            return false;
        }
    }
}
