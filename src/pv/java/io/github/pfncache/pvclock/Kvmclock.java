package io.github.pfncache.pvclock;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The paravirtual clock of one VM: the guest registers an address by a register write, and finds there what turns its
 * TSC into time.
 *
 * <pre>{@code
 * Kvmclock clock = Kvmclock.attach(vm, TscSource.of(vm.clock(), 2_400_000_000L));
 * vm.vcpu(0).run(() -> vm.vcpu(0).guestWriteMsr(Kvmclock.MSR_SYSTEM_TIME, 0x1fc1));
 * }</pre>
 *
 * <p><b>When the structure is written.</b> At an entry of its vCPU, if an update was requested; several requests before
 * one entry make one write. An update is requested for
 * <ul>
 * <li>all vCPUs by the first entry of any, by {@link #setClock}, and when vCPU 0's guest changes between the old and
 *     the new register;
 * <li>one vCPU by {@link #guestStopped}, {@link #requestUpdate} and the write of its register; the entry that serves
 *     such a write, like a first entry, requests all vCPUs once more {@link #DELAYED_UPDATE_NANOS} later.
 * </ul>
 * A write that finds no memory is lost in silence. One that could not be made in the time allowed is made at the next
 * entry.
 *
 * <p><b>The time</b> is counted by the TSC alone, from a reference that {@link #setClock} moves, so that all vCPUs
 * agree and an update never takes time back. A vCPU whose TSC has another offset is told the same time by it; of vCPUs
 * whose TSCs count at different frequencies the times drift, by up to half a nanosecond in a second.
 *
 * <p>Thread-safe. Kernel counterpart: {@code kvm_guest_time_update()}, {@code kvm_write_system_time()}, and
 * {@code KVM_SET_CLOCK}, {@code KVM_GET_CLOCK}, {@code KVM_KVMCLOCK_CTRL}.
 *
 * @since 0.1.0
 */
public final class Kvmclock {

    /** The register as it was first numbered; a guest that uses it on vCPU 0 gets no stable TSC promised. */
    public static final int MSR_SYSTEM_TIME_OLD = 0x12;

    /** The register: address of the structure, and {@link #ENABLE}. */
    public static final int MSR_SYSTEM_TIME = 0x4b564d01;

    /** The wall clock register as it was first numbered. */
    public static final int MSR_WALL_CLOCK_OLD = 0x11;

    /** The wall clock register: address of 12 bytes, which are written at once. */
    public static final int MSR_WALL_CLOCK = 0x4b564d00;

    /** Bit of the register that turns the clock on; the other bits are the address. */
    public static final long ENABLE = 1;

    /** How long after the entry that serves a registration every vCPU is updated once more. */
    public static final long DELAYED_UPDATE_NANOS = 100_000_000;

    private static final long DEFAULT_HZ = 1_000_000_000;

    private final Vm vm;
    private final TscSource tsc;
    private final VcpuTsc hostTsc;
    private final WallClock wallClock;

    /** By vCPU id; fixed. */
    private final List<VcpuClock> clocks;

    /** Thread-safe by itself. */
    private final List<ClockUpdateListener> listeners = new CopyOnWriteArrayList<>();

    /** When all vCPUs are to be updated once more; null if no such update is due. */
    private final AtomicReference<Deadline> delayed = new AtomicReference<>();

    /** Replaced as a whole. */
    private volatile Reference reference;

    /** Whether vCPU 0's guest used the old register last. Written by vCPU 0's thread only. */
    private volatile boolean oldRegister;

    /** At this TSC it was that time: what the clock counts from. Compared by identity: each setting is a new one. */
    record Reference(long tsc, long nanos) {}

    /** A vCPU's TSC, and how its ticks become nanoseconds. Compared by identity: each setting is a new one. */
    record VcpuTsc(GuestTsc function, PvclockScale scale) {
        static VcpuTsc of(GuestTsc function) {
            return new VcpuTsc(function, PvclockScale.ofFrequency(function.frequencyHz()));
        }
    }

    private record Deadline(long monotonicNanos) {}

    private Kvmclock(Vm vm, TscSource tsc) {
        this.vm = vm;
        this.tsc = tsc;
        this.hostTsc = VcpuTsc.of(new GuestTsc(tsc.frequencyHz(), 0));
        this.reference = new Reference(tsc.read(), 0);
        this.wallClock = new WallClock(vm);
        this.clocks = vm.vcpus().stream().map(vcpu -> new VcpuClock(this, vcpu, hostTsc)).toList();
    }

    /**
     * Gives a VM a clock, with a TSC of 1 GHz that follows the VM's {@linkplain Vm#clock clock}.
     *
     * @param vm the VM
     * @return its clock, at 0
     * @throws IllegalStateException if it has one
     */
    public static Kvmclock attach(Vm vm) {
        return attach(vm, TscSource.of(vm.clock(), DEFAULT_HZ));
    }

    /**
     * Gives a VM a clock.
     *
     * @param vm the VM
     * @param tsc its time stamp counter
     * @return its clock, at 0
     * @throws IllegalStateException if it has one, or a handler of one of its registers; the VM is as it was
     * @throws IllegalArgumentException if the TSC's frequency is out of range
     */
    public static Kvmclock attach(Vm vm, TscSource tsc) {
        Kvmclock clock = new Kvmclock(vm, tsc);
        MsrHandler time = clock.new SystemTimeRegister();
        MsrHandler wall = clock.new WallClockRegister();
        Map<Integer, MsrHandler> registers = Map.of(
                MSR_SYSTEM_TIME, time, MSR_SYSTEM_TIME_OLD, time, MSR_WALL_CLOCK, wall, MSR_WALL_CLOCK_OLD, wall);
        vm.addInterface(registers, new EntryHook() {
            @Override
            public void beforeEntry(Vcpu vcpu) {
                clock.wallClock.writeIfDue();
                clock.beforeEntry(vcpu);
            }
        });
        return clock;
    }

    // ------------------------------------------------------------------ time

    /**
     * The host's TSC, of which that of each vCPU is a function: the same, without {@link #setTsc}.
     *
     * @return the counter
     */
    public TscSource tsc() {
        return tsc;
    }

    /**
     * The TSC of a vCPU, as a function of the host's.
     *
     * @param vcpu the vCPU
     * @return the function
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public GuestTsc tscOf(Vcpu vcpu) {
        return clockOf(vcpu).tsc().function;
    }

    /**
     * The TSC of a vCPU now: what its guest reads by RDTSC.
     *
     * @param vcpu the vCPU
     * @return the counter, unsigned
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public long readTsc(Vcpu vcpu) {
        return tscOf(vcpu).at(tsc.read(), tsc.frequencyHz());
    }

    /**
     * Gives a vCPU another TSC, and requests an update of all: the guest is promised a stable TSC only while those of
     * all vCPUs are the same. The time goes on from what it is. To be called while no vCPU runs. {@code
     * KVM_SET_TSC_KHZ}, {@code KVM_VCPU_TSC_OFFSET}.
     *
     * @param vcpu the vCPU
     * @param function its TSC, as a function of the host's
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public void setTsc(Vcpu vcpu, GuestTsc function) {
        VcpuClock clock = clockOf(vcpu);
        VcpuTsc fresh = VcpuTsc.of(function);
        if (!fresh.scale.equals(clock.tsc().scale)) { // else what has passed would be counted anew
            long now = tsc.read();
            reference = new Reference(now, nanosAt(now, reference, clock.tsc()));
        }
        clock.tsc(fresh);
        requestUpdateOfAll(); // after both: the thread that takes the request sees them
    }

    /**
     * Sets the guest's clock, and requests an update of all vCPUs. {@code KVM_SET_CLOCK}.
     *
     * @param nanos the time it shows now, nanoseconds
     */
    public void setClock(long nanos) {
        reference = new Reference(tsc.read(), nanos);
        requestUpdateOfAll(); // after the reference: the thread that takes the request sees the new time
    }

    /**
     * Continues a clock that the guest had before, on another machine or before it was saved: from now on the guest's
     * time is the same function of the vCPU's TSC as by the structure that it had, to within 2 ns. Requests an update
     * of all vCPUs. If that TSC counts at another frequency now, the time goes on from what it is by the structure.
     * {@code KVM_SET_CLOCK_GUEST}.
     *
     * @param vcpu the vCPU whose structure that was; its TSC is {@linkplain #setTsc set} first
     * @param time a structure that the guest had, out of its memory or of {@link #timeFor}
     * @return OK; INVALID with nothing changed, if its TSC lies in the future, or its scale is that of no frequency
     *     from {@link PvclockScale#MIN_HZ} to {@link PvclockScale#MAX_HZ}
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public Outcome setClock(Vcpu vcpu, PvclockTimeInfo time) {
        VcpuTsc by = clockOf(vcpu).tsc();
        long host = tsc.read();
        long now = by.function.at(host, tsc.frequencyHz());
        if (now - time.tscTimestamp() < 0 || !time.scale().isOfFrequency()) {
            return Outcome.INVALID;
        }
        reference = time.scale().equals(by.scale) && by.function.frequencyHz() == tsc.frequencyHz()
                ? new Reference(time.tscTimestamp() - by.function.offset(), time.systemTime())
                : new Reference(host, time.timeAt(now));
        requestUpdateOfAll();
        return Outcome.OK;
    }

    /**
     * The guest's clock, by vCPU 0's TSC. {@code KVM_GET_CLOCK}.
     *
     * @return nanoseconds
     */
    public long getClock() {
        return timeBy(reference, clocks.isEmpty() ? hostTsc : clocks.get(0).tsc()).systemTime();
    }

    /**
     * What a vCPU's clock structure would say now. The kvmclock itself, and every interface that shows a clock to
     * the guest, writes this value.
     *
     * @param vcpu the vCPU
     * @return the value; {@link PvclockTimeInfo#FLAG_TSC_STABLE} unless vCPU 0's guest uses the old register, or the
     *     TSCs of two vCPUs differ; {@link PvclockTimeInfo#FLAG_GUEST_STOPPED} if the last update of its kvmclock told
     *     so
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public PvclockTimeInfo timeFor(Vcpu vcpu) {
        PvclockTimeInfo time = timeBy(reference, clockOf(vcpu).tsc());
        return clockOf(vcpu).hasToldStopped() ? time.withFlags(PvclockTimeInfo.FLAG_GUEST_STOPPED) : time;
    }

    Reference reference() {
        return reference;
    }

    /** The reference was read before the TSC is: the difference is not negative. */
    PvclockTimeInfo timeBy(Reference from, VcpuTsc by) {
        long now = tsc.read();
        return new PvclockTimeInfo(
                by.function.at(now, tsc.frequencyHz()),
                nanosAt(now, from, by),
                by.scale,
                isStable() ? PvclockTimeInfo.FLAG_TSC_STABLE : 0);
    }

    /** By the ticks of the vCPU's own TSC: as the guest counts on from its last update. */
    private long nanosAt(long host, Reference from, VcpuTsc by) {
        long hertz = tsc.frequencyHz();
        return from.nanos + by.scale.toNanos(by.function.at(host, hertz) - by.function.at(from.tsc, hertz));
    }

    private boolean isStable() {
        return !oldRegister
                && clocks.stream().allMatch(each -> each.tsc().function.equals(clocks.get(0).tsc().function));
    }

    // ------------------------------------------------------------------ requests

    /**
     * Tells a vCPU's guest, with its next update, that it was stopped. {@code KVM_KVMCLOCK_CTRL}.
     *
     * @param vcpu the vCPU
     * @return OK; INACTIVE with nothing requested if its clock is off
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public Outcome guestStopped(Vcpu vcpu) {
        VcpuClock clock = clockOf(vcpu);
        if (!clock.isActive()) {
            return Outcome.INACTIVE;
        }
        // In this order: an entry in between serves both, or leaves both to the next.
        clock.request(VcpuClock.Request.GUEST_STOPPED);
        clock.request(VcpuClock.Request.UPDATE);
        return Outcome.OK;
    }

    /**
     * Requests an update of one vCPU, at its next entry. Never waits.
     *
     * @param vcpu the vCPU
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public void requestUpdate(Vcpu vcpu) {
        clockOf(vcpu).request(VcpuClock.Request.UPDATE);
    }

    /** Requests an update of all vCPUs, each at its next entry. Never waits. */
    public void requestUpdateOfAll() {
        clocks.forEach(clock -> clock.request(VcpuClock.Request.UPDATE));
    }

    /**
     * Adds an interface that shows a clock to the guest, too.
     *
     * @param listener called at each update of a vCPU, after the listeners added before
     */
    public void addUpdateListener(ClockUpdateListener listener) {
        listeners.add(listener);
    }

    private void beforeEntry(Vcpu vcpu) {
        VcpuClock clock = clocks.get(vcpu.id());
        long now = vm.clock().monotonicNanos(); // code of others, so before any request is taken
        fireDelayedUpdate(now);
        clock.serve(VcpuClock.Request.FIRST_ENTRY, () -> {
            requestUpdateOfAll();
            clock.request(VcpuClock.Request.LATER);
        });
        clock.enter(listeners);
        // After the entry's own update: one that fires now comes after it.
        clock.serve(VcpuClock.Request.LATER, () -> armDelayedUpdate(now));
    }

    /** One that is due already is not put off: a guest that registers all the time could put it off for ever. */
    private void armDelayedUpdate(long now) {
        delayed.compareAndSet(null, new Deadline(now + DELAYED_UPDATE_NANOS));
    }

    private void fireDelayedUpdate(long now) {
        Deadline due = delayed.get();
        // Taken first: a registration that is served from here on has a delayed update of its own.
        if (due != null && now - due.monotonicNanos >= 0 && delayed.compareAndSet(due, null)) {
            boolean requested = false;
            try {
                requestUpdateOfAll();
                requested = true;
            } finally {
                if (!requested) { // memory ran out
                    delayed.compareAndSet(null, due);
                }
            }
        }
    }

    private VcpuClock clockOf(Vcpu vcpu) {
        if (vcpu.vm() != vm) {
            throw new IllegalArgumentException(vcpu + " belongs to another VM");
        }
        return clocks.get(vcpu.id());
    }

    @Override
    public String toString() {
        return "Kvmclock" + clocks;
    }

    // ------------------------------------------------------------------ registers

    /** One register that has two numbers. */
    private final class SystemTimeRegister implements MsrHandler {

        @Override
        public long read(Vcpu vcpu, int index) {
            return clocks.get(vcpu.id()).register();
        }

        @Override
        public boolean write(Vcpu vcpu, int index, long value) {
            clocks.get(vcpu.id()).register(value);
            return true;
        }

        /** Which number vCPU 0's guest uses matters; which one the host uses to restore a register does not. */
        @Override
        public boolean guestWrite(Vcpu vcpu, int index, long value) {
            boolean old = index == MSR_SYSTEM_TIME_OLD;
            try {
                return write(vcpu, index, value);
            } finally { // also when a page-fault handler throws; not when memory ran out before it was written
                if (vcpu.id() == 0 && oldRegister != old && clocks.get(0).register() == value) {
                    oldRegister = old;
                    requestUpdateOfAll();
                }
            }
        }
    }

    private final class WallClockRegister implements MsrHandler {

        @Override
        public long read(Vcpu vcpu, int index) {
            return wallClock.register();
        }

        @Override
        public boolean write(Vcpu vcpu, int index, long value) {
            wallClock.register(value, vm.clock().realtimeNanos() - getClock());
            return true;
        }
    }
}
