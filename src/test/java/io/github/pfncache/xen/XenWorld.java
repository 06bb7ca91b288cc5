package io.github.pfncache.xen;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * The set-up of the scenarios: a slot of three pages at 0xc0000000, the shared page in its first, the vcpu_info inside
 * it, the time info at the start of the second, the runstate 15 bytes before that one's end; a guest, and the time in
 * the test's hand.
 */
final class XenWorld implements UpcallListener {

    static final long GPA = 0xc000_0000L;
    static final long HVA = 0x7f00_0000_0000L;
    static final int NPAGES = 3;
    static final int SLOT = 1;
    static final long SHARED_INFO = GPA;
    static final long VCPU_INFO = GPA + 0x40;
    static final long TIME_INFO = GPA + Pages.PAGE_SIZE;
    static final long RUNSTATE = GPA + 2 * Pages.PAGE_SIZE - 15;
    /** Where the guest builds the arguments of its hypercalls. */
    static final long SCRATCH = GPA + 2 * Pages.PAGE_SIZE + 0x800;
    static final long BOOT_REALTIME = 1_700_000_000_123_456_789L;
    static final long SECOND = 1_000_000_000;
    static final int TIMER_PORT = 13;
    static final long PATIENCE_SECONDS = 300;

    final By by;
    final HostClock.Manual time = new HostClock.Manual(BOOT_REALTIME);
    final HostMemory host = HostMemory.builder().checked(true).build();
    final HostFile ram = host.createFile(2 * NPAGES);
    final Vm vm;
    final Kvmclock clock;
    final XenVm xen;
    final XenVcpu cpu;
    final XenGuest guest;

    final AtomicInteger kicks = new AtomicInteger();
    final AtomicInteger interrupts = new AtomicInteger();

    /** What the emulator does when it is called, before the call counts. */
    volatile Runnable called = () -> {};

    XenWorld(By by) {
        this(by, 1);
    }

    XenWorld(By by, int vcpus) {
        this.by = by;
        host.mapShared(HVA, NPAGES, ram, 0, Protection.READ_WRITE);
        vm = Vm.builder().host(host).clock(time).vcpus(vcpus).build();
        slot(0);
        clock = Kvmclock.attach(vm);
        xen = XenVm.attach(vm, clock, this);
        cpu = xen.vcpu(0);
        guest = new XenGuest(vm);
        time.advance(SECOND); // a clock that reads zero would hide what is not written
    }

    /** A world in which the guest has registered everything, and run. */
    static XenWorld registered(By by) {
        XenWorld world = new XenWorld(by);
        world.register();
        return world;
    }

    void register() {
        assertThat(xen.setSharedInfo(target(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.setVcpuInfo(target(VCPU_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.setTimeInfo(target(TIME_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.runstate().register(target(RUNSTATE))).isEqualTo(Outcome.OK);
        cpu.setTimer(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, 0));
        run();
    }

    CacheTarget target(long gpa) {
        return by == By.GPA ? new CacheTarget.ByGpa(gpa) : new CacheTarget.ByHva(hva(gpa));
    }

    static long hva(long gpa) {
        return HVA + (gpa - GPA);
    }

    // ---- memory

    void slot(int flags) {
        vm.memslots().set(SLOT, flags, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
    }

    void logDirtyPages() {
        slot(Memslot.FLAG_LOG_DIRTY_PAGES);
    }

    List<Long> dirty() {
        return Arrays.stream(vm.memslots().harvestDirty(SLOT).harvest().pages()).boxed().toList();
    }

    /** Other pages are mapped where the guest's memory was. */
    void mapOtherPages() {
        host.mapShared(HVA, NPAGES, ram, NPAGES, Protection.READ_WRITE);
    }

    /** Nothing can be written at a page any more, until {@link #makeWritable}. */
    void makeUnwritable(long gpa) {
        host.protect(hva(Pages.pageStart(gpa)), 1, Protection.NONE);
    }

    void makeWritable(long gpa) {
        host.protect(hva(Pages.pageStart(gpa)), 1, Protection.READ_WRITE);
    }

    byte[] bytes() {
        byte[] bytes = new byte[NPAGES * Pages.PAGE_SIZE];
        host.peek(HVA, bytes);
        return bytes;
    }

    // ---- running

    /** The guest runs once and does nothing. */
    void run() {
        run(() -> {});
    }

    void run(Runnable code) {
        assertThat(vm.vcpu(0).run(code)).isEqualTo(Vcpu.Exit.GUEST);
    }

    /** Time passes, and the timers that are due fire. */
    void pass(long nanos) {
        time.advance(nanos);
        xen.runTimers();
    }

    Delivery send(int port) {
        return xen.events().deliver(cpu, port, CallContext.MAY_SLEEP);
    }

    Delivery sendAtomic(int port) {
        return xen.events().deliver(cpu, port, CallContext.ATOMIC);
    }

    /** The guest enters, and handles the interrupt it finds. */
    List<Integer> runAndHandle() {
        List<Integer> ports = new ArrayList<>();
        run(() -> ports.addAll(guest.handleUpcall(VCPU_INFO, SHARED_INFO)));
        return ports;
    }

    /** What the guest has handled, and handles when it enters, is each of these ports once. */
    void requireHandledOnce(List<Integer> handled, Integer... ports) {
        handled.addAll(runAndHandle());
        assertThat(handled).as("ports that the guest handles").containsExactlyInAnyOrder(ports);
        assertThat(runAndHandle()).as("ports that it handles again").isEmpty();
        audit();
    }

    @Override
    public void kick(Vcpu vcpu) {
        called.run();
        kicks.incrementAndGet();
    }

    @Override
    public void interrupt(Vcpu vcpu, int vector) {
        assertThat(vector).as("an interrupt by").isBetween(16, 255);
        called.run();
        interrupts.incrementAndGet();
    }

    /** Waits for what another thread is about to do. */
    static void until(String what, BooleanSupplier done) {
        long deadline = System.nanoTime() + PATIENCE_SECONDS * SECOND;
        while (!done.getAsBoolean()) { // bounded by the deadline
            assertThat(System.nanoTime() - deadline).as("waiting until " + what).isNegative();
            Thread.onSpinWait();
        }
    }

    void audit() {
        VmAudit.atRest(vm);
        host.audit();
    }
}
