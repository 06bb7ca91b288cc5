package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;

/** A VM whose vCPUs have clocks in the first page of its only slot, at rest: no update is pending. */
final class ClockRig implements AutoCloseable {

    static final int SLOT = 1;
    static final int PAGES = 4;
    static final long SIZE = PAGES * (long) Pages.PAGE_SIZE;
    static final long GPA = 0x100000;

    /** Where the slot's memory is. */
    static final long HVA = 0x2000_1000_0000L;

    /** Other memory, as large. */
    static final long OTHER_HVA = 0x2000_2000_0000L;

    /** Offset of the first vCPU's clock. */
    static final int CLOCK = 0x100;

    private static final long NANOS_PER_UPDATE = 1_000;

    private final HostMemory host = HostMemory.builder().build();
    private final HostFile file = host.createFile(PAGES);
    private final HostClock.Manual time = new HostClock.Manual(0);
    private final boolean shared;
    private final Vm vm;
    private final Kvmclock clock;

    /** Of shared or of private anonymous memory; with a dirty log or without. */
    ClockRig(int vcpus, boolean shared, boolean logs) {
        this.shared = shared;
        vm = Vm.builder()
                .host(host)
                .clock(time)
                .vcpus(vcpus)
                .slotChangeTimeout(Duration.ofMinutes(1)) // however long the system lets a reader wait
                .build();
        clock = Kvmclock.attach(vm);
        mapFresh(HVA, PAGES);
        done(host.mapAnonymous(OTHER_HVA, PAGES, Protection.READ_WRITE));
        done(vm.memslots().set(SLOT, logs ? Memslot.FLAG_LOG_DIRTY_PAGES : 0, GPA, SIZE, HVA));
    }

    /** Maps memory of this rig's kind over what is there. */
    void mapFresh(long hva, int npages) {
        long filePage = (hva - HVA) >>> Pages.PAGE_SHIFT;
        done(shared
                ? host.mapShared(hva, npages, file, filePage, Protection.READ_WRITE)
                : host.mapAnonymous(hva, npages, Protection.READ_WRITE));
    }

    /** The guest turns a vCPU's clock on. */
    void register(int vcpu, int offset) {
        Vcpu that = vm.vcpu(vcpu);
        that.run(() -> that.guestWriteMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + offset | Kvmclock.ENABLE));
    }

    /** The host turns a vCPU's clock on. */
    boolean hostRegister(int vcpu, int offset) {
        return vm.vcpu(vcpu).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + offset | Kvmclock.ENABLE);
    }

    void fill(long page, int value) {
        byte[] bytes = new byte[Pages.PAGE_SIZE];
        Arrays.fill(bytes, (byte) value);
        done(host.poke(page, bytes));
    }

    /** Lets the update pass that follows registrations after a while, and empties the dirty log. */
    void settle() {
        time.advance(2 * Kvmclock.DELAYED_UPDATE_NANOS);
        vm.vcpus().forEach(this::run);
        vm.memslots().harvestDirty(SLOT);
    }

    String run(Vcpu vcpu) {
        return vcpu.run(() -> {}) == Vcpu.Exit.GUEST ? "IOf8" : "not run";
    }

    /** Requests updates, and lets a vCPU make its own. */
    String update(int vcpu) {
        setClock();
        return run(vm.vcpu(vcpu));
    }

    void setClock() {
        time.advance(NANOS_PER_UPDATE);
        clock.setClock(clock.getClock());
    }

    /** Version of a clock in a page of host memory; -1 if nothing is mapped there. */
    long version(long page, int offset) {
        byte[] bytes = new byte[Integer.BYTES];
        return host.peek(page + offset, bytes) == HostResult.OK ? little(bytes) : -1;
    }

    /** Version of the first vCPU's clock in the shared file, mapped or not. */
    long versionInFile() {
        byte[] bytes = new byte[Integer.BYTES];
        file.read(CLOCK, bytes);
        return little(bytes);
    }

    private static long little(byte[] bytes) {
        return Integer.toUnsignedLong(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt());
    }

    /** Whether the first page, and only that, was written since it was last asked. */
    boolean harvest() {
        Memslots.HarvestResult result = vm.memslots().harvestDirty(SLOT);
        long[] pages = result.harvest().pages();
        if (result.status() != Memslots.HarvestStatus.OK || pages.length > 1 || pages.length == 1 && pages[0] != 0) {
            throw new AssertionError("dirty log: " + result.status() + ", " + pages.length + " pages");
        }
        return pages.length == 1;
    }

    static void done(HostResult result) {
        if (result != HostResult.OK) {
            throw new AssertionError(result);
        }
    }

    static void done(Memslots.Change change) {
        if (change != Memslots.Change.DONE) {
            throw new AssertionError(change);
        }
    }

    HostMemory host() {
        return host;
    }

    HostFile file() {
        return file;
    }

    Vm vm() {
        return vm;
    }

    Memslots memslots() {
        return vm.memslots();
    }

    /** Audits and ends. */
    @Override
    public void close() {
        VmAudit.atRest(vm);
        host.audit();
        host.close();
    }
}
