package io.github.pfncache.sweep;

import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.XenVm;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What is one step to its caller, and is not half done when an allocation in it fails.
 *
 * <p>A write of a register, by a guest or by its host: the register, where the guest finds what it asked for, and what
 * is said there are as before the write, or as after it. Only the wall clock may have its register and no more, as
 * where there is no memory. An entry that tells a guest that it was stopped: other clocks say so, too. A reset of the
 * event channels takes no memory. The first access of a TLB makes all of its tables, or none.
 */
public final class OneStepSweep implements Function<String[], List<String>> {

    private static final long GPA = 0x10_0000;
    private static final int PAGE = 4096;
    private static final long THERE = GPA + PAGE;
    private static final int[] INDICES = {Kvmclock.MSR_SYSTEM_TIME, Kvmclock.MSR_SYSTEM_TIME_OLD,
        Kvmclock.MSR_WALL_CLOCK, Kvmclock.MSR_WALL_CLOCK_OLD, StealTime.MSR_STEAL_TIME};
    private static final int PLACE = 64;
    private static final int STEAL_VERSION = 8;
    private static final int CHUNK = 1 << 16;
    private static final int NEVER = Integer.MAX_VALUE;

    private final List<String> found = new ArrayList<>();
    private int failed;

    /** What is half done; empty if nothing is. */
    static List<String> run() {
        return AllocationLoader.counting(OneStepSweep.class).apply(new String[0]);
    }

    @Override
    public List<String> apply(String[] none) {
        for (int index : INDICES) {
            for (long value : isWallClock(index) ? new long[] {THERE} : new long[] {THERE | 1, place(index, 0), 0}) {
                sweep(index, 0, value, true);
                sweep(index, 1, value, false);
            }
        }
        if (failed == 0) {
            found.add("no write was cut short");
        }
        AtomicInteger count = new AtomicInteger();
        isToldStopped(NEVER, count);
        for (int number = 0; number < count.get(); number++) { // bounded by the allocations of an entry
            if (!isToldStopped(number, new AtomicInteger())) {
                found.add("no other clock says that the guest was stopped, after " + Allocations.place());
            }
        }
        reset();
        firstAccess();
        return found;
    }

    private void firstAccess() {
        int[] tries = {1};
        for (int number = 0; number < tries[0]; number++) { // bounded by the allocations of the access
            Vm vm = Vm.builder().build();
            vm.ram().add(0, 0, GPA, 1);
            try (GuestTlb tlb = vm.newTlb(GuestTlb.MIN_ENTRIES, new Nothing())) {
                tries[0] += Allocations.failing(number, () -> {
                    try {
                        return (int) tlb.loadLong(GPA);
                    } catch (OutOfMemoryError e) {
                        return 1;
                    }
                }, count -> {});
                tlb.loadLong(GPA);
            } catch (RuntimeException e) {
                found.add("a TLB ends with " + e + ", after " + Allocations.place());
            }
            vm.close();
        }
    }

    /** There is memory at each address that is used. */
    private static final class Nothing implements GuestTlb.Unbacked {
        @Override
        public long load(long gpa, int width, Outcome why) {
            throw new IllegalStateException(why.name());
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            throw new IllegalStateException(why.name());
        }
    }

    private void reset() {
        Vm vm = Vm.builder().build();
        XenVm xen = XenVm.attach(vm, Kvmclock.attach(vm), vcpu -> {});
        try {
            Allocations.failing(0, () -> {
                xen.events().reset();
                return true;
            }, count -> {});
        } catch (OutOfMemoryError e) {
            found.add("a reset that is half done, after " + Allocations.place());
        }
        vm.close();
    }

    /** Whether a listener is told, by an entry of which an allocation fails or by the next. */
    private static boolean isToldStopped(int number, AtomicInteger count) {
        Vm vm = Vm.builder().clock(new HostClock.Manual(0)).build();
        vm.ram().add(0, 0, GPA, 1);
        Kvmclock clock = Kvmclock.attach(vm);
        boolean[] told = new boolean[1];
        clock.addUpdateListener(vcpu -> told[0] |= clock.timeFor(vcpu).has(PvclockTimeInfo.FLAG_GUEST_STOPPED));
        vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA | Kvmclock.ENABLE);
        vm.vcpu(0).run(() -> {});
        clock.guestStopped(vm.vcpu(0));
        try {
            Allocations.failing(number, () -> vm.vcpu(0).run(() -> {}), count::set);
        } catch (OutOfMemoryError expected) {
            vm.vcpu(0).run(() -> {});
        }
        vm.close();
        return told[0];
    }

    /** Where a machine has a structure at first, with the bit that turns it on. */
    private static long place(int index, int vcpu) {
        return GPA + PLACE * vcpu + (index == StealTime.MSR_STEAL_TIME ? 4 * PLACE : 0) | 1;
    }

    private void sweep(int index, int vcpu, long value, boolean byGuest) {
        Predicate<Vcpu> write = byGuest
                ? each -> each.guestWriteMsr(index, value)
                : each -> each.writeMsr(index, value);
        AtomicInteger count = new AtomicInteger();
        View before = view(vcpu, each -> true, NEVER, new AtomicInteger());
        View after = view(vcpu, write, NEVER, count);
        for (int number = 0; number < count.get(); number++) { // bounded by the allocations of the write
            View now = view(vcpu, write, number, new AtomicInteger());
            boolean alone = isWallClock(index) && now.equals(new View(after.registers, before.memory));
            if (!now.equals(before) && !now.equals(after) && !alone) {
                found.add((byGuest ? "the guest" : "the host") + " of vCPU " + vcpu + " writes 0x"
                        + Long.toHexString(value) + " to 0x" + Integer.toHexString(index) + ", allocation " + number
                        + ": " + now + ", before " + before + ", after " + after + ", " + Allocations.place());
            }
        }
    }

    private static boolean isWallClock(int index) {
        return index == Kvmclock.MSR_WALL_CLOCK || index == Kvmclock.MSR_WALL_CLOCK_OLD;
    }

    /** What all registers hold, and the sum of the guest's memory, but for versions. */
    private record View(String registers, int memory) {}

    /** A machine in which an allocation of a write has failed, once it has gone on. */
    private View view(int vcpu, Predicate<Vcpu> write, int number, AtomicInteger count) {
        HostClock.Manual time = new HostClock.Manual(1_700_000_000_000_000_000L);
        Vm vm = Vm.builder().host(HostMemory.builder().chunkBytes(CHUNK, CHUNK).build()).clock(time).vcpus(2).build();
        vm.ram().add(0, 0, GPA, 2);
        Kvmclock clock = Kvmclock.attach(vm);
        StealTime steal = StealTime.attach(vm);
        for (Vcpu each : vm.vcpus()) { // two
            each.writeMsr(Kvmclock.MSR_SYSTEM_TIME, place(Kvmclock.MSR_SYSTEM_TIME, each.id()));
            each.writeMsr(StealTime.MSR_STEAL_TIME, place(StealTime.MSR_STEAL_TIME, each.id()));
        }
        goOn(vm, time);
        try {
            Allocations.failing(number, () -> write.test(vm.vcpu(vcpu)), count::set);
        } catch (OutOfMemoryError expected) {
            failed++;
        }
        goOn(vm, time);
        clock.requestUpdateOfAll(); // whenever it was last written before
        vm.vcpus().forEach(each -> steal.addSteal(each, 1));
        vm.vcpus().forEach(each -> each.run(() -> {}));
        StringBuilder registers = new StringBuilder();
        for (Vcpu each : vm.vcpus()) { // two
            Arrays.stream(INDICES).forEach(i -> registers.append(Long.toHexString(each.readMsr(i))).append(' '));
        }
        byte[] memory = new byte[2 * PAGE];
        vm.guestMemory().read(GPA, memory);
        for (int at = 0; at < memory.length; at += PLACE) { // bounded by the memory; any even version will do
            memory[at] &= 1;
            memory[at + STEAL_VERSION] &= 1;
        }
        vm.close();
        vm.host().close();
        return new View(registers.toString(), Arrays.hashCode(memory));
    }

    /** Long enough that nothing is left to be updated. */
    private static void goOn(Vm vm, HostClock.Manual time) {
        for (int turn = 0; turn < 2; turn++) { // an entry, and the update a little later
            vm.vcpus().forEach(each -> each.run(() -> {}));
            time.advance(Kvmclock.DELAYED_UPDATE_NANOS);
        }
        vm.vcpus().forEach(each -> each.run(() -> {}));
    }
}
