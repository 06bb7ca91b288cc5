package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;

/** A machine that a trace is done to: no memory at first, and one vCPU with a registered kvmclock for each probe. */
final class ReplayMachine {

    private static final int NANOS_PER_MICRO = 1000;
    private static final Runnable NOTHING = () -> {};

    private final HostClock.Manual time = new HostClock.Manual(0);
    private final Vm vm;
    private final HostBlocks blocks;
    private final Kvmclock kvmclock;
    private final CacheStats atStart;

    /** Clock updates attempted. One thread replays. */
    private long updates;

    private long micros;

    ReplayMachine(MemslotTrace trace) {
        vm = Vm.builder().vcpus(Probes.COUNT).clock(time).build();
        blocks = new HostBlocks(vm.host(), trace.blockLengths());
        kvmclock = Kvmclock.attach(vm);
        for (Vcpu vcpu : vm.vcpus()) { // bounded by the probes
            long value = Probes.gpa(vcpu.id()) | Kvmclock.ENABLE;
            require(vcpu.run(() -> vcpu.guestWriteMsr(Kvmclock.MSR_SYSTEM_TIME, value)), vcpu);
        }
        kvmclock.addUpdateListener(vcpu -> updates++);
        atStart = vm.caches().stats();
    }

    Vm vm() {
        return vm;
    }

    HostBlocks blocks() {
        return blocks;
    }

    /** Does what the trace says, at its time. Answers as the ioctl would: "0", or the name of an errno. */
    String apply(SlotOperation operation) {
        time.advance((operation.micros() - micros) * NANOS_PER_MICRO);
        micros = operation.micros();
        long hva = blocks.hva(operation.block(), operation.blockOffset());
        try {
            Memslots.Change change = vm.memslots()
                    .set(operation.slot(), operation.flags(), operation.gpa(), operation.size(), hva);
            return change == Memslots.Change.BUSY ? "EBUSY" : "0";
        } catch (Memslots.Rejected rejected) {
            return rejected.errno();
        }
    }

    /** Sets the clock, which requests an update of every vCPU, and has each enter the guest once. */
    void updateClocks() {
        kvmclock.setClock(time.monotonicNanos());
        vm.vcpus().forEach(vcpu -> require(vcpu.run(NOTHING), vcpu));
    }

    private static void require(Vcpu.Exit exit, Vcpu vcpu) {
        if (exit != Vcpu.Exit.GUEST) {
            throw new IllegalStateException(vcpu + " at " + Pages.hex(Probes.gpa(vcpu.id())) + " left with " + exit);
        }
    }

    long updates() {
        return updates;
    }

    long refreshes() {
        return vm.caches().stats().refreshes() - atStart.refreshes();
    }

    long invalidations() {
        return vm.caches().stats().invalidations() - atStart.invalidations();
    }
}
