package io.github.pfncache.sweep;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HookedChannel;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.TimerState;
import io.github.pfncache.xen.XenVcpu;
import io.github.pfncache.xen.XenVm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A machine with everything in it, always the same, built by the thread that works with it. The guest's memory, in
 * pages:
 *
 * <pre>
 *   slot 0  16 pages, the library's own, supplied by a fault handler, logged:
 *           0 shared_info  1 vcpu_info  2 clocks  3, 4 runstate over the boundary  5 steal time, wall clock
 *           6 arguments of hypercalls  7 caches  8, 9 an area over the boundary  10 the TLB  11 copies
 *           12 to 15 whatever the host does to pages
 *   slot 1  2 pages, a byte[], logged
 *   slot 2  2 pages of a real file, logged
 *   slot 3  1 page, read-only
 *   slot 4  1 page, of which nobody keeps anything: to be changed
 * </pre>
 */
final class SweepMachine implements AutoCloseable {

    static final int PAGES = 16;
    static final long LOW = 0x10_0000;
    static final long ARRAY = 0x20_0000;
    static final long FILE = 0x30_0000;
    static final long ROM = 0x40_0000;
    static final long SPARE = 0x50_0000;
    /** Nothing is there: a device. */
    static final long DEVICE = 0x60_0000;
    static final int SPARE_SLOT = 4;
    static final int SPARE_PAGES = 1;
    static final int SOME_PAGES = 2;

    static final long SHARED_INFO = page(0);
    static final long VCPU_INFO = page(1);
    static final long TIME_INFO = page(2);
    static final long SYSTEM_TIME = page(2) + 0x100;
    static final long RUNSTATE = page(4) - 15;
    static final long STEAL = page(5);
    static final long WALL_CLOCK = page(5) + 0x100;
    static final long ARGUMENTS = page(6);
    static final long CACHED = page(7);
    static final long AREA = page(9) - 32;
    static final int WINDOW = 64;
    static final long TLB = page(10);
    static final long COPIES = page(11);
    static final int LOOPBACK = 200;
    static final int EXTERNAL = 201;
    static final int TIMER_PORT = 60;
    static final int VECTOR = 0x30;
    static final int MSR = 0x777;
    static final List<Integer> DEFERRED = List.of(40, 100, 3000);

    /** Waits are short: a sweep makes many that are in vain. */
    private static final Duration PATIENCE = Duration.ofMillis(40);
    private static final int RING_ENTRIES = 128;
    private static final int STRUCTURE = 0x40;
    private static final int LITTLE_TLB = 8;
    private static final long BOOTED_NANOS = 1_000_000_000;

    final Points points = new Points();
    final Adopter adopter = new Adopter(points);
    final HostMemory host = HostMemory.builder().checked(true).chunkBytes(1 << 18, 1 << 18).build();
    final Vm vm;
    /** Another VM of the same host, which logs into rings. */
    final Vm neighbour;
    final Kvmclock clock;
    final StealTime steal;
    final XenVm xen;
    final GfnPfnCache cache;
    final GfnPfnCache byHva;
    final GuestArea area;
    final GfnToHvaCache older;

    /** Lets go of what an operation has made, should it have been cut short. */
    final List<Runnable> atRest = new ArrayList<>();
    final GuestTlb tlb;
    final RamSnapshot snapshot;
    final HostMemory child;
    final DirtyLogFollower follower;
    final HostFile file;
    /** Of a file that nobody has read yet. */
    final HookedChannel coldChannel;
    final byte[] array = new byte[SOME_PAGES * Pages.PAGE_SIZE];
    final byte[] rom = new byte[Pages.PAGE_SIZE];
    final long lowHva;

    SweepMachine(HookedChannel channel, HookedChannel cold) throws IOException {
        file = host.openFile(hooked(channel));
        coldChannel = hooked(cold);
        host.registerNotifier(adopter);
        Vm.Builder builder = Vm.builder().host(host).clock(adopter).slotChangeTimeout(PATIENCE)
                .retry(new RetryPolicy(64, PATIENCE));
        vm = builder.vcpus(2).build();
        neighbour = builder.dirtyRing(RING_ENTRIES).build();
        host.registerNotifier(adopter); // before and after the caches' own
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, LOW, PAGES);
        vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, ARRAY, array);
        vm.ram().add(2, Memslot.FLAG_LOG_DIRTY_PAGES, FILE, file);
        vm.ram().add(3, Memslot.FLAG_READONLY, ROM, rom);
        vm.ram().add(SPARE_SLOT, 0, SPARE, SPARE_PAGES);
        neighbour.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, LOW, SOME_PAGES);
        lowHva = hvaOf(LOW);
        host.registerFaultHandler(HvaRange.ofPages(lowHva, PAGES), adopter, true, true);
        clock = Kvmclock.attach(vm, adopter);
        steal = StealTime.attach(vm);
        vm.handleMsr(MSR, adopter);
        vm.addEntryHook(adopter);
        clock.addUpdateListener(adopter);
        xen = XenVm.attach(vm, clock, adopter);
        adopter.advance(BOOTED_NANOS); // a clock that reads zero would hide what is not written
        cache = vm.newCache(WINDOW);
        byHva = vm.newCache(WINDOW);
        area = vm.newArea();
        older = vm.caches().newGfnToHvaCache(WINDOW);
        tlb = vm.newTlb(LITTLE_TLB, adopter);
        fill();
        register();
        vm.vcpus().forEach(vcpu -> vcpu.run(() -> {}));
        snapshot = vm.ram().snapshot();
        child = host.fork();
        follower = neighbour.followDirtyLog();
        follower.deliver(gfn -> true);
    }

    private HookedChannel hooked(HookedChannel channel) {
        channel.beforeRead = (offset, length) -> refuse("file, read");
        channel.beforeWrite = (offset, length) -> refuse("file, write");
        return channel;
    }

    private void refuse(String point) throws IOException {
        if (points.reached(point)) {
            throw new IOException(point);
        }
    }

    static long page(int number) {
        return LOW + (long) number * Pages.PAGE_SIZE;
    }

    long hvaOf(long gpa) {
        return vm.memslots().table().find(Pages.gpaToGfn(gpa)).gfnToHva(Pages.gpaToGfn(gpa)) + Pages.offsetInPage(gpa);
    }

    /** Host address of a page that the host may do anything to, 0 to 3. */
    long scratch(int number) {
        return lowHva + (12L + number) * Pages.PAGE_SIZE;
    }

    XenVcpu cpu(int id) {
        return xen.vcpu(id);
    }

    private void fill() {
        for (int n = 0; n < PAGES; n++) { // bounded by the pages
            vm.guestMemory().write(page(n), new byte[Pages.PAGE_SIZE]);
        }
        ByteBuffer arguments = ByteBuffer.allocate(STRUCTURE).order(ByteOrder.LITTLE_ENDIAN);
        arguments.putLong(0, ARGUMENTS + STRUCTURE / 2).putInt(8, 1).putLong(16, 1); // a poll of a nanosecond
        arguments.putInt(STRUCTURE / 2, TIMER_PORT + 1);
        vm.guestMemory().write(ARGUMENTS, arguments.array());
        arguments.putLong(0, BOOTED_NANOS + 1);
        vm.guestMemory().write(ARGUMENTS + STRUCTURE, arguments.array());
        arguments.putInt(0, LOOPBACK);
        vm.guestMemory().write(ARGUMENTS + 2 * STRUCTURE, arguments.array());
    }

    private void register() {
        cache.activate(CACHED);
        byHva.activateHva(hvaOf(CACHED) + WINDOW);
        area.activate(AREA, WINDOW);
        older.activate(CACHED + 2 * WINDOW);
        tlb.storeLong(TLB, 1);
        xen.setSharedInfo(new CacheTarget.ByGpa(SHARED_INFO));
        for (int id = 0; id < 2; id++) { // bounded by the vCPUs
            vm.vcpu(id).writeMsr(Kvmclock.MSR_SYSTEM_TIME, SYSTEM_TIME + STRUCTURE * id | Kvmclock.ENABLE);
            vm.vcpu(id).writeMsr(StealTime.MSR_STEAL_TIME, STEAL + STRUCTURE * id | StealTime.ENABLE);
            cpu(id).setVcpuInfo(new CacheTarget.ByGpa(VCPU_INFO + STRUCTURE * id));
            cpu(id).setTimeInfo(new CacheTarget.ByGpa(TIME_INFO + STRUCTURE * id));
        }
        vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, WALL_CLOCK);
        cpu(0).runstate().register(new CacheTarget.ByGpa(RUNSTATE));
        cpu(0).setTimer(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, 0));
        cpu(0).setUpcallVector(VECTOR);
        cpu(0).setInterruptControllerEnabled(true);
        xen.events().bindLoopback(LOOPBACK, cpu(1), LOOPBACK + 2);
        xen.events().bindExternal(EXTERNAL, adopter);
    }

    /** What a machine is like before an operation. */
    enum Stage {
        /** All memory is there. */
        PRESENT,
        /** All memory that can be is away, and events wait for it: whatever is done next has to ask for it. */
        EVICTED
    }

    void enter(Stage stage) {
        if (stage == Stage.EVICTED) {
            host.evict(lowHva, PAGES);
            host.evict(hvaOf(FILE), SOME_PAGES);
        } else {
            host.populateWrite(lowHva, PAGES);
        }
        DEFERRED.forEach(port -> xen.events().deliver(cpu(0), port, CallContext.ATOMIC));
        adopter.advance(Kvmclock.DELAYED_UPDATE_NANOS);
    }

    @Override
    public void close() {
        follower.close();
        snapshot.close();
        child.close();
        host.close();
    }
}
