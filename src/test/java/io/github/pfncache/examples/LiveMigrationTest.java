package io.github.pfncache.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.examples.LiveMigration.Destination;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenVm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** All users of guest memory write while it is copied, RAM comes and goes, the line fails: both sides end equal. */
class LiveMigrationTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final long LOW = 0x100000;
    private static final int LOW_PAGES = 256;
    private static final long OWN = 0x4000_0000;
    private static final int OWN_PAGES = 16;
    private static final long PLUGGED = 0x1_0000_0000L;
    private static final long CLOCK = LOW + 0x40;
    private static final long SHARED_INFO = LOW + PAGE;
    private static final long RUNSTATE = LOW + 3 * PAGE - 15;
    /** The devices' buffers: few enough pages that the rounds converge. */
    private static final long BUFFERS = LOW + 4 * PAGE;

    private static final int BUFFER_PAGES = 6;

    private final AtomicBoolean stop = new AtomicBoolean();
    private final ExecutorService pool = Executors.newCachedThreadPool();
    private final List<Future<Integer>> users = new ArrayList<>();
    /** The caller's own memory. */
    private final byte[] own = new byte[OWN_PAGES * PAGE];

    private interface Turn {
        void take(int number);
    }

    private void user(Turn turn) {
        users.add(pool.submit(() -> {
            int turns = 0;
            do { // at least once; until the migration stops the guest
                turn.take(turns++);
            } while (!stop.get());
            return turns;
        }));
    }

    private void stopEverybody() {
        stop.set(true);
        for (Future<Integer> user : users) { // bounded by the users
            try {
                assertThat(user.get()).isPositive();
            } catch (InterruptedException | ExecutionException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, false", "0, true", "128, false", "128, true"})
    void bothSidesAreEqualByteForByte(int ringEntries, boolean hotPlug) {
        Vm vm = Vm.builder().vcpus(2).dirtyRing(ringEntries).slotChangeTimeout(Duration.ofMinutes(1)).build();
        assertThat(vm.ram().add(0, 0, LOW, LOW_PAGES)).isEqualTo(Change.DONE);
        assertThat(vm.ram().add(1, 0, OWN, own)).isEqualTo(Change.DONE);
        startGuest(vm);
        startDevices(vm);
        if (hotPlug) {
            startHotPlug(vm);
        }
        Destination destination = new Destination();
        Random faults = new Random(6);
        AtomicInteger lost = new AtomicInteger();
        LiveMigration migration = new LiveMigration(vm, (gfn, page) -> {
            boolean arrives = faults.nextInt(10) != 0;
            lost.addAndGet(arrives ? 0 : 1);
            return arrives && destination.receive(gfn, page);
        });
        try {
            migration.run(this::stopEverybody);
        } finally {
            stop.set(true);
            pool.shutdown();
        }
        assertThat(migration.rounds()).isGreaterThan(2);
        assertThat(hotPlug || migration.hasConverged()).isTrue();
        assertThat(lost.get()).as("the line failed, and what it lost was sent again").isPositive();
        assertEqual(vm, destination.start(vm));
        assertThat(vm.memslots().table()).noneMatch(Memslot::logsDirtyPages);
        vm.caches().activeCaches().forEach(GfnPfnCache::deactivate);
        VmAudit.atRest(vm);
        vm.host().audit();
    }

    /** Kvmclock, runstate and event channels, on vCPUs. */
    private void startGuest(Vm vm) {
        Kvmclock clock = Kvmclock.attach(vm);
        XenVm xen = XenVm.attach(vm, clock, new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {}

            @Override
            public void interrupt(Vcpu vcpu, int vector) {}
        });
        assertThat(xen.setSharedInfo(new CacheTarget.ByGpa(SHARED_INFO))).isEqualTo(Outcome.OK);
        assertThat(xen.vcpu(0).setVcpuInfo(new CacheTarget.ByGpa(SHARED_INFO + 0x40))).isEqualTo(Outcome.OK);
        assertThat(xen.vcpu(1).runstate().register(new CacheTarget.ByGpa(RUNSTATE))).isEqualTo(Outcome.OK);
        for (Vcpu vcpu : vm.vcpus()) {
            assertThat(vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, CLOCK + 0x100L * vcpu.id() | Kvmclock.ENABLE))
                    .isTrue();
            GfnPfnCache cell = cacheAt(vm, LOW + 0x400 + 8L * vcpu.id());
            user(number -> {
                clock.requestUpdate(vcpu);
                // A run that ends because the ring is full is taken again after the next harvest.
                vcpu.run(() -> count(cell));
                xen.vcpu(vcpu.id()).runstate().set(RunState.values()[number & 3]);
            });
        }
        user(number -> {
            xen.events().deliver(xen.vcpu(0), 1 + number % 4000, CallContext.MAY_SLEEP);
            xen.events().deliver(xen.vcpu(0), 66, CallContext.ATOMIC);
        });
    }

    /** Devices: through caches, and without; and the host moves pages meanwhile. */
    private void startDevices(Vm vm) {
        GfnPfnCache inOwn = cacheAt(vm, OWN + 3 * PAGE + 8);
        user(number -> count(inOwn));
        Random random = new Random(5);
        user(number -> {
            byte[] data = new byte[1 + random.nextInt(2 * PAGE)];
            random.nextBytes(data);
            long at = (random.nextBoolean() ? BUFFERS : OWN) + random.nextInt(BUFFER_PAGES * PAGE - data.length);
            assertThat(vm.guestMemory().write(at, data)).isEqualTo(data.length);
            vm.host().migrate(vm.memslots().table().byId(0).hva() + (long) random.nextInt(LOW_PAGES) * PAGE);
        });
    }

    /** A block of RAM comes, is written, moves, and goes; the last one stays. */
    private void startHotPlug(Vm vm) {
        GfnPfnCache cache = vm.newCache(8);
        user(number -> {
            assertThat(vm.ram().add(7, 0, PLUGGED, new byte[4 * PAGE])).isEqualTo(Change.DONE);
            cache.activate(PLUGGED + 2 * PAGE + 8L * (number % 100));
            count(cache);
            assertThat(vm.memslots().move(7, PLUGGED + 8 * PAGE)).isEqualTo(Change.DONE);
            cache.activate(PLUGGED + 9 * PAGE);
            count(cache);
            if (!stop.get()) {
                assertThat(vm.ram().remove(7)).isEqualTo(Change.DONE);
            }
        });
    }

    private static GfnPfnCache cacheAt(Vm vm, long gpa) {
        GfnPfnCache cache = vm.newCache(8);
        assertThat(cache.activate(gpa)).isEqualTo(Outcome.OK);
        return cache;
    }

    private static void count(GfnPfnCache cache) {
        try (GuestAccess access = cache.access()) {
            if (access.isUsable()) {
                access.putLong(0, access.getLong(0) + 1);
            }
        }
    }

    private static void assertEqual(Vm source, Vm target) {
        for (Memslot slot : source.memslots().table()) { // bounded by the slots
            for (long gfn = slot.baseGfn(); gfn < slot.endGfn(); gfn++) { // bounded by the slot
                assertThat(page(target, gfn)).as("gfn %x of %s", gfn, slot).isEqualTo(page(source, gfn));
            }
        }
    }

    private static byte[] page(Vm vm, long gfn) {
        byte[] page = new byte[PAGE];
        assertThat(vm.guestMemory().read(Pages.gfnToGpa(gfn), page)).isEqualTo(PAGE);
        return page;
    }
}
