package io.github.pfncache.xen;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.PvclockField;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.vm.Vcpu;
import java.time.Duration;

/**
 * The Xen interfaces of one vCPU: its vcpu_info, its clocks, its {@link #runstate}, its timer, its polls.
 *
 * <p>Structures are registered by gpa or by hva; a guest chooses the address, so a bad one is an outcome. Thread-safe;
 * hypercalls are made on the vCPU's thread. Kernel counterpart: {@code struct kvm_vcpu_xen}.
 *
 * @since 0.1.0
 */
public final class XenVcpu {

    private static final long BAD_TIMEOUT_NANOS = 100_000_000;
    private static final long MAX_TIMEOUT_NANOS = 1L << 50;
    private static final int MAX_VCPU_ID = 4095;

    private final XenVm xen;
    private final Vcpu vcpu;

    // Each guards its own state by a lock of its own; no thread holds two of them.

    private final VcpuInfo info;
    private final Registration timeInfo;
    private final RunstateArea runstate;
    private final SingleShotTimer timer;

    private final ClockPlace clockInVcpuInfo;
    private final ClockPlace clockAlone;
    private final Poller poller;
    private final UpcallLine upcall;
    private final Hypercalls hypercalls;

    /** The number by which the guest names the vCPU. Written by the emulator. */
    private volatile int guestId;

    /** Events that found no shared page. Any thread adds, in any context. */
    private final DeferredEvents deferred = new DeferredEvents();

    XenVcpu(XenVm xen, Vcpu vcpu, EventDelivery delivery) {
        this.xen = xen;
        this.vcpu = vcpu;
        info = new VcpuInfo(xen.vm(), xen.mode());
        timeInfo = new Registration(xen.vm(), PvclockField.ALONE.windowLength());
        runstate = new RunstateArea(xen.vm(), xen.mode(), xen::guestNanos, xen::runstateUpdateFlag);
        timer = new SingleShotTimer(this, delivery, xen::guestNanos, xen.vm().clock()::monotonicNanos);
        clockInVcpuInfo = new ClockPlace(info.place(), VcpuInfoLayout.TIME, this::time);
        clockAlone = new ClockPlace(timeInfo, PvclockField.ALONE, this::time);
        poller = new Poller(xen, this);
        upcall = new UpcallLine(vcpu, info, xen.listener());
        hypercalls = new Hypercalls(xen, this);
    }

    /**
     * The vCPU.
     *
     * @return the same object each time
     */
    public Vcpu vcpu() {
        return vcpu;
    }

    // ------------------------------------------------------------------ registered structures

    /**
     * The guest registers its vcpu_info: anywhere that does not cross a page, also inside the shared page. Events that
     * wait for one are delivered there.
     *
     * @param target its first byte, any value
     * @return OK; INVALID with nothing changed if it cannot be there; FAULT or BUSY if it cannot be written now, but
     *     will be when it can
     */
    public Outcome setVcpuInfo(CacheTarget target) {
        Outcome outcome = set(info.place(), target);
        if (outcome == Outcome.OK) {
            injectParked(CallContext.MAY_SLEEP);
        }
        return outcome;
    }

    private Outcome set(Registration place, CacheTarget target) {
        Outcome outcome = Outcome.BUSY; // also if a page-fault handler throws: it is there from then on
        try {
            outcome = place.set(0, target);
        } finally {
            if (outcome == Outcome.OK || outcome == Outcome.BUSY) {
                xen.clock().requestUpdate(vcpu);
            }
        }
        return outcome;
    }

    /**
     * The vcpu_info is no longer used. Events that would need it wait.
     *
     * @return OK; BUSY if a call on it does not end: it is not used from now on all the same
     */
    public Outcome clearVcpuInfo() {
        return info.place().set(0, null);
    }

    /**
     * Where the vcpu_info is.
     *
     * @return by the kind of address that was given; null if nowhere
     */
    public CacheTarget vcpuInfo() {
        return info.place().target();
    }

    /**
     * The guest registers a clock structure of its own, besides the one in its vcpu_info.
     *
     * @param target its first byte, any value
     * @return as for {@link #setVcpuInfo}
     */
    public Outcome setTimeInfo(CacheTarget target) {
        return set(timeInfo, target);
    }

    /**
     * The clock structure is no longer written.
     *
     * @return as for {@link #clearVcpuInfo}
     */
    public Outcome clearTimeInfo() {
        return timeInfo.set(0, null);
    }

    /**
     * Where the clock structure is.
     *
     * @return by the kind of address that was given; null if nowhere
     */
    public CacheTarget timeInfo() {
        return timeInfo.target();
    }

    /**
     * What the vCPU does, and where its guest sees it.
     *
     * @return the same object each time
     */
    public RunstateArea runstate() {
        return runstate;
    }

    /**
     * The number by which the guest names the vCPU in its hypercalls.
     *
     * @return 0 at first
     */
    public int guestId() {
        return guestId;
    }

    /**
     * Sets the number by which the guest names the vCPU in its hypercalls. {@code KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID}.
     *
     * @param id 0 to 4095
     * @throws IllegalArgumentException if out of range
     */
    public void setGuestId(int id) {
        if (id < 0 || id > MAX_VCPU_ID) {
            throw new IllegalArgumentException("id=" + Integer.toUnsignedString(id) + " is not in 0.." + MAX_VCPU_ID);
        }
        guestId = id;
    }

    private PvclockTimeInfo time() {
        PvclockTimeInfo time = xen.clock().timeFor(vcpu);
        return xen.config().has(XenConfig.TSC_UNSTABLE) ? time.withoutFlags(PvclockTimeInfo.FLAG_TSC_STABLE) : time;
    }

    // ------------------------------------------------------------------ upcalls

    /**
     * The interrupt by which the vCPU hears of its events, besides the VM's.
     *
     * @return 16 to 255; 0 for none
     */
    public int upcallVector() {
        return upcall.vector();
    }

    /**
     * The guest chooses an interrupt of the vCPU's own for its events: it is raised once whenever the upcall is, by
     * {@link UpcallListener#interrupt}; an upcall that is pending already raises none.
     * {@code KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR}.
     *
     * @param newVector 16 to 255; 0 for none: then a kick makes the emulator ask {@link #pendingVector}
     * @throws IllegalArgumentException if out of range
     */
    public void setUpcallVector(int newVector) {
        upcall.setVector(newVector);
    }

    /**
     * The guest turns its interrupt controller on or off; it is off at first. An upcall that was raised while it was
     * off is sent when it is turned on: the interrupt it should have caused had nowhere to go.
     *
     * @param enabled whether interrupts arrive from now on
     */
    public void setInterruptControllerEnabled(boolean enabled) {
        upcall.setEnabled(enabled);
    }

    /**
     * The interrupt that the guest takes now, if it takes interrupts: the VM's, as long as the vCPU's upcall is
     * pending.
     * To be asked at every entry. May wait.
     *
     * @return {@link XenVm#upcallVector}; 0 if there is none, or no upcall, or it cannot be looked at
     */
    public int pendingVector() {
        int vector = xen.upcallVector();
        // Where events are parked still, the entry has just tried the page in vain.
        CallContext how = info.hasParked() ? CallContext.ATOMIC : CallContext.MAY_SLEEP;
        return vector != 0 && info.lookAtMemory(how) == VcpuInfo.Look.PENDING ? vector : 0;
    }

    /** The guest has news. Called with no lock held, in any context. */
    void upcallRaised() {
        XenRule.I11_NO_LOCK_AT_DELIVERY.check(holdsNoLock(), this);
        poller.interruptPending(); // before the emulator is called, which may throw
        upcall.raised();
    }

    /** Something is kept for the vCPU that its next entry delivers. */
    void workWaits() {
        poller.interruptPending(); // before the emulator is called, which may throw
        upcall.kick();
    }

    /** Says what an earlier call could not say because the emulator threw. */
    void tellAgain(CallContext context) {
        upcall.tellAgain(context);
    }

    /**
     * Whether an event waits for the guest. Where it cannot be looked at, the answer is yes: a vCPU that wakes for
     * nothing is better than one that does not wake. An event that was deferred, or a timer that is due, counts: the
     * guest's next entry delivers it.
     *
     * @param context where the caller is; in atomic context nothing waits
     * @return false only if it is known that none waits
     */
    public boolean hasInterrupt(CallContext context) {
        return context.call(() -> timer.isDue() || hasInterruptBesidesTimer(context));
    }

    /**
     * Whether something is kept for the vCPU that its next entry delivers: a halted vCPU enters its guest for it. Never
     * waits.
     *
     * @return whether an event was deferred or parked, or the timer is due
     */
    public boolean hasWork() {
        return keepsEvents() || timer.isDue();
    }

    /** The same, and the timer does not count: a poll tries to fire that itself, all the time. */
    boolean keepsEvents() {
        return !deferred.isSurelyEmpty() || info.hasParked();
    }

    boolean hasInterruptBesidesTimer(CallContext context) {
        return keepsEvents() || info.lookAtUpcall(context) != VcpuInfo.Look.NOT_PENDING;
    }

    // ------------------------------------------------------------------ events on their way

    VcpuInfo info() {
        return info;
    }

    Poller poller() {
        return poller;
    }

    /** Keeps an event until the shared page can be had; never waits. */
    void defer(int port) {
        deferred.add(port);
        xen.wakePollersOf(port); // what cannot be looked at counts as pending
        workWaits(); // after the event is kept: the entry finds it
    }

    void forgetDeferred() {
        deferred.forgetAll();
    }

    /** Delivers what was deferred, and hands over what is parked, as far as it can be. May wait. */
    void deliverDeferred() {
        deferred.forEach(this::deliverDeferred);
        injectParked(CallContext.MAY_SLEEP);
    }

    private void deliverDeferred(int port) {
        Delivery[] done = {Delivery.DEFERRED};
        try {
            deferred.attempt(port, taken -> {
                done[0] = xen.delivery().mark(this, taken, CallContext.MAY_SLEEP);
                return !done[0].foundNoPage(); // no kick: an entry tries at the next one again
            });
        } finally {
            if (done[0].foundNoPage()) {
                xen.wakePollersOf(port);
            }
        }
        xen.delivery().announce(done[0], this, port, CallContext.MAY_SLEEP); // once it is not kept any more
    }

    /** Hands over what is parked; true iff the upcall was raised. */
    boolean injectParked(CallContext context) {
        context.requireMaySleep("inject parked events");
        boolean raised = info.hasParked() && info.injectParked();
        if (raised) {
            upcallRaised();
        }
        return raised;
    }

    /** Everything that waits for an occasion: the timer if it is due, deferred events, parked ones. May wait. */
    void deliverPending() {
        timer.fireIfDue(CallContext.MAY_SLEEP);
        deliverDeferred();
    }

    /** The shared page or the mode is another one: what that makes possible. Of parked events it makes nothing so. */
    void catchUp() {
        deliverFromOutside(() -> {
            timer.fireIfDue(CallContext.MAY_SLEEP);
            deferred.forEach(this::deliverDeferred);
        });
    }

    /**
     * As every thread delivers but the vCPU itself. An event is out of the set while it is tried, so an entry meanwhile
     * has used up its kick and found nothing: what is kept after this is said again.
     */
    void deliverFromOutside(Runnable delivery) {
        try {
            delivery.run();
        } finally {
            if (!deferred.isSurelyEmpty()) {
                workWaits();
            }
        }
    }

    void beforeRun() {
        if (xen.config().isOn()) {
            runstate.set(RunState.RUNNING);
        }
    }

    void beforeEntry() {
        upcall.entering();
        deliverPending();
        upcall.entered();
        clockInVcpuInfo.updateIfDue();
        clockAlone.updateIfDue();
        runstate.writeIfBehind();
    }

    void clockUpdated() {
        clockInVcpuInfo.request(); // both, before either is written and runs into code of others
        clockAlone.request();
        clockInVcpuInfo.updateIfDue();
        clockAlone.updateIfDue();
    }

    /** The shared page is away, and no sender is at work. Calls no code of others. */
    void switchMode(GuestMode mode) {
        info.switchMode(mode);
        runstate.switchMode(mode);
    }

    // ------------------------------------------------------------------ timer

    /**
     * The timer, to be saved. One whose time has come fires first, if it can. May wait.
     *
     * @return its port, its priority, and when it fires
     */
    public TimerState timer() {
        timer.fireIfDue(CallContext.MAY_SLEEP);
        return timer.state();
    }

    /**
     * Sets the timer up, or restores it. One whose time has come fires at once; the event of a port that the guest's
     * mode does not have then vanishes. May wait.
     *
     * @param state what {@link #timer} said, or a port with no time
     * @throws IllegalArgumentException if there is a port and its priority is not {@link EventChannels#PRIORITY_2LEVEL}
     */
    public void setTimer(TimerState state) {
        if (state.port() != 0) {
            EventChannels.requirePriority(state.priority());
        }
        timer.restore(state);
        timerChanged();
    }

    /**
     * The guest arms its timer. A time in the past fires at once. {@code VCPUOP_set_singleshot_timer}.
     *
     * @param argumentGpa guest physical address of the hypercall's argument
     * @return OK; FAULT if the argument cannot be read; INACTIVE if the timer has no port
     */
    public Outcome setSingleShotTimerFrom(long argumentGpa) {
        return vcpu.outsideGuest(() -> {
            Long expires = xen.mode().hypercall().readSingleShot(xen.vm().guestMemory(), argumentGpa);
            return expires == null ? Outcome.FAULT : setSingleShotTimer(expires);
        });
    }

    /**
     * The guest arms its timer. A time in the past fires at once.
     *
     * @param expiresNanos when it fires, by the guest's clock; half of all 2<sup>64</sup> values lie in the past
     * @return OK; INACTIVE if the timer has no port
     */
    public Outcome setSingleShotTimer(long expiresNanos) {
        if (!timer.arm(expiresNanos)) {
            return Outcome.INACTIVE;
        }
        vcpu.outsideGuest(() -> {
            timerChanged();
            return null;
        });
        return Outcome.OK;
    }

    /** The guest disarms its timer. {@code VCPUOP_stop_singleshot_timer}. */
    public void stopSingleShotTimer() {
        timer.disarm();
    }

    /**
     * The guest arms its timer, or with 0 disarms it. A time that is negative or more than 2<sup>50</sup> ns ahead is
     * taken for a mistake of the guest, and becomes 100 ms from now. {@code HYPERVISOR_set_timer_op}.
     *
     * @param timeoutNanos when it fires, by the guest's clock
     * @return OK; INACTIVE if the timer has no port
     */
    public Outcome setTimerOp(long timeoutNanos) {
        if (timeoutNanos == 0) {
            stopSingleShotTimer();
            return Outcome.OK;
        }
        long now = xen.guestNanos();
        boolean mistaken = timeoutNanos < 0 || timeoutNanos - now > MAX_TIMEOUT_NANOS;
        return setSingleShotTimer(mistaken ? now + BAD_TIMEOUT_NANOS : timeoutNanos);
    }

    private void timerChanged() {
        try {
            timer.fireIfDue(CallContext.MAY_SLEEP);
        } finally {
            xen.timersChanged(); // it is armed, whatever the firing ran into
        }
    }

    SingleShotTimer singleShot() {
        return timer;
    }

    // ------------------------------------------------------------------ hypercalls

    /**
     * The guest makes a hypercall. On the vCPU's thread; what it makes pending is done by the next entry,
     * {@link Vcpu#enterAgain}. May wait, but never halts: a poll that has to is {@link HypercallResult.Kind#HALTED},
     * and goes on in {@link #awaitPoll}.
     *
     * @param call the call
     * @return what the guest is told, or that the emulator has to answer
     */
    public HypercallResult hypercall(Hypercall call) {
        return vcpu.outsideGuest(() -> hypercalls.handle(call));
    }

    /**
     * The guest writes the register that asks for its hypercall page. The guest's mode becomes that of the writing
     * code, also if the page cannot be written.
     *
     * @param writer the mode of the code that writes
     * @param value address of the page, and its index in the lower 12 bits
     * @param trap the instruction by which this guest makes a hypercall, 3 bytes
     * @return OK; FAULT if the guest takes a general protection fault: no such page, or no memory there; BUSY with
     *     nothing changed as for {@link XenVm#setMode}
     * @throws IllegalArgumentException if the instruction has another length
     */
    public Outcome writeHypercallPage(GuestMode writer, long value, byte[] trap) {
        return vcpu.outsideGuest(() -> hypercalls.writePage(writer, value, trap));
    }

    /**
     * The guest polls: it halts until one of some ports is pending or a time is over. {@code SCHEDOP_poll}. Also ended
     * by a masked event of the vCPU if it polls several ports or none, and by every event that reaches the vCPU. On the
     * vCPU's thread.
     *
     * @param argumentGpa guest physical address of the hypercall's argument; its timeout counts from now, and one that
     *     is not positive is none
     * @param interruptible whether the guest has interrupts on, so that an event that waits already ends the poll
     * @return how it ended; BUSY if it has not: then {@link #awaitPoll} goes on
     */
    public PollOutcome startPoll(long argumentGpa, boolean interruptible) {
        return vcpu.outsideGuest(() -> poller.start(argumentGpa, interruptible));
    }

    /**
     * Goes on with a poll. On the vCPU's thread.
     *
     * @param patience how long this call waits at most, in real time; zero or negative: not at all
     * @return how it ended, WOKEN if there is none; BUSY if it has not
     */
    public PollOutcome awaitPoll(Duration patience) {
        return vcpu.outsideGuest(() -> poller.await(patience));
    }

    /**
     * Ends the poll, as a signal does: the guest is told what it is told otherwise, and looks for itself. Any thread
     * may call it: a vCPU that halts in the poll wakes.
     */
    public void stopPoll() {
        poller.stopAndWake();
    }

    /**
     * The guest polls, as by {@link #startPoll}, {@link #awaitPoll} and {@link #stopPoll}.
     *
     * @param argumentGpa guest physical address of the hypercall's argument
     * @param interruptible whether the guest has interrupts on
     * @param patience how long this call waits at most, in real time; zero or negative: not at all
     * @return how it ended; whatever it is, the vCPU polls no more
     */
    public PollOutcome poll(long argumentGpa, boolean interruptible, Duration patience) {
        return vcpu.outsideGuest(() -> poller.poll(argumentGpa, interruptible, patience));
    }

    /** Ends a poll that is under way: something else than an event wants the vCPU. Never waits. */
    public void wake() {
        poller.wake();
    }

    /** Whether the current thread holds none of the locks that a lock of these interfaces is. */
    static boolean holdsNoLock() {
        return !HeldLocks.holds(LockClass.VM_USER) && !HeldLocks.holds(LockClass.VCPU_USER);
    }

    @Override
    public String toString() {
        return "xen " + vcpu;
    }
}
