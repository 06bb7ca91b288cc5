package io.github.pfncache.xen;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.rules.LockClass;
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

    private final TrackedLock lock = new TrackedLock(LockClass.VM_USER);

    // Written with lock held; read anywhere, once in each operation.

    /** The shared page and its mode; null before it is set for the first time, and while the mode changes. */
    private volatile SharedInfoPage page;

    private volatile GuestMode mode = GuestMode.NATIVE;
    private volatile boolean runstateUpdateFlag;

    /** The wall clock has yet to be written: there was no memory when it should have been. */
    private volatile boolean wallClockDue;

    private XenVm(Vm vm, Kvmclock clock, UpcallListener listener) {
        this.vm = vm;
        this.clock = clock;
        this.listener = listener;
        this.events = new EventChannels(this, delivery, lock);
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
        return !lock.isHeldByCurrentThread();
    }

    // ------------------------------------------------------------------ the shared page

    /** The shared page and its mode, to be read once in each operation; null if there is none now. */
    SharedInfoPage page() {
        return page;
    }

    /**
     * The guest places the shared page. The wall clock is written there, and events that waited for a page are
     * delivered.
     *
     * @param target the page, by gpa or by hva; a multiple of 4096, any value otherwise
     * @return OK; INVALID with nothing changed if it cannot be there; FAULT or BUSY if it cannot be written now, but
     *     will be when it can
     */
    public Outcome setSharedInfo(CacheTarget target) {
        if (!isPageAligned(target)) {
            return Outcome.INVALID;
        }
        Outcome outcome;
        lock.lock();
        try {
            SharedInfoPage placed = page == null ? SharedInfoPage.make(vm, mode) : page;
            outcome = placed.cache().activate(target);
            if (outcome == Outcome.INVALID) {
                return outcome;
            }
            page = placed;
            writeWallClock(placed);
        } finally {
            lock.unlock();
        }
        vcpus.forEach(XenVcpu::deliverPending); // with no lock held
        return outcome;
    }

    private static boolean isPageAligned(CacheTarget target) {
        return Pages.isPageAligned(
                target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : ((CacheTarget.ByHva) target).hva());
    }

    /**
     * The shared page is no longer used. Events wait until there is one again.
     *
     * @return OK; BUSY with nothing changed if a call on it does not end
     */
    public Outcome clearSharedInfo() {
        lock.lock();
        try {
            if (page != null) {
                Outcome outcome = page.cache().deactivate();
                if (outcome != Outcome.OK) {
                    return outcome;
                }
                XenRule.CLEARED_MEANS_INACTIVE.check(page.target() == null, page);
            }
            wallClockDue = false;
        } finally {
            lock.unlock();
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
        lock.lock();
        try {
            return page == null ? null : page.target();
        } finally {
            lock.unlock();
        }
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
     * is written in its new place, the runstate with its new length, and events that waited keep their meaning.
     *
     * @param next the new mode
     * @return OK; FAULT if the shared page cannot be written now, with the mode changed; BUSY with nothing changed if a
     *     call on the shared page does not end
     */
    public Outcome setMode(GuestMode next) {
        Outcome outcome = Outcome.OK;
        lock.lock();
        try {
            if (next == mode) {
                return outcome;
            }
            SharedInfoPage former = page;
            CacheTarget target = former == null ? null : former.target();
            page = null; // senders that come now keep their events
            if (former != null && former.cache().deactivate() != Outcome.OK) { // senders at work have ended after this
                page = former;
                return Outcome.BUSY;
            }
            mode = next;
            vcpus.forEach(vcpu -> vcpu.switchMode(next));
            if (target != null) {
                SharedInfoPage fresh = SharedInfoPage.make(vm, next); // another length, so another cache
                outcome = fresh.cache().activate(target) == Outcome.OK ? Outcome.OK : Outcome.FAULT;
                page = fresh;
                writeWallClock(fresh);
            }
        } finally {
            lock.unlock();
        }
        vcpus.forEach(XenVcpu::deliverPending); // with no lock held
        return outcome;
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

    /** Lock held. */
    private void writeWallClock(SharedInfoPage where) {
        try (GuestAccess access = where.cache().access()) {
            if (access.isUsable()) {
                where.layout().writeWallClock(access, vm.clock().realtimeNanos() - guestNanos());
            }
            wallClockDue = !access.isUsable() && access.outcome() != Outcome.INACTIVE;
        }
    }

    private void writeWallClockIfDue() {
        if (wallClockDue) {
            lock.lock();
            try {
                if (wallClockDue && page != null) {
                    writeWallClock(page);
                }
            } finally {
                lock.unlock();
            }
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
        vcpus.forEach(XenVcpu::fireTimerIfDue);
        polling.forEach(id -> vcpus.get(id).poller().clockMoved());
    }

    /**
     * Waits until a timer is due, for a thread that does nothing but {@link #runTimers}. A timer whose event could not
     * be delivered when it was tried last, because memory is missing, counts as due again a millisecond later.
     *
     * @param patience how long this call waits at most, in real time
     * @return true iff a timer is due
     */
    public boolean awaitTimers(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
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
            timers.await(() -> false, System.nanoTime() + Math.min(left, ahead));
        }
    }

    @Override
    public String toString() {
        return "XenVm[" + mode + " shared_info at " + (page == null ? null : page.target()) + "]";
    }
}
