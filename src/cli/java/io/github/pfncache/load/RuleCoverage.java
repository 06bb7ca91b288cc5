package io.github.pfncache.load;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.Delivery;
import io.github.pfncache.xen.PollOutcome;
import java.time.Duration;
import java.util.List;

/**
 * What a short load may not come to, and what its machine does not have: done once behind it, so that no rule goes
 * unchecked for want of luck. Throws {@link AssertionError} if something does not come out as it must.
 */
final class RuleCoverage {

    private static final int POLLED_PORT = 59;
    private static final int RING_ENTRIES = 128;
    private static final long PATIENCE_NANOS = 30_000_000_000L;

    private RuleCoverage() {}

    static void run(LoadMachine machine) throws InterruptedException {
        machine.vm.memslots().setFlags(LoadMachine.PLUG_SLOT, Memslot.FLAG_LOG_DIRTY_PAGES);
        machine.vm.memslots().setFlags(LoadMachine.PLUG_SLOT, 0);
        evictWhatIsInUse(machine);
        turnClocksOffAndOn(machine);
        sendWhileTheVcpuInfoIsAway(machine);
        pollForAnEvent(machine);
        logIntoARing();
        // The audit to come finds a writable page of a file.
        machine.host.populateWrite(LoadMachine.hva(LoadMachine.PLUG), 1);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** A notifier may refuse only who does not want to wait. */
    private static void evictWhatIsInUse(LoadMachine machine) throws InterruptedException {
        GfnPfnCache cache = machine.vm.newCache(Block.SIZE);
        cache.activate(LoadMachine.SCRATCH_GPA);
        try (GuestAccess access = cache.access(); Crew host = new Crew()) {
            require(access.isUsable(), "memory that is always there is " + access.outcome());
            host.add("host", () -> { // on a thread of its own: who has an access open must not change host memory
                HostResult result = machine.host.tryEvict(LoadMachine.hva(LoadMachine.SCRATCH), 1);
                require(result == HostResult.BUSY, "a page in use is evicted without waiting: " + result);
                return false;
            });
            require(host.await(System.nanoTime() + PATIENCE_NANOS), "who must not wait waits");
        }
        cache.deactivate();
    }

    private static void turnClocksOffAndOn(LoadMachine machine) {
        Vcpu vcpu = machine.vm.vcpu(0);
        vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0);
        vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, LoadMachine.systemTime(0) | Kvmclock.ENABLE);
        vcpu.run(() -> {});
        machine.xen.vcpu(0).runstate().preempted();
        machine.xen.vcpu(0).runstate().clear();
        machine.xen.vcpu(0).runstate().register(new CacheTarget.ByGpa(LoadMachine.runstate(0)));
    }

    private static void sendWhileTheVcpuInfoIsAway(LoadMachine machine) {
        machine.xen.vcpu(0).clearVcpuInfo();
        Delivery delivery = machine.xen.events().deliver(machine.xen.vcpu(0), POLLED_PORT, CallContext.MAY_SLEEP);
        require(delivery == Delivery.PARKED, "without a vcpu_info an event is " + delivery);
        machine.xen.vcpu(0).setVcpuInfo(new CacheTarget.ByGpa(LoadMachine.vcpuInfo(0)));
        machine.vm.vcpu(0).run(() -> {});
    }

    /** The event that was just sent: nobody has handled it. */
    private static void pollForAnEvent(LoadMachine machine) {
        PollOutcome outcome = machine.xen.vcpu(0).poll(LoadMachine.arguments(0), false, Duration.ofSeconds(10));
        require(outcome == PollOutcome.WOKEN, "a poll for a pending port is " + outcome);
    }

    /** A VM logs into bitmaps or into rings; the machine under load has bitmaps. */
    private static void logIntoARing() {
        Vm vm = Vm.builder().dirtyRing(RING_ENTRIES).build();
        vm.host().mapAnonymous(LoadMachine.HVA, 2, Protection.READ_WRITE);
        vm.memslots().set(0, Memslot.FLAG_LOG_DIRTY_PAGES, LoadMachine.MAIN_GPA, 2 * Pages.PAGE_SIZE, LoadMachine.HVA);
        GfnPfnCache cache = vm.newCache(Long.BYTES);
        cache.activate(LoadMachine.MAIN_GPA + Pages.PAGE_SIZE);
        vm.vcpu(0).run(() -> {
            try (GuestAccess access = cache.access()) {
                access.putLong(0, 1);
            }
        });
        List<DirtyRing.Entry> entries = vm.vcpu(0).dirtyRing().entries();
        boolean right = entries.equals(List.of(new DirtyRing.Entry(0, 1)));
        require(right, "page 1 of slot 0 was written, the ring has " + entries);
    }
}
