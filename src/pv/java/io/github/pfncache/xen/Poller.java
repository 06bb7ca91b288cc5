package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.Patience;
import java.lang.invoke.VarHandle;
import java.time.Duration;

/**
 * One vCPU's {@code SCHEDOP_poll}: it halts until one of some ports is pending, masked or not, or until a time.
 *
 * <p><b>No wake-up is lost.</b> The poll says what it polls, and only then tests whether it is pending; a sender marks
 * a port pending, and only then looks who polls it. Both have a full fence in between, so at least one of them sees the
 * other.
 *
 * <p>Kernel counterpart: {@code kvm_xen_schedop_poll()}, {@code kvm_xen_check_poller()}.
 */
final class Poller {

    /** Most ports that one poll may name. */
    static final int MAX_PORTS = 128;

    /** Shortest and longest of the waits that a halt is made of: what nobody tells a halted vCPU, it sees by then. */
    private static final long MIN_SLICE_NANOS = 1_000_000;

    private static final long MAX_SLICE_NANOS = 10_000_000;

    private final XenVm xen;
    private final XenVcpu vcpu;
    private final WakeUp wakeUp = new WakeUp();

    /** What is polled now; null if nothing is. Written by the vCPU's thread; read by all senders. */
    private volatile Poll current;

    /**
     * How often a halted vCPU found a port pending of which nobody had told it: one that the guest or its emulator set
     * in memory, a page that went, or a wake-up that was just coming. Written by the vCPU's thread.
     */
    private volatile int foundUntold;

    /** What one poll waits for. */
    private record Poll(long[] ports, boolean interruptible) {

        boolean covers(int port) {
            for (long each : ports) { // bounded by MAX_PORTS
                if (each == port) {
                    return true;
                }
            }
            return false;
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

    /** An interrupt waits for the vCPU. */
    void interruptPending() {
        Poll poll = current;
        if (poll != null && poll.interruptible) {
            wakeUp.wake();
        }
    }

    /** What a poll would test cannot be tested any more, or it should end for another reason. */
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
        GuestMode mode = xen.mode(); // once
        GuestMemory memory = xen.vm().guestMemory();
        HypercallLayout.SchedPoll argument = mode.hypercall().readSchedPoll(memory, argumentGpa);
        if (argument == null) {
            return PollOutcome.FAULT;
        }
        if (argument.portCount() > MAX_PORTS) {
            return PollOutcome.INVALID; // before anything is read or allocated by that count
        }
        long[] ports = HypercallLayout.readPorts(memory, argument.portsGpa(), (int) argument.portCount());
        if (ports == null) {
            return PollOutcome.FAULT;
        }
        for (long port : ports) { // bounded by MAX_PORTS
            if (port >= mode.portLimit()) {
                return PollOutcome.INVALID;
            }
        }
        Poll outer = current; // of the same thread: code of others that this poll's halt has called
        wakeUp.arm(); // before anybody can see the poll: a wake-up from then on is for it
        try {
            begin(new Poll(ports, interruptible));
            VarHandle.fullFence(); // the poll bit before the test; pairs with testAndSetPending
            Interleaving.reached("poll bit set");
            return halt(current, argument.timeoutNanos(), Patience.deadlineAfter(patience));
        } finally {
            xen.polling().clear(vcpu.vcpu().id());
            current = null;
            XenRule.I5_POLL_BIT_CLEARED.check(!xen.polling().isSet(vcpu.vcpu().id()), vcpu);
            if (outer != null) {
                begin(outer);
                wakeUp.wake(); // a wake-up of the outer poll may have been taken for the inner one's
            }
        }
    }

    /** Anybody can see the poll from here on. */
    private void begin(Poll poll) {
        current = poll;
        xen.polling().set(vcpu.vcpu().id());
    }

    private PollOutcome halt(Poll poll, long timeout, long deadline) {
        for (int turn = 0; ; turn++) { // bounded by the deadline: every turn waits, but for the last
            vcpu.deliverPending(); // its own timer, and what is kept for it
            boolean pending = isAnyPending(poll);
            if (pending && turn > 0) {
                foundUntold = foundUntold + 1; // one writer
            }
            if (pending || poll.interruptible && vcpu.hasInterrupt(CallContext.MAY_SLEEP)) {
                return PollOutcome.WOKEN;
            }
            long now = xen.guestNanos();
            if (timeout != 0 && isReached(timeout, now)) {
                return PollOutcome.TIMED_OUT;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return PollOutcome.BUSY;
            }
            // The timer counts only if it lies ahead: one that is due and cannot be delivered is tried at every turn.
            long timer = isReached(vcpu.timerExpires(), now) ? -1 : vcpu.timerExpires();
            long next = earlier(timeout == 0 ? -1 : timeout, timer);
            long slice = Math.max(MIN_SLICE_NANOS, next < 0 ? MAX_SLICE_NANOS : Math.min(MAX_SLICE_NANOS, next - now));
            if (wakeUp.await(System.nanoTime() + Math.min(left, slice))) {
                return PollOutcome.WOKEN;
            }
        }
    }

    /** Unsigned times: -1 is the last of all. */
    private static boolean isReached(long time, long now) {
        return Long.compareUnsigned(time, now) <= 0;
    }

    private static long earlier(long time, long other) {
        return Long.compareUnsigned(time, other) < 0 ? time : other;
    }

    /**
     * Whether a polled port is pending. A shared page that cannot be looked at answers yes: the guest will look itself.
     */
    private boolean isAnyPending(Poll poll) {
        XenRule.I10_POLL_BIT_BEFORE_TEST.check(xen.polling().isSet(vcpu.vcpu().id()), vcpu);
        if (poll.ports.length == 0) {
            return false;
        }
        SharedInfoPage page = xen.page(); // once: mode and mapping
        if (page == null) {
            return true;
        }
        try (GuestAccess shared = page.cache().access()) {
            if (!shared.isUsable()) {
                return true;
            }
            for (long port : poll.ports) { // bounded by MAX_PORTS
                // The mode may have changed since the ports were checked against its limit.
                if (port < page.layout().portLimit() && page.layout().isPending(shared, (int) port)) {
                    return true;
                }
            }
            return false;
        }
    }
}
