package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.Delivery;
import io.github.pfncache.xen.XenVcpu;
import java.util.List;

/** The machine goes on working: a bit of everything, and in the end it lets go of all it has. */
final class Battery {

    private static final long PATTERN = 0x0102030405060708L;
    private static final int NEW_SLOT = 12;
    private static final long NEW_GPA = 0xb0_0000;
    private static final int PORT = 300;
    private static final long MINUTE = 60_000_000_000L;

    private Battery() {}

    /** Runs it, on another thread than the one that may have kept something. */
    static void run(SweepMachine machine) {
        audit(machine);
        found(machine);
        pages(machine);
        slots(machine);
        snapshots(machine);
        events(machine);
        rest(machine);
    }

    static void audit(SweepMachine machine) {
        VmAudit.atRest(machine.vm);
        VmAudit.atRest(machine.neighbour);
    }

    /** The caches that were there before: none of their pages goes without their being told. */
    private static void found(SweepMachine machine) {
        for (GfnPfnCache cache : List.of(machine.cache, machine.byHva)) {
            if (cache.refresh() == Outcome.OK && machine.host.migrate(cache.state().uhva()) == HostResult.OK) {
                assertThat(cache.check()).as("valid after its page has moved: %s", cache).isFalse();
            }
        }
    }

    private static void pages(SweepMachine machine) {
        GfnPfnCache cache = machine.vm.newCache(8);
        GuestTlb tlb = machine.vm.newTlb(8, machine.adopter);
        assertThat(machine.host.populateWrite(machine.lowHva, SweepMachine.PAGES))
                .as("populated")
                .isEqualTo(HostResult.OK);
        for (int n = 0; n < SweepMachine.PAGES; n++) { // bounded by the pages
            long hva = machine.lowHva + (long) n * Pages.PAGE_SIZE;
            machine.host.migrate(hva); // waits for whoever holds the page
            assertThat(cache.activate(SweepMachine.page(n))).as("activation at page %s", n).isEqualTo(Outcome.OK);
            long before = cache.loadLong(0, -1);
            assertThat(machine.host.evict(hva, 1)).as("eviction of page %s", n).isEqualTo(HostResult.OK);
            assertThat(tlb.loadLong(SweepMachine.page(n))).as("content of page %s", n).isEqualTo(before);
            assertThat(cache.storeLong(0, before)).as("store to page %s", n).isEqualTo(Outcome.OK);
        }
        assertThat(cache.deactivate()).isEqualTo(Outcome.OK);
        assertThat(tlb.deactivate()).isEqualTo(Outcome.OK);
    }

    private static void slots(SweepMachine machine) {
        Memslots memslots = machine.vm.memslots();
        assertThat(machine.vm.ram().add(NEW_SLOT, 0, NEW_GPA, 1)).as("a slot is added").isEqualTo(Memslots.Change.DONE);
        assertThat(memslots.setFlags(NEW_SLOT, Memslot.FLAG_LOG_DIRTY_PAGES))
                .as("it logs")
                .isEqualTo(Memslots.Change.DONE);
        assertThat(machine.vm.guestMemory().write(NEW_GPA, new byte[] {1})).as("it can be written").isOne();
        assertThat(memslots.harvestDirty(NEW_SLOT).harvest().pages()).as("it has logged").containsExactly(0);
        assertThat(machine.vm.ram().remove(NEW_SLOT)).as("it is removed").isEqualTo(Memslots.Change.DONE);
    }

    private static void snapshots(SweepMachine machine) {
        long gpa = SweepMachine.page(11);
        byte[] before = read(machine, gpa);
        try (RamSnapshot made = machine.vm.ram().snapshot(); DirtyLogFollower log = machine.vm.followDirtyLog()) {
            assertThat(log.deliver(gfn -> true).complete()).as("the log is followed").isTrue();
            machine.vm.guestMemory().write(gpa, new byte[] {(byte) ~before[0]});
            assertThat(log.deliver(gfn -> gfn == Pages.gpaToGfn(gpa)).pages()).as("pages delivered").isEqualTo(1);
            assertThat(machine.vm.ram().rewind(made)).as("rewound").isEqualTo(HostResult.OK);
        }
        assertThat(read(machine, gpa)).as("memory after it was rewound").isEqualTo(before);
    }

    private static byte[] read(SweepMachine machine, long gpa) {
        byte[] bytes = new byte[8];
        assertThat(machine.vm.guestMemory().read(gpa, bytes)).isEqualTo(bytes.length);
        return bytes;
    }

    private static void events(SweepMachine machine) {
        XenVcpu cpu = machine.cpu(0);
        assertThat(machine.xen.setSharedInfo(new CacheTarget.ByGpa(SweepMachine.SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(cpu.setVcpuInfo(new CacheTarget.ByGpa(SweepMachine.VCPU_INFO))).isEqualTo(Outcome.OK);
        machine.host.evict(machine.lowHva, SweepMachine.PAGES);
        assertThat(machine.xen.events().deliver(cpu, PORT, CallContext.ATOMIC)).as("an event with its page away")
                .isIn(Delivery.DEFERRED, Delivery.INVALID);
        machine.adopter.advance(MINUTE);
        machine.steal.addSteal(machine.vm.vcpu(0), 1);
        machine.clock.setClock(MINUTE);
        assertThat(machine.vm.vcpu(0).run(() -> {})).isEqualTo(Vcpu.Exit.GUEST);
        assertThat(machine.neighbour.vcpu(0).run(() -> {})).isEqualTo(Vcpu.Exit.GUEST);
        byte[] pending = new byte[1];
        machine.vm.guestMemory().read(SweepMachine.SHARED_INFO + 0x800 + PORT / 8, pending);
        assertThat(pending[0] >>> PORT % 8 & 1).as("the event is pending").isOne();
        assertThat(cpu.hasInterrupt(CallContext.MAY_SLEEP)).as("the upcall is raised").isTrue();
    }

    /** All is given back. */
    private static void rest(SweepMachine machine) {
        machine.xen.clearSharedInfo();
        for (Vcpu vcpu : machine.vm.vcpus()) { // bounded by the vCPUs
            vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, 0);
            vcpu.writeMsr(Kvmclock.MSR_WALL_CLOCK, 0);
            vcpu.writeMsr(StealTime.MSR_STEAL_TIME, 0);
            machine.cpu(vcpu.id()).clearVcpuInfo();
            machine.cpu(vcpu.id()).clearTimeInfo();
            machine.cpu(vcpu.id()).runstate().clear();
        }
        machine.atRest.forEach(Runnable::run);
        machine.cache.deactivate();
        machine.byHva.deactivate();
        machine.area.deactivate();
        audit(machine);
    }

    /**
     * Nothing is mapped or referenced any more, after the TLB's own thread has let go of that.
     *
     * @return frames that are in use in the end: those of files
     */
    static long balance(SweepMachine machine) {
        assertThat(machine.host.liveMappings()).as("mappings in the end").isZero();
        assertThat(machine.host.pageReferences()).as("references in the end").isZero();
        machine.close();
        return machine.host.framesInUse();
    }
}
