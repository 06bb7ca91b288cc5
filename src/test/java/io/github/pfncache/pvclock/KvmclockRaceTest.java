package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.pvclock.PvclockReader.Reading;
import io.github.pfncache.pvclock.PvclockReader.Status;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Host and guest at the same time. The guest's page is a buffer of the test's own, which the reader reads as the guest
 * would: past everything that the host has for locks.
 */
final class KvmclockRaceTest {

    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long HVA = ClockWorld.HVA;
    private static final int AT = 0x100;
    private static final int UPDATES = 5_000;

    final ByteBuffer page = ByteBuffer.allocateDirect(4096);
    final HostMemory host = HostMemory.builder().build();
    /** Patient: an update that is put off would be merged with the next one, and the count would be short. */
    final RetryPolicy patient = new RetryPolicy(1_000_000, Duration.ofSeconds(30));
    final Vm vm = Vm.builder().host(host).vcpus(2).retry(patient).build();
    final Kvmclock clock = Kvmclock.attach(vm, TscSource.of(HostClock.system(), 3_100_000_000L));
    final StealTime steal = StealTime.attach(vm);
    final ExecutorService threads = Executors.newCachedThreadPool();

    KvmclockRaceTest() {
        host.mapBuffer(HVA, page, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, 4096, HVA);
    }

    @AfterEach
    void audit() throws InterruptedException {
        threads.shutdown();
        assertThat(threads.awaitTermination(300, TimeUnit.SECONDS)).isTrue();
        VmAudit.atRest(vm);
    }

    private PvclockReader guest(int at) {
        return new PvclockReader(offset -> (int) INT.getAcquire(page, at + offset));
    }

    private void updates(int vcpu) {
        for (int i = 0; i < UPDATES; i++) { // each run makes one write
            clock.requestUpdate(vm.vcpu(vcpu));
            vm.vcpu(vcpu).run(() -> assertThat((int) INT.getAcquire(page, AT + 0x100 * vcpu)).isEven());
        }
    }

    /** What a torn value would break: each value lies on the line of the clock, and they never go back. */
    private int watch(int vcpu, CompletableFuture<Void> stop) {
        PvclockReader guest = guest(AT + 0x100 * vcpu);
        PvclockScale scale = PvclockScale.ofFrequency(clock.tsc().frequencyHz());
        Kvmclock.Reference reference = clock.reference();
        long last = 0;
        int versions = 0;
        int version = 0;
        do { // until it has seen one; bounded by the writers' updates
            Reading reading = guest.read();
            if (reading.status() == Status.UNSTABLE) {
                Thread.yield(); // the writer lost its processor in the middle of a write
                continue;
            }
            PvclockTimeInfo time = reading.time();
            assertThat(time.systemTime())
                    .isEqualTo(reference.nanos() + scale.toNanos(time.tscTimestamp() - reference.tsc()));
            long now = time.timeAt(clock.tsc().read());
            assertThat(now).isGreaterThanOrEqualTo(last);
            last = now;
            versions += reading.version() != version ? 1 : 0;
            version = reading.version();
        } while (versions == 0 || !stop.isDone());
        return versions;
    }

    @Test
    void readersSeeWholeValuesAndTimeNeverGoesBack() throws Exception {
        vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + AT | 1);
        vm.vcpu(0).run(() -> {});
        int before = (int) INT.getAcquire(page, AT);
        CompletableFuture<Void> stop = new CompletableFuture<>();
        Future<Integer> watcher = threads.submit(() -> watch(0, stop));
        try {
            updates(0);
        } finally {
            stop.complete(null);
        }
        assertThat(watcher.get()).as("values that the reader saw").isPositive();
        assertThat((int) INT.getAcquire(page, AT) - before)
                .as("every update was made")
                .isGreaterThanOrEqualTo(2 * UPDATES);
    }

    @Test
    void twoVcpusInOnePageDoNotDisturbEachOther() throws Exception {
        for (int vcpu = 0; vcpu < 2; vcpu++) {
            vm.vcpu(vcpu).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + AT + 0x100 * vcpu | 1);
            vm.vcpu(vcpu).run(() -> {});
        }
        CompletableFuture<Void> stop = new CompletableFuture<>();
        Future<Integer> watcher = threads.submit(() -> watch(1, stop));
        Future<?> first = threads.submit(() -> updates(0));
        try {
            updates(1);
            first.get();
        } finally {
            stop.complete(null);
        }
        watcher.get();
        for (int vcpu = 0; vcpu < 2; vcpu++) {
            int version = (int) INT.getAcquire(page, AT + 0x100 * vcpu);
            assertThat(version).isEven().isGreaterThanOrEqualTo(2 * UPDATES);
        }
    }

    /** The host takes the page away all the time; atomic replacements lose no update. */
    @Test
    void noUpdateIsLostWhileThePageIsReplaced() throws Exception {
        ByteBuffer other = ByteBuffer.allocateDirect(4096);
        vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + AT | 1);
        vm.vcpu(0).writeMsr(StealTime.MSR_STEAL_TIME, GPA + 1);
        vm.vcpu(0).run(() -> {});
        int before = (int) INT.getAcquire(page, AT);
        CompletableFuture<Void> stop = new CompletableFuture<>();
        Future<Integer> replacer = threads.submit(() -> {
            int replaced = 0;
            do { // at least once; bounded by the updates
                host.mapBuffer(HVA, ++replaced % 2 == 0 ? page : other, Protection.READ_WRITE);
                steal.preempted(vm.vcpu(0));
            } while (!stop.isDone());
            return replaced;
        });
        int updates = UPDATES / 5;
        try {
            for (int i = 0; i < updates; i++) { // each run makes one write
                clock.requestUpdate(vm.vcpu(0));
                vm.vcpu(0).run(() -> {});
            }
        } finally {
            stop.complete(null);
        }
        assertThat(replacer.get()).isPositive();
        int made = (int) INT.getAcquire(page, AT) - before + (int) INT.getAcquire(other, AT);
        assertThat(made).isEqualTo(2 * updates);
    }

    /** Requests raised while the vCPU enters are served by this entry or the next, never dropped. */
    @Test
    void noRequestIsLostWhileTheVcpuRuns() throws Exception {
        vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA + AT | 1);
        vm.vcpu(0).run(() -> {});
        CompletableFuture<Void> stop = new CompletableFuture<>();
        Future<?> runner = threads.submit(() -> {
            while (!stop.isDone()) { // bounded by the settings below
                vm.vcpu(0).run(() -> {});
            }
        });
        try {
            for (int i = 1; i <= UPDATES / 50; i++) { // each setting must show
                long nanos = i * 1_000_000_000_000L;
                clock.setClock(nanos);
                long deadline = System.nanoTime() + 60_000_000_000L;
                while (guest(AT).read().time().systemTime() < nanos) { // bounded by the deadline
                    assertThat(System.nanoTime() - deadline).as("setting %d never showed", i).isNegative();
                    Thread.yield();
                }
            }
        } finally {
            stop.complete(null);
        }
        runner.get();
    }
}
