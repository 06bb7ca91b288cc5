package io.github.pfncache.examples;

import static io.github.pfncache.examples.HypervReferenceTime.ENABLE;
import static io.github.pfncache.examples.HypervReferenceTime.MSR_REFERENCE_TSC;
import static io.github.pfncache.examples.HypervReferenceTime.MSR_TIME_REF_COUNT;
import static io.github.pfncache.examples.HypervReferenceTime.OFFSET;
import static io.github.pfncache.examples.HypervReferenceTime.SCALE;
import static io.github.pfncache.examples.HypervReferenceTime.SEQUENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.stress.Adversary;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.lang.invoke.VarHandle;
import java.math.BigInteger;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The guest reads the time as its specification says, while its page is written, moved and evicted. */
final class HypervReferenceTimeTest {

    private static final long HZ = 2_400_000_000L;
    private static final long GPA = 0x10_0000;
    private static final long PAGE = GPA + 3 * Pages.PAGE_SIZE;
    private static final long OTHER = GPA + 5 * Pages.PAGE_SIZE;
    private static final int NPAGES = 8;
    private static final long SECOND_UNITS = 10_000_000;
    private static final long SECOND_NANOS = 1_000_000_000;

    private final HostClock.Manual clock = new HostClock.Manual(0);
    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Vm vm = Vm.builder().host(host).clock(clock).vcpus(2).build();
    private final TscSource tsc = TscSource.of(clock, HZ);
    private HypervReferenceTime time;

    @BeforeEach
    void plug() {
        clock.advance(77 * SECOND_NANOS);
        time = HypervReferenceTime.attach(vm, tsc);
        assertThat(vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES)).isEqualTo(Change.DONE);
    }

    @AfterEach
    void audit() {
        VmAudit.atRest(vm);
        host.audit();
    }

    private void guestRegisters(long value) {
        Vcpu vcpu = vm.vcpu(0);
        vcpu.run(() -> vcpu.guestWriteMsr(MSR_REFERENCE_TSC, value));
    }

    private long hva() {
        return vm.memslots().table().byId(0).hva();
    }

    // ---- the guest

    /** What the guest read at its page: whether it may use it, and the time by it. */
    private record Reading(boolean valid, long time) {}

    /** One attempt, by a window of its own; null if the sequence changed meanwhile, or the page is not there now. */
    private static Reading attempt(GfnPfnCache window, long ticks) {
        int before;
        int after;
        long scale;
        long offset;
        try (GuestAccess access = window.access()) {
            if (!access.isUsable()) {
                return null;
            }
            before = access.getInt(SEQUENCE);
            VarHandle.loadLoadFence(); // the value is no older than this sequence
            scale = access.getLong(SCALE);
            Interleaving.reached("reference half read");
            offset = access.getLong(OFFSET);
            VarHandle.loadLoadFence(); // and no newer than this one
            after = access.getInt(SEQUENCE);
        }
        return before != after ? null : new Reading(before != 0, product(ticks, scale) + offset);
    }

    /** In the words of the specification, not by the writer's arithmetic. */
    private static long product(long ticks, long scale) {
        return new BigInteger(Long.toUnsignedString(ticks))
                .multiply(new BigInteger(Long.toUnsignedString(scale)))
                .shiftRight(Long.SIZE)
                .longValue();
    }

    private long guestTime(long gpa) {
        GfnPfnCache window = vm.newCache(HypervReferenceTime.SIZE);
        assertThat(window.activate(gpa)).isEqualTo(Outcome.OK);
        Reading reading = attempt(window, tsc.read());
        window.deactivate();
        assertThat(reading).isNotNull();
        return reading.valid ? reading.time : vm.vcpu(0).readMsr(MSR_TIME_REF_COUNT);
    }

    // ---- the interface

    @Test
    void theTimeStartsAtZeroAndGoesOnByTheTsc() {
        assertThat(vm.vcpu(1).readMsr(MSR_TIME_REF_COUNT)).isZero();
        guestRegisters(PAGE | ENABLE);
        for (int seconds = 1; seconds <= 100; seconds++) { // no entry in between: the page is written once
            clock.advance(SECOND_NANOS);
            assertThat(guestTime(PAGE)).isBetween(seconds * SECOND_UNITS - 1, seconds * SECOND_UNITS);
            assertThat(time.now()).isEqualTo(guestTime(PAGE));
        }
    }

    @Test
    void aTscPastTheSignIsUnsigned() {
        for (long ticks : new long[] {0, 1, HZ, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
            for (long scale : new long[] {1, Long.MAX_VALUE, Long.MIN_VALUE + 5, -1}) {
                assertThat(HypervReferenceTime.scaled(ticks, scale)).isEqualTo(product(ticks, scale));
            }
        }
    }

    @Test
    void aTscNoFasterThanTheUnitIsRefused() {
        Vm slow = Vm.builder().build();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> HypervReferenceTime.attach(slow, TscSource.of(clock, SECOND_UNITS)));
    }

    @Test
    void theRegisterIsOneOfTheVmAndTheCounterIsReadOnly() {
        guestRegisters(PAGE | 0xffe);
        assertThat(vm.vcpu(1).readMsr(MSR_REFERENCE_TSC)).isEqualTo(PAGE | 0xffe);
        assertThat(vm.vcpu(1).guestWriteMsr(MSR_TIME_REF_COUNT, 5)).isFalse();
        assertThat(vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void anUpdateIsWrittenAtTheNextEntryUnderANewSequence() {
        guestRegisters(PAGE | ENABLE);
        GfnPfnCache window = vm.newCache(HypervReferenceTime.SIZE);
        window.activate(PAGE);
        int before = window.loadInt(SEQUENCE, 0);
        time.set(tsc, 1_000 * SECOND_UNITS);
        vm.vcpu(1).run(() -> {});
        assertThat(window.loadInt(SEQUENCE, 0)).isEqualTo(before + 1);
        assertThat(guestTime(PAGE)).isEqualTo(1_000 * SECOND_UNITS);
        window.storeInt(SEQUENCE, -1);
        time.set(tsc, 0);
        vm.vcpu(1).run(() -> {});
        assertThat(window.loadInt(SEQUENCE, 0)).as("0 would mean that nothing is valid").isEqualTo(1);
        window.deactivate();
    }

    @Test
    void theFormerPageIsLeftAlone() {
        guestRegisters(PAGE | ENABLE);
        byte[] before = new byte[HypervReferenceTime.SIZE];
        vm.guestMemory().read(PAGE, before);
        guestRegisters(OTHER | ENABLE);
        time.set(tsc, 5 * SECOND_UNITS);
        vm.vcpu(0).run(() -> {});
        byte[] after = new byte[HypervReferenceTime.SIZE];
        vm.guestMemory().read(PAGE, after);
        assertThat(after).isEqualTo(before);
        assertThat(guestTime(OTHER)).isEqualTo(5 * SECOND_UNITS);
        guestRegisters(0);
        time.set(tsc, 0);
        vm.vcpu(0).run(() -> {});
        vm.guestMemory().read(OTHER, after);
        assertThat(vm.caches().activeCaches()).isEmpty();
    }

    @Test
    void whatFindsNoMemoryIsWrittenWhenThereIsSome() {
        guestRegisters(0x1_0000_0000L | ENABLE);
        assertThat(vm.ram().add(1, 0, 0x1_0000_0000L, 1)).isEqualTo(Change.DONE);
        time.set(tsc, 9 * SECOND_UNITS);
        vm.vcpu(0).run(() -> {});
        assertThat(guestTime(0x1_0000_0000L)).isEqualTo(9 * SECOND_UNITS);
        guestRegisters(-1);
        assertThat(vm.vcpu(0).readMsr(MSR_REFERENCE_TSC)).isEqualTo(-1);
        guestRegisters(0);
    }

    @Test
    void aPageFaultHandlerThatThrowsPutsTheWriteOff() {
        guestRegisters(PAGE | ENABLE);
        AtomicBoolean thrown = new AtomicBoolean();
        PageFaultHandler handler = fault -> {
            if (!thrown.getAndSet(true)) {
                throw new IllegalStateException("line is down");
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        host.registerFaultHandler(new HvaRange(hva(), hva() + NPAGES * Pages.PAGE_SIZE), handler, true, false);
        host.evict(hva(), NPAGES);
        time.set(tsc, 3 * SECOND_UNITS);
        assertThatThrownBy(() -> vm.vcpu(0).run(() -> {})).hasMessage("line is down");
        vm.vcpu(0).run(() -> {});
        assertThat(guestTime(PAGE)).isEqualTo(3 * SECOND_UNITS);
    }

    /** A counter that stands still: what the guest reads by it is what was set, or torn. */
    private record Still(long read, long frequencyHz) implements TscSource {}

    /** Each order of the steps of one writing and one reading, while the page moves: found for sure, not by luck. */
    @Test
    void aReaderInTheMiddleOfAWritingKnowsIt() {
        TscSource slow = new Still(HZ * 1_000_003, HZ);
        TscSource fast = new Still(slow.read(), HZ + HZ / 8);
        new ScheduleExplorer(stage -> {
            Vm small = Vm.builder().build();
            small.ram().add(0, 0, GPA, NPAGES);
            HypervReferenceTime written = HypervReferenceTime.attach(small, slow);
            Vcpu vcpu = small.vcpu(0);
            vcpu.run(() -> vcpu.guestWriteMsr(MSR_REFERENCE_TSC, PAGE | ENABLE));
            GfnPfnCache window = small.newCache(HypervReferenceTime.SIZE);
            window.activate(PAGE);
            written.set(fast, SECOND_UNITS);
            stage.thread("enter", () -> vcpu.run(() -> {}));
            stage.thread("guest", () -> {
                Reading now = attempt(window, slow.read());
                boolean whole = now == null || !now.valid || now.time == 0 || now.time == SECOND_UNITS;
                assertThat(whole).as("%s", now).isTrue();
            });
            long hva = small.memslots().table().byId(0).gfnToHva(PAGE >> 12);
            stage.thread("migrate", () -> small.host().migrate(hva));
            stage.afterwards(() -> {
                assertThat(attempt(window, slow.read())).isEqualTo(new Reading(true, SECOND_UNITS));
                VmAudit.atRest(small);
            });
        }).exhaustive(2, 500).explore().requireNoFailure();
    }

    /** The page is written by two vCPUs, moved, evicted, and read all the time: no time is seen that was never set. */
    @Test
    void aGuestNeverReadsHalfAValue() throws Exception {
        TscSource slow = new Still(HZ * 1_000_003, HZ);
        TscSource fast = new Still(slow.read(), HZ + HZ / 8);
        time.set(slow, 0);
        vm.vcpu(0).run(() -> {});
        guestRegisters(PAGE | ENABLE);
        GfnPfnCache window = vm.newCache(HypervReferenceTime.SIZE);
        window.activate(PAGE);
        int settings = 3_000;
        CompletableFuture<Void> stop = new CompletableFuture<>();
        CountDownLatch begun = new CountDownLatch(1);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try (Adversary adversary = Adversary.of(vm).seed(18).migrating().evicting().followingDirtyLog(0).start()) {
            Future<Long> guest = threads.submit(() -> readAllTheTime(window, slow.read(), stop, begun));
            Future<?> other = threads.submit(() -> {
                while (!stop.isDone()) { // bounded by the settings
                    vm.vcpu(1).run(() -> {});
                }
            });
            try {
                begun.await();
                for (long i = 1; i <= settings && !adversary.hasFailed(); i++) { // whole seconds only
                    time.set(i % 2 == 0 ? fast : slow, i * SECOND_UNITS);
                    vm.vcpu(0).run(() -> {});
                }
            } finally {
                stop.complete(null);
            }
            assertThat(guest.get()).as("readings").isPositive();
            other.get();
        } finally {
            threads.shutdown();
        }
        vm.vcpu(0).run(() -> {});
        Reading reading = attempt(window, slow.read());
        assertThat(reading).isEqualTo(new Reading(true, settings * SECOND_UNITS));
        window.deactivate();
    }

    /** What the guest reads is what was set, and never less than it read before. */
    private static long readAllTheTime(
            GfnPfnCache window, long ticks, CompletableFuture<Void> stop, CountDownLatch begun) {
        long readings = 0;
        long last = 0;
        do { // at least once; until the writers have ended
            Reading now = attempt(window, ticks);
            begun.countDown();
            if (now != null && now.valid) {
                assertThat(now.time % SECOND_UNITS).isZero();
                assertThat(now.time).isGreaterThanOrEqualTo(last);
                last = now.time;
                readings++;
            }
        } while (!stop.isDone() || readings == 0);
        return readings;
    }
}
