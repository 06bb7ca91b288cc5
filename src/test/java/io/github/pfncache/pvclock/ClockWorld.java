package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/** A VM with four pages of memory full of 0xAA, a clock, steal time, and the time in the test's hand. */
final class ClockWorld {

    static final long GPA = 0x100000;
    static final long HVA = 0x7f00_0000_0000L;
    static final int NPAGES = 4;
    static final int SLOT = 1;
    static final long BOOT_REALTIME = 1_700_000_000_123_456_789L;
    static final long TSC_HZ = 2_400_000_000L;
    static final byte FILL = (byte) 0xaa;

    final HostClock.Manual time = new HostClock.Manual(BOOT_REALTIME);
    final HostMemory host = HostMemory.builder().checked(true).build();
    final Vm vm;
    final Kvmclock clock;
    final StealTime steal;

    /** How long ago the current thread has looked at the clock, nanoseconds: it has been stopped since. */
    final ThreadLocal<Long> behind = ThreadLocal.withInitial(() -> 0L);

    /** The time, as a thread has seen it. */
    private final class Seen implements HostClock {

        @Override
        public long monotonicNanos() {
            return time.monotonicNanos() - behind.get();
        }

        @Override
        public long realtimeNanos() {
            return time.realtimeNanos() - behind.get();
        }
    }

    ClockWorld(int vcpus) {
        vm = Vm.builder().host(host).clock(new Seen()).vcpus(vcpus).build();
        clock = Kvmclock.attach(vm, TscSource.of(time, TSC_HZ));
        steal = StealTime.attach(vm);
        host.mapAnonymous(HVA, NPAGES, Protection.READ_WRITE);
        fill(FILL);
        slot(0);
    }

    // ---- memory

    void slot(int flags) {
        vm.memslots().set(SLOT, flags, GPA, NPAGES * Pages.PAGE_SIZE, HVA);
    }

    void logged() {
        slot(Memslot.FLAG_LOG_DIRTY_PAGES);
    }

    void deleteSlot() {
        vm.memslots().set(SLOT, 0, 0, 0, 0);
    }

    void fill(byte value) {
        byte[] bytes = new byte[NPAGES * Pages.PAGE_SIZE];
        Arrays.fill(bytes, value);
        host.poke(HVA, bytes);
    }

    ByteBuffer bytes(long gpa, int length) {
        byte[] bytes = new byte[length];
        host.peek(HVA + gpa - GPA, bytes);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    void poke(long gpa, byte... bytes) {
        host.poke(HVA + gpa - GPA, bytes);
    }

    void pokeInt(long gpa, int value) {
        poke(gpa, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    int version(long gpa) {
        return bytes(gpa, 4).getInt();
    }

    int flags(long gpa) {
        return bytes(gpa + PvclockTimeInfo.FLAGS, 1).get() & 0xff;
    }

    /** What the guest reads at a clock structure. */
    PvclockReader.Reading read(long gpa) {
        ByteBuffer structure = bytes(gpa, PvclockTimeInfo.SIZE);
        return new PvclockReader(structure::getInt).read();
    }

    List<Long> dirty() {
        return Arrays.stream(vm.memslots().harvestDirty(SLOT).harvest().pages()).boxed().toList();
    }

    // ---- the guest

    /** The guest runs once and does nothing. */
    void run(int vcpu) {
        vm.vcpu(vcpu).run(() -> {});
    }

    boolean guestWrites(int vcpu, int msr, long value) {
        Vcpu cpu = vm.vcpu(vcpu);
        boolean[] accepted = new boolean[1];
        cpu.run(() -> accepted[0] = cpu.guestWriteMsr(msr, value));
        return accepted[0];
    }

    /** The host registers a clock at an address, and the guest has not run since. */
    void register(int vcpu, long gpa) {
        vm.vcpu(vcpu).writeMsr(Kvmclock.MSR_SYSTEM_TIME, gpa | Kvmclock.ENABLE);
    }

    /** The guest registers a clock, and goes on long enough that nothing is left to be updated. */
    void settle(int vcpu, long gpa) {
        register(vcpu, gpa);
        vm.vcpus().forEach(cpu -> cpu.run(() -> {}));
        time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        vm.vcpus().forEach(cpu -> cpu.run(() -> {}));
    }

    /** Does something with a window of guest memory of its own. */
    void access(long gpa, int length, Consumer<GuestAccess> body) {
        GfnPfnCache cache = vm.newCache(length);
        cache.activate(gpa);
        try (GuestAccess access = cache.access()) {
            body.accept(access);
        }
        cache.deactivate();
    }

    void audit() {
        VmAudit.atRest(vm);
        host.audit();
    }
}
