package io.github.pfncache.xen;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.rules.Failures;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.ReaderBias;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.rules.TrackedRwLock;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The Xen interfaces of one VM: the shared page, the guest's mode, the timers' clock; and, by vCPU and by port, the
 * rest.
 *
 * <pre>{@code
 * XenVm xen = XenVm.attach(vm, Kvmclock.attach(vm), listener);
 * xen.setSharedInfo(new CacheTarget.ByGpa(0xc0000000L));
 * xen.vcpu(0).setVcpuInfo(new CacheTarget.ByGpa(0xc0000040L));
 * xen.events().deliver(xen.vcpu(0), 66, CallContext.ATOMIC);
 * }</pre>
 *
 * <p><b>Time</b> is the guest's clock, by the VM's injected {@link Vm#clock}. Nothing here starts a thread: timers fire
 * when a vCPU enters the guest or polls, and when the emulator calls {@link #runTimers}, as it does when it has moved
 * the clock, or from a thread of its own around {@link #awaitTimers}.
 *
 * <p>Thread-safe. Kernel counterpart: {@code struct kvm_xen}, {@code kvm_xen_hvm_set_attr()}.
 *
 * @since 0.1.0
 */
public final class XenVm {

    private static final long NO_FRAME = -1;

    /** Numbers of guest frames whose address has 64 bits. */
    private static final int FRAME_BITS = Long.SIZE - Pages.PAGE_SHIFT;

    private final Vm vm;
    private final Kvmclock clock;
    private final UpcallListener listener;
    private final EventDelivery delivery = new EventDelivery(this);
    private final EventChannels events;

    /** By vCPU id; fixed. */
    private final List<XenVcpu> vcpus;

    /** The poll bits of the vCPUs. */
    private final AtomicBits polling;

    private final WakeUp timers = new WakeUp();

    /**
     * Places the shared page and changes the mode, one call at a time. Held while page-fault handlers run, so it is
     * taken for a bounded time, and a handler that comes back here is answered BUSY.
     */
    private final TrackedLock turn = new TrackedLock(LockClass.REFRESH);

    /**
     * Held for reading by a thread that uses the shared page by a mode's layout, without waiting for memory; for
     * writing while the mode changes.
     */
    private final TrackedRwLock layout = new TrackedRwLock(LockClass.VM_USER, ReaderBias.NONE);

    /** The shared page; long enough for the layouts of both modes. Placed in a turn. */
    private final GfnPfnCache shared;

    // Written in a turn; read anywhere, once in each operation.

    private volatile XenConfig config = XenConfig.ALL;
    private volatile int version;
    private volatile int upcallVector;
    private volatile GuestMode mode = GuestMode.NATIVE;
    private volatile boolean runstateUpdateFlag;

    /** Makes the wall clock's writers one at a time. No code of others runs under it. */
    private final TrackedLock wallClockLock = new TrackedLock(LockClass.VM_USER);

    /** How often the page was placed or the mode stated, as far as that makes the wall clock due. Used in a turn. */
    private long statements;

    /**
     * The statement since which the wall clock has yet to be written; 0 if it is written. Set in a turn; taken away
     * by the attempt that read it first, so that a later statement stays due.
     */
    private final AtomicLong wallClockDue = new AtomicLong();

    private XenVm(Vm vm, Kvmclock clock, UpcallListener listener) {
        this.vm = vm;
        this.clock = clock;
        this.listener = listener;
        this.shared = vm.newCache(GuestMode.NATIVE.sharedInfo().size());
        this.events = new EventChannels(this, delivery);
        this.polling = new AtomicBits(vm.vcpus().size());
        this.vcpus = vm.vcpus().stream().map(vcpu -> new XenVcpu(this, vcpu, delivery)).toList();
    }

    /**
     * Gives a VM the interfaces; its guest is a 64-bit one at first.
     *
     * @param vm the VM
     * @param clock its clock, which the guest sees here as well
     * @param listener how the guest's processors hear of events
     * @return the interfaces, nothing registered yet
     */
    public static XenVm attach(Vm vm, Kvmclock clock, UpcallListener listener) {
        XenVm xen = new XenVm(vm, clock, listener);
        clock.addUpdateListener(vcpu -> xen.vcpu(vcpu.id()).clockUpdated());
        vm.addEntryHook(new EntryHook() {
            @Override
            public void beforeRun(Vcpu vcpu) {
                xen.vcpu(vcpu.id()).beforeRun();
            }

            @Override
            public void beforeEntry(Vcpu vcpu) {
                xen.writeWallClockIfDue();
                xen.vcpu(vcpu.id()).beforeEntry();
            }
        });
        return xen;
    }

    // ------------------------------------------------------------------ parts

    /**
     * One vCPU's interfaces.
     *
     * @param id number of the vCPU
     * @return the same object each time
     * @throws IndexOutOfBoundsException if there is no such vCPU
     */
    public XenVcpu vcpu(int id) {
        return vcpus.get(id);
    }

    /**
     * The event channels.
     *
     * @return the same object each time
     */
    public EventChannels events() {
        return events;
    }

    List<XenVcpu> vcpus() {
        return vcpus;
    }

    Vm vm() {
        return vm;
    }

    Kvmclock clock() {
        return clock;
    }

    UpcallListener listener() {
        return listener;
    }

    EventDelivery delivery() {
        return delivery;
    }

    /** One vCPU's interfaces, by any number; null if there is no such vCPU. */
    XenVcpu vcpuOrNull(int id) {
        return id < 0 || id >= vcpus.size() ? null : vcpus.get(id);
    }

    AtomicBits polling() {
        return polling;
    }

    /** The guest's clock, nanoseconds. Takes no lock. */
    long guestNanos() {
        return clock.getClock();
    }

    void requireOwn(XenVcpu vcpu) {
        if (vcpu.vcpu().vm() != vm) {
            throw new IllegalArgumentException(vcpu + " belongs to another VM");
        }
    }

    // ------------------------------------------------------------------ configuration

    /**
     * What of the interfaces the guest has.
     *
     * @return everything at first
     */
    public XenConfig config() {
        return config;
    }

    /**
     * States what of the interfaces the guest has. {@code KVM_XEN_HVM_CONFIG}.
     *
     * @param wanted what it has from now on
     */
    public void configure(XenConfig wanted) {
        config = Objects.requireNonNull(wanted, "wanted");
    }

    /**
     * The version that the guest is told.
     *
     * @return major number in the upper half; 0 if the emulator answers
     */
    public int version() {
        return version;
    }

    /**
     * Sets the version that the guest is told. {@code KVM_XEN_ATTR_TYPE_XEN_VERSION}.
     *
     * @param told major number in the upper half; 0 to let the emulator answer
     */
    public void setVersion(int told) {
        version = told;
    }

    /**
     * The interrupt by which all vCPUs hear of events.
     *
     * @return 16 to 255; 0 for none
     */
    public int upcallVector() {
        return upcallVector;
    }

    /**
     * The guest chooses the interrupt by which all its vCPUs hear of events: each takes it at every entry while its
     * upcall is pending, see {@link XenVcpu#pendingVector}. {@code KVM_XEN_ATTR_TYPE_UPCALL_VECTOR}.
     *
     * @param vector 16 to 255; 0 for none
     * @throws IllegalArgumentException if out of range
     */
    public void setUpcallVector(int vector) {
        upcallVector = UpcallLine.requireVector(vector);
    }

    // ------------------------------------------------------------------ the shared page

    /** The shared page, to be used by the layout of {@link #mode}, inside {@link #enterLayout}. */
    GfnPfnCache shared() {
        return shared;
    }

    /**
     * Keeps the mode as it is until {@link #leaveLayout}.
     *
     * @return what to leave with; {@link TrackedRwLock#NOT_TAKEN} in atomic context while the mode changes
     */
    int enterLayout(CallContext context) {
        return context == CallContext.ATOMIC ? layout.tryReadLock() : layout.readLock();
    }

    void leaveLayout(int hold) {
        layout.readUnlock(hold);
    }

    /**
     * The guest places the shared page. The wall clock is written there, and events that waited for a page are
     * delivered. If a page-fault handler throws, the page is placed, and what is left to do is done by the next entry
     * of any vCPU.
     *
     * @param target the page, by gpa or by hva; a multiple of 4096, any value otherwise
     * @return OK; INVALID with nothing changed if it cannot be there; FAULT if there is no memory: it is used when
     *     there is, and has no wall clock then; BUSY if it cannot be written now, but will be when it can; BUSY with
     *     nothing changed if another change of the page or the mode does not end, or is this very thread's
     */
    public Outcome setSharedInfo(CacheTarget target) {
        if (!isPageAligned(target)) {
            return Outcome.INVALID;
        }
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        Outcome outcome = Outcome.BUSY; // also when a page-fault handler throws
        try {
            outcome = shared.activate(target);
        } finally {
            if (outcome != Outcome.INVALID) {
                // Where nothing has changed, it is written once more.
                wallClockDue.set(outcome == Outcome.FAULT ? 0 : ++statements);
            }
            turn.unlock();
        }
        if (outcome != Outcome.INVALID) {
            catchUp(true);
        }
        return outcome;
    }

    /** What the page or the mode has made possible is done; whatever ends this in the middle, the rest stays due. */
    private Outcome catchUp(boolean writesClock) {
        try {
            return writesClock ? writeWallClockIfDue() : Outcome.INACTIVE;
        } finally {
            Failures.each(vcpus, XenVcpu::catchUp);
        }
    }

    private static long deadline() {
        return Patience.deadlineAfter(RetryPolicy.DEFAULT.patience());
    }

    /**
     * The guest places the shared page by its frame number. {@code KVM_XEN_ATTR_TYPE_SHARED_INFO}.
     *
     * @param gfn number of the guest frame, any value; -1 for no page
     * @return as {@link #setSharedInfo}, or as {@link #clearSharedInfo}
     */
    public Outcome setSharedInfoFrame(long gfn) {
        if (gfn == NO_FRAME) {
            return clearSharedInfo();
        }
        // A number that has no address would wrap around to another frame.
        return gfn >>> FRAME_BITS != 0 ? Outcome.INVALID : setSharedInfo(new CacheTarget.ByGpa(Pages.gfnToGpa(gfn)));
    }

    private static boolean isPageAligned(CacheTarget target) {
        return Pages.isPageAligned(
                target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : ((CacheTarget.ByHva) target).hva());
    }

    /**
     * The shared page is no longer used. Events wait until there is one again. A poll that halts goes on until
     * something else ends it.
     *
     * @return OK; BUSY with nothing changed if a call on it does not end, or another change of the page or the mode
     */
    public Outcome clearSharedInfo() {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        try {
            Outcome outcome = shared.deactivate();
            if (outcome == Outcome.OK) {
                XenRule.CLEARED_MEANS_INACTIVE.check(sharedInfo() == null, shared);
                wallClockDue.set(0);
            }
            return outcome;
        } finally {
            turn.unlock();
        }
    }

    /**
     * Where the shared page is.
     *
     * @return by the kind of address that was given; null if nowhere
     */
    public CacheTarget sharedInfo() {
        return shared.state().target();
    }

    // ------------------------------------------------------------------ mode

    /**
     * The guest's mode now.
     *
     * @return 64-bit or compat
     */
    public GuestMode mode() {
        return mode;
    }

    /**
     * The guest changes its mode, or states it again. What it has registered stays where it is and takes the mode's
     * layout: the wall clock is written in its place, the runstate gets its length with its next change, and events
     * that waited keep their meaning. Polls under way end if the mode is another one.
     * {@code KVM_XEN_ATTR_TYPE_LONG_MODE}.
     *
     * <p>If a page-fault handler throws, the mode has changed, and what is left to write is written by the next entry,
     * or by another call of this method.
     *
     * @param next the mode
     * @return OK; FAULT if the shared page cannot be written now, with the mode changed; BUSY with nothing changed if a
     *     use of the shared page, or another change of the page or the mode, does not end or is this very thread's
     */
    public Outcome setMode(GuestMode next) {
        boolean done = changeMode(next, true);
        Outcome outcome = catchUp(done); // also with nothing changed: senders that came meanwhile kept their events
        if (!done) {
            return Outcome.BUSY;
        }
        return outcome == Outcome.OK || outcome == Outcome.INACTIVE ? Outcome.OK : Outcome.FAULT;
    }

    /** The guest's mode is found out: as {@link #setMode}, but the wall clock is not written. False if it is busy. */
    boolean latchMode(GuestMode found) {
        boolean done = changeMode(found, false);
        catchUp(false);
        return done;
    }

    /** False with nothing changed if it cannot be done in the time allowed. Calls no code of others. */
    private boolean changeMode(GuestMode next, boolean writesClock) {
        if (!turn.tryLock(deadline())) {
            return false;
        }
        boolean changed = false;
        try {
            boolean makesDue = writesClock && sharedInfo() != null; // first: takes memory
            boolean changes = next != mode;
            if (changes) {
                if (!layout.tryWriteLock(deadline())) { // those who use the layout have ended after this
                    return false;
                }
                try {
                    changed = true;
                    mode = next;
                    for (int id = 0; id < vcpus.size(); id++) { // the vCPUs; takes no memory
                        vcpus.get(id).switchMode(next);
                    }
                } finally {
                    layout.writeUnlock();
                }
            }
            if (makesDue) {
                wallClockDue.set(++statements); // after the mode, by which it is written
            }
        } finally {
            turn.unlock();
            if (changed) {
                wakeAllPollers(); // the ports that they poll may be others now
            }
        }
        return true;
    }

    /**
     * Whether a runstate is marked while it is written. {@code VMASST_TYPE_runstate_update_flag}.
     *
     * @return what the guest asked for; false at first
     */
    public boolean runstateUpdateFlag() {
        return runstateUpdateFlag;
    }

    /**
     * The guest asks that a runstate be marked while it is written, or not.
     *
     * @param wanted whether it is
     */
    public void setRunstateUpdateFlag(boolean wanted) {
        runstateUpdateFlag = wanted;
    }

    // ------------------------------------------------------------------ wall clock

    /**
     * A write that a page-fault handler or a clock ends by an exception stays due; one that finds no memory is lost.
     */
    private Outcome writeWallClockIfDue() {
        long due = wallClockDue.get(); // before the mode and the page by which it is written
        if (due == 0) {
            return Outcome.OK;
        }
        Outcome outcome = Registration.retrying(
                vm, () -> writeWallClock(vm.clock().realtimeNanos() - guestNanos()), shared::refresh);
        if (outcome == Outcome.OK) {
            clock.requestUpdateOfAll(); // the guest goes by all of its clocks from the same moment on
        }
        if (outcome != Outcome.BUSY) {
            wallClockDue.compareAndSet(due, 0);
        }
        return outcome;
    }

    private Outcome writeWallClock(long realtimeNanos) {
        wallClockLock.lock();
        try (GuestAccess access = shared.tryAccess()) {
            if (access.isUsable()) {
                mode.sharedInfo().writeWallClock(access, realtimeNanos);
            }
            return access.outcome();
        } finally {
            wallClockLock.unlock();
        }
    }

    // ------------------------------------------------------------------ pollers and timers

    /** Wakes the vCPUs that poll a port. Never waits, and takes no memory: the event is in the guest's by now. */
    void wakePollersOf(int port) {
        for (int id = polling.next(0); id >= 0; id = polling.next(id + 1)) { // the vCPUs at most
            vcpus.get(id).poller().portPending(port);
        }
    }

    /** Takes no memory: the mode has changed by now. */
    private void wakeAllPollers() {
        for (int id = polling.next(0); id >= 0; id = polling.next(id + 1)) { // the vCPUs at most
            vcpus.get(id).poller().wake();
        }
    }

    void timersChanged() {
        timers.wake();
    }

    /**
     * Fires the timers that are due, and lets polls whose time has come end. To be called whenever the injected clock
     * has moved. May wait for the memory that an event needs.
     */
    public void runTimers() {
        runTimers(CallContext.MAY_SLEEP);
    }

    /**
     * Fires the timers that are due, and lets polls whose time has come end.
     *
     * @param context where the caller is; in atomic context, as a timer's interrupt is, nothing waits, and a timer
     *     whose event would have to stays armed until its vCPU enters its guest or its timer is looked at
     */
    public void runTimers(CallContext context) {
        context.call(() -> {
            try {
                Failures.each(vcpus, vcpu -> vcpu.singleShot().fireIfDue(context));
            } finally {
                polling.forEach(id -> vcpus.get(id).poller().clockMoved());
            }
            return null;
        });
    }

    /**
     * Waits until a timer is due, for a thread that does nothing but {@link #runTimers}. A timer whose event could not
     * be delivered when it was tried last, because memory is missing, counts as due again a millisecond later.
     *
     * @param patience how long this call waits at most, in real time; zero or negative: not at all
     * @return true iff a timer is due
     */
    public boolean awaitTimers(Duration patience) {
        long deadline = Patience.deadlineAfter(patience);
        while (true) { // bounded by the deadline: every turn waits, but for the last
            timers.arm(); // before the timers are looked at: one that is set after that wakes the wait
            long now = vm.clock().monotonicNanos();
            long ahead = Long.MAX_VALUE;
            for (XenVcpu vcpu : vcpus) { // bounded by the number of vCPUs
                ahead = Math.min(ahead, vcpu.singleShot().tryInNanos(now));
            }
            if (ahead == 0) {
                return true;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            timers.await(System.nanoTime() + Math.min(left, ahead));
        }
    }

    @Override
    public String toString() {
        return "XenVm[" + mode + " shared_info at " + sharedInfo() + "]";
    }
}
