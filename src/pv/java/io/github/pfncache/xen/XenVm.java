package io.github.pfncache.xen;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.time.Duration;
import java.util.List;

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
 */
public final class XenVm {

    private static final long MIN_SLICE_NANOS = 1_000_000;

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

    // Written in a turn; read anywhere, once in each operation.

    /** The shared page and its mode; null before it is set for the first time, and while the mode changes. */
    private volatile SharedInfoPage page;

    /** Where the guest placed the shared page, also while the mode changes; null for nowhere. */
    private volatile CacheTarget sharedInfo;

    private volatile GuestMode mode = GuestMode.NATIVE;
    private volatile boolean runstateUpdateFlag;

    /** Makes the wall clock's writers one at a time. No code of others runs under it. */
    private final TrackedLock wallClockLock = new TrackedLock(LockClass.VM_USER);

    /** The wall clock has yet to be written. Any thread sets it; taken away with the lock held. */
    private volatile boolean wallClockDue;

    private XenVm(Vm vm, Kvmclock clock, UpcallListener listener) {
        this.vm = vm;
        this.clock = clock;
        this.listener = listener;
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

    boolean holdsNoLock() {
        return !wallClockLock.isHeldByCurrentThread() && events.holdsNoLock();
    }

    // ------------------------------------------------------------------ the shared page

    /** The shared page and its mode, to be read once in each operation; null if there is none now. */
    SharedInfoPage page() {
        return page;
    }

    /**
     * The guest places the shared page. The wall clock is written there, and events that waited for a page are
     * delivered. If a page-fault handler throws, the page is placed, and what is left to do is done by the next entry
     * of any vCPU.
     *
     * @param target the page, by gpa or by hva; a multiple of 4096, any value otherwise
     * @return OK; INVALID with nothing changed if it cannot be there; FAULT or BUSY if it cannot be written now, but
     *     will be when it can; BUSY with nothing changed if another change of the page or the mode does not end, or is
     *     this very thread's
     */
    public Outcome setSharedInfo(CacheTarget target) {
        if (!isPageAligned(target)) {
            return Outcome.INVALID;
        }
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        Outcome outcome = Outcome.FAULT; // also when a page-fault handler throws
        SharedInfoPage placed = page == null ? SharedInfoPage.make(vm, mode) : page;
        try {
            outcome = placed.cache().activate(target);
        } finally {
            if (target.equals(placed.target())) { // not if it is refused, with nothing changed
                page = placed;
                sharedInfo = placed.target();
                wallClockDue = true;
            }
            turn.unlock();
        }
        if (outcome != Outcome.INVALID) {
            catchUp();
        }
        return outcome;
    }

    /** What the page or the mode has made possible is done; whatever ends this in the middle, the rest stays due. */
    private void catchUp() {
        writeWallClockIfDue();
        vcpus.forEach(XenVcpu::catchUp);
    }

    private static long deadline() {
        return Patience.deadlineAfter(RetryPolicy.DEFAULT.patience());
    }

    private static boolean isPageAligned(CacheTarget target) {
        return Pages.isPageAligned(
                target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : ((CacheTarget.ByHva) target).hva());
    }

    /**
     * The shared page is no longer used. Events wait until there is one again.
     *
     * @return OK; BUSY with nothing changed if a call on it does not end, or another change of the page or the mode
     */
    public Outcome clearSharedInfo() {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        try {
            if (page != null) {
                Outcome outcome = page.cache().deactivate();
                if (outcome != Outcome.OK) {
                    return outcome;
                }
                XenRule.CLEARED_MEANS_INACTIVE.check(page.target() == null, page);
            }
            sharedInfo = null;
            wallClockDue = false;
        } finally {
            turn.unlock();
        }
        wakeAllPollers(); // what they poll cannot be looked at any more
        return Outcome.OK;
    }

    /**
     * Where the shared page is.
     *
     * @return by the kind of address that was given; null if nowhere
     */
    public CacheTarget sharedInfo() {
        return sharedInfo;
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
     * The guest changes its mode. What it has registered stays where it is and takes the other layout: the wall clock
     * is written in its new place, the runstate with its new length, and events that waited keep their meaning. Polls
     * under way end.
     *
     * <p>If a page-fault handler throws, {@link #mode} tells: the former mode with nothing changed, or the new one, and
     * what is left to write is written by the next entry, or by another call of this method.
     *
     * @param next the new mode
     * @return OK; FAULT if the shared page cannot be written now, with the mode changed; BUSY with nothing changed if a
     *     call on the shared page, or another change of the page or the mode, does not end or is this very thread's
     */
    public Outcome setMode(GuestMode next) {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        Outcome outcome;
        boolean changes;
        try {
            changes = next != mode;
            outcome = changes ? changeMode(next, page) : Outcome.OK;
        } finally {
            turn.unlock();
        }
        if (changes && outcome != Outcome.BUSY) {
            wakeAllPollers(); // the ports that they poll may be others now
        }
        catchUp(); // also with nothing changed: an entry while the page was away found no place for its events
        return outcome;
    }

    /** All of it or nothing; in a turn. */
    private Outcome changeMode(GuestMode next, SharedInfoPage former) {
        CacheTarget target = former == null ? null : former.target();
        SharedInfoPage fresh = target == null ? null : SharedInfoPage.make(vm, next); // another length: another cache
        boolean changed = false;
        try {
            // Page-fault handlers run here, before anything has changed, and nowhere below.
            boolean usable = fresh == null || fresh.cache().activate(target) == Outcome.OK;
            page = null; // senders that come now keep their events
            if (former != null && former.cache().deactivate() != Outcome.OK) { // senders at work have ended after this
                return Outcome.BUSY;
            }
            mode = next;
            vcpus.forEach(vcpu -> vcpu.switchMode(next));
            changed = true;
            return usable ? Outcome.OK : Outcome.FAULT;
        } finally {
            page = changed ? fresh : former;
            if (changed && fresh != null) {
                wallClockDue = true; // after the page, which whoever finds it due will write
            } else if (fresh != null) {
                fresh.cache().deactivate(); // nobody else knows it
            }
        }
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

    /** A write that finds no memory stays due, and one that a page-fault handler or a clock ends by an exception. */
    private void writeWallClockIfDue() {
        SharedInfoPage where = page;
        if (wallClockDue && where != null) {
            GuestWindow.update(
                    where.cache(),
                    wallClockLock,
                    () -> vm.clock().realtimeNanos() - guestNanos(),
                    (access, realtimeNanos) -> {
                        wallClockDue = false; // with the page in hand: who places another one waits for this access
                        where.layout().writeWallClock(access, realtimeNanos);
                    });
        }
    }

    // ------------------------------------------------------------------ pollers and timers

    /** Wakes the vCPUs that poll a port. Never waits. */
    void wakePollersOf(int port) {
        polling.forEach(id -> vcpus.get(id).poller().portPending(port));
    }

    private void wakeAllPollers() {
        polling.forEach(id -> vcpus.get(id).poller().wake());
    }

    void timersChanged() {
        timers.wake();
    }

    /**
     * Fires the timers that are due, and lets polls whose time has come end. To be called whenever the injected clock
     * has moved. May wait for the memory that an event needs.
     */
    public void runTimers() {
        try {
            vcpus.forEach(XenVcpu::fireTimerIfDue);
        } finally {
            polling.forEach(id -> vcpus.get(id).poller().clockMoved());
        }
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
            long now = guestNanos();
            long ahead = Long.MAX_VALUE;
            for (XenVcpu vcpu : vcpus) { // bounded by the number of vCPUs
                long expires = vcpu.timerExpires();
                long wait = vcpu.timerRetryInNanos();
                if (Long.compareUnsigned(expires, now) > 0) {
                    wait = expires < 0 ? Long.MAX_VALUE : Math.max(MIN_SLICE_NANOS, expires - now);
                }
                ahead = Math.min(ahead, wait);
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
        return "XenVm[" + mode + " shared_info at " + (page == null ? null : page.target()) + "]";
    }
}
