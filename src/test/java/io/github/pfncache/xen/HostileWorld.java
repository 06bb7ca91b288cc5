package io.github.pfncache.xen;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.ClockUpdateListener;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongPredicate;

/**
 * A machine with everything in it, in which everything that is called of its adopter's is this object: page-fault
 * handler, clocks, TSC, interrupt line, hook, listener. At a chosen one of these calls it does something else than its
 * duty.
 */
final class HostileWorld
        implements PageFaultHandler, HostClock, TscSource, UpcallListener, ClockUpdateListener, EntryHook {

    static final long GPA = 0x10_0000L;
    static final long HVA = 0x7f00_0000_0000L;
    static final int NPAGES = 10;
    static final long SHARED_INFO = GPA;
    static final long VCPU_INFO = page(1) + 0x40;
    static final long TIME_INFO = page(2);
    static final long RUNSTATE = page(4) - 20;
    static final long KVMCLOCK = page(4) + 0x100;
    static final long STEAL = page(5);
    static final long WALL_CLOCK = page(7) - 6;
    static final long OTHER = page(8);
    static final long SCRATCH = page(9) + 0x800;
    static final int VECTOR = 0x41;
    static final int TIMER_PORT = 13;
    private static final long TSC_HZ = 1_000_000_000;

    final HostMemory host = HostMemory.builder().checked(true).build();
    final Vm vm;
    final Vcpu vcpu;
    final Kvmclock clock;
    final StealTime steal;
    final XenVm xen;
    final XenVcpu cpu;

    // Confined to the test's thread.

    private long nanos = TSC_HZ;
    private final List<String> calls = new ArrayList<>();
    private int counted;
    private int hostileCall = -1;
    private Runnable hostility;
    private boolean counting;
    int interrupts;
    int kicks;

    HostileWorld() {
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        vm = Vm.builder().host(host).clock(this).build();
        vm.memslots().set(0, 0, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
        vcpu = vm.vcpu(0);
        vm.addEntryHook(this);
        clock = Kvmclock.attach(vm, this);
        clock.addUpdateListener(this);
        steal = StealTime.attach(vm);
        xen = XenVm.attach(vm, clock, this);
        clock.addUpdateListener(this);
        vm.addEntryHook(this);
        cpu = xen.vcpu(0);
        host.registerFaultHandler(
                new HvaRange(HVA, HVA + NPAGES * Pages.PAGE_SIZE), this, true, false);
    }

    static long page(int number) {
        return GPA + (long) number * Pages.PAGE_SIZE;
    }

    static CacheTarget at(long gpa) {
        return new CacheTarget.ByGpa(gpa);
    }

    /** Everything registered, the vCPU run twice, all quiet. */
    void register() {
        assertThat(xen.setSharedInfo(at(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.setVcpuInfo(at(VCPU_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.setTimeInfo(at(TIME_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.runstate().register(at(RUNSTATE))).isEqualTo(Outcome.OK);
        cpu.setTimer(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, 0));
        vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, KVMCLOCK | Kvmclock.ENABLE);
        vcpu.writeMsr(StealTime.MSR_STEAL_TIME, STEAL | StealTime.ENABLE);
        vcpu.writeMsr(Kvmclock.MSR_WALL_CLOCK, WALL_CLOCK);
        cpu.setUpcallVector(VECTOR);
        cpu.setInterruptControllerEnabled(true);
        run();
        pass(Kvmclock.DELAYED_UPDATE_NANOS);
        run();
        run();
    }

    void run() {
        assertThat(vcpu.run(() -> {})).isEqualTo(Vcpu.Exit.GUEST);
    }

    void pass(long more) {
        nanos += more;
    }

    void evictAll() {
        host.evict(HVA, NPAGES);
    }

    void evict(long gpa) {
        host.evict(HVA + Pages.pageStart(gpa) - GPA, 1);
    }

    Delivery send(int port, CallContext context) {
        return xen.events().deliver(cpu, port, context);
    }

    /** The argument of a poll of a port. */
    long argument(int port, long timeout) {
        ByteBuffer argument = ByteBuffer.allocate(28).order(ByteOrder.LITTLE_ENDIAN);
        argument.putLong(SCRATCH + 24).putInt(1).putInt(0).putLong(timeout).putInt(port);
        vm.guestMemory().write(SCRATCH, argument.array());
        return SCRATCH;
    }

    // ---- the calls

    /** From here on, at the call of this number, from 0, something happens instead, or before the duty is done. */
    void arm(int call, Runnable hostile) {
        calls.clear();
        counted = 0;
        hostileCall = call;
        hostility = hostile;
        counting = true;
    }

    /** Ends the hostility; whether it came to it. */
    boolean disarm() {
        counting = false;
        return counted > hostileCall;
    }

    List<String> calls() {
        return calls;
    }

    private void called(String what) {
        if (counting) {
            calls.add(what);
            if (counted++ == hostileCall) {
                hostility.run(); // may come back here, and is counted, and does nothing then
            }
        }
    }

    @Override
    public Decision onFault(PageFault fault) {
        called("fault");
        return Decision.RESOLVE;
    }

    @Override
    public long monotonicNanos() {
        called("monotonic");
        return nanos;
    }

    @Override
    public long realtimeNanos() {
        called("realtime");
        return 1_700_000_000_000_000_000L + nanos;
    }

    @Override
    public long read() {
        called("tsc");
        return nanos;
    }

    @Override
    public long frequencyHz() {
        return TSC_HZ;
    }

    @Override
    public void kick(Vcpu which) {
        called("kick");
        kicks++;
    }

    @Override
    public void interrupt(Vcpu which, int vector) {
        called("interrupt");
        interrupts++;
    }

    @Override
    public void clockUpdated(Vcpu which) {
        called("listener");
    }

    @Override
    public void beforeRun(Vcpu which) {
        called("run hook");
    }

    @Override
    public void beforeEntry(Vcpu which) {
        called("entry hook");
    }

    // ---- what is there afterwards

    /**
     * The guest's memory, with versions reduced to whether they are odd and whether they were ever written; no version
     * may be odd.
     */
    byte[] memory() {
        byte[] bytes = new byte[NPAGES * Pages.PAGE_SIZE];
        host.peek(HVA, bytes);
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        LongPredicate normalized = gpa -> {
            int at = (int) (gpa - GPA);
            int version = buffer.getInt(at);
            buffer.putInt(at, version == 0 ? 0 : 2);
            return version % 2 == 0;
        };
        long[] versions = {
            SHARED_INFO + 0xc00, SHARED_INFO + 0x900, OTHER + 0xc00, OTHER + 0x900, VCPU_INFO + 32, TIME_INFO, KVMCLOCK,
            STEAL + 8, WALL_CLOCK, page(9) + 32
        };
        assertThat(Arrays.stream(versions).allMatch(normalized)).as("all versions are even").isTrue();
        return bytes;
    }

    /** Where everything is, and what waits. */
    String registrations() {
        return xen.mode() + " " + xen.sharedInfo() + " " + cpu.vcpuInfo() + " " + cpu.timeInfo() + " "
                + cpu.runstate() + " " + cpu.timer() + " " + vcpu.readMsr(Kvmclock.MSR_SYSTEM_TIME) + " "
                + vcpu.readMsr(StealTime.MSR_STEAL_TIME) + " " + vcpu.readMsr(Kvmclock.MSR_WALL_CLOCK) + " polls="
                + xen.polling().isSet(0) + " untold events=" + cpu.info().hasParked() + " interrupt="
                + cpu.hasInterrupt(CallContext.MAY_SLEEP) + " told=" + (interrupts + kicks > 0);
    }

    boolean isPending(int port) {
        byte[] bytes = memory();
        return (bytes[(int) (SHARED_INFO - GPA) + 0x800 + port / 8] >> port % 8 & 1) != 0;
    }

    void audit() {
        assertThat(XenVcpu.holdsNoLock()).isTrue();
        VmAudit.atRest(vm);
        host.audit();
    }
}
