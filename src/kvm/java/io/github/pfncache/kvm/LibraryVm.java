package io.github.pfncache.kvm;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.util.Arrays;
import java.util.stream.Collectors;

/** A virtual machine of this library. Not thread-safe. */
final class LibraryVm implements VmCalls {

    private static final long NANOS_PER_MILLI = 1_000_000;

    private final LibraryMachine machine;
    private final Vm vm;
    private final Kvmclock kvmclock;
    private final HostClock.Manual clock;

    /** Null if the guest has no Xen interfaces. */
    private final LibraryXen xen;

    LibraryVm(LibraryMachine machine, LibraryXen xen) {
        this.machine = machine;
        this.xen = xen;
        this.vm = machine.vm();
        this.kvmclock = machine.kvmclock();
        this.clock = machine.clock();
    }

    @Override
    public String setSlot(int id, int flags, long gpa, long size, long hva) {
        try {
            return vm.memslots().set(id, flags, gpa, size, hva) == Memslots.Change.BUSY ? "EBUSY" : "0";
        } catch (Memslots.Rejected e) {
            return e.errno();
        }
    }

    @Override
    public String harvest(int id) {
        Memslots.HarvestResult result = vm.memslots().harvestDirty(id);
        if (result.status() != Memslots.HarvestStatus.OK) {
            return result.status() == Memslots.HarvestStatus.OTHER_MODE ? "ENXIO" : "ENOENT"; // of both others
        }
        return "{" + Arrays.stream(result.harvest().pages()).mapToObj(Long::toString).collect(Collectors.joining("."))
                + "}";
    }

    @Override
    public String harvestRing(int vcpu) {
        DirtyRing ring = vm.vcpu(vcpu).dirtyRing();
        String entries = ring.entries().stream()
                .map(entry -> entry.slotId() + ":" + entry.page())
                .collect(Collectors.joining(" "));
        return "{" + entries + "} reset=" + ring.reset();
    }

    @Override
    public boolean writeMsr(int vcpu, int index, long value) {
        return vm.vcpu(vcpu).writeMsr(index, value);
    }

    @Override
    public String guestWriteMsr(int id, int index, long value) {
        if (xen != null) {
            return xen.guest(id).writeMsr(index, value);
        }
        Vcpu vcpu = vm.vcpu(id);
        boolean[] accepted = new boolean[1];
        Vcpu.Exit exit = vcpu.run(() -> accepted[0] = vcpu.guestWriteMsr(index, value));
        return exit != Vcpu.Exit.GUEST ? exitText(exit) : accepted[0] ? "ok" : "#GP";
    }

    @Override
    public String readMsr(int vcpu, int index) {
        return "0x" + Long.toHexString(vm.vcpu(vcpu).readMsr(index));
    }

    static String exitText(Vcpu.Exit exit) {
        return switch (exit) {
            case GUEST -> "IOf8";
            case INTERRUPTED -> "EINTR";
            case DIRTY_RING_FULL -> "X31";
        };
    }

    @Override
    public String run(int vcpu) {
        return xen == null
                ? exitText(vm.vcpu(vcpu).run(() -> {}))
                : xen.guest(vcpu).run(XenCalls.Code.LEAVE, false, XenGuestOps.LIMIT);
    }

    @Override
    public String runImmediate(int id) {
        Vcpu vcpu = vm.vcpu(id);
        vcpu.setImmediateExit(true);
        try {
            return run(id);
        } finally {
            vcpu.setImmediateExit(false);
        }
    }

    @Override
    public String setClock() {
        kvmclock.setClock(kvmclock.getClock());
        return "0";
    }

    @Override
    public String guestStopped(int vcpu) {
        return kvmclock.guestStopped(vm.vcpu(vcpu)) == Outcome.OK ? "0" : "EINVAL";
    }

    @Override
    public void sleep(long millis) {
        if (xen == null) {
            clock.advance(millis * NANOS_PER_MILLI);
        } else {
            machine.pass((int) Math.min(millis, Script.MAX_COUNT));
        }
    }

    @Override
    public XenCalls xen() {
        return xen;
    }
}
