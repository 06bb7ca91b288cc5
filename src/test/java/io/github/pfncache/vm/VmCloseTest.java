package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.CacheStats;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The end of a VM: what is given back, what answers afterwards, what is named because it is still in use. */
class VmCloseTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();

    private Vm vm() {
        RetryPolicy retry = new RetryPolicy(8, Duration.ofMillis(20));
        Vm vm = Vm.builder().host(host).retry(retry).slotChangeTimeout(Duration.ofMillis(20)).vcpus(2).build();
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 4);
        return vm;
    }

    private void assertNothingIsLeft() {
        assertThat(host.framesInUse()).isZero();
        assertThat(host.liveMappings()).isZero();
        assertThat(host.mappingOwners()).isZero();
        host.audit();
    }

    @Test
    void everythingIsGivenBackAndEverythingAnswers() {
        Vm vm = vm();
        vm.host().mapAnonymous(HVA, 1, Protection.READ_WRITE);
        vm.memslots().set(1, 0, 2 * GPA, PAGE, HVA); // the caller's own
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        GfnPfnCache byHva = vm.newCache(8);
        byHva.activateHva(HVA);
        GuestArea area = vm.newArea();
        area.activate(GPA + PAGE - 4, 8);
        List<Outcome> why = new ArrayList<>();
        GuestTlb tlb = vm.newTlb(new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome reason) {
                why.add(reason);
                return 5;
            }

            @Override
            public void store(long gpa, int width, long value, Outcome reason) {
                why.add(reason);
            }
        });
        tlb.storeLong(GPA + 2 * PAGE, 1);
        assertThat(vm.stillOpen()).hasSizeGreaterThanOrEqualTo(4);

        vm.close();
        vm.close();
        assertThat(vm.isClosed()).isTrue();
        assertThat(vm.stillOpen()).isEmpty();
        assertThat(vm.memslots().table()).isEmpty();
        assertThat(cache.loadLong(0, -1)).isEqualTo(-1);
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.INACTIVE);
        assertThat(cache.refresh()).isEqualTo(Outcome.INACTIVE);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.INACTIVE);
        assertThat(vm.newCache(8).activateHva(HVA)).isEqualTo(Outcome.INACTIVE);
        assertThat(byHva.storeLong(0, 1)).isEqualTo(Outcome.INACTIVE);
        assertThat(area.access().outcome()).isEqualTo(Outcome.INACTIVE);
        assertThat(area.activate(GPA, 8)).isEqualTo(Outcome.INACTIVE);
        assertThat(tlb.loadLong(GPA + 2 * PAGE)).isEqualTo(5);
        tlb.storeLong(GPA + 2 * PAGE, 1);
        assertThat(why).hasSize(2).doesNotContain(Outcome.OK);
        assertThat(vm.guestMemory().read(GPA, new byte[1])).isZero();
        assertThat(vm.guestMemory().write(2 * GPA, new byte[1])).isZero();
        assertThat(vm.vcpu(0).run(() -> {
            throw new AssertionError("entered");
        })).isEqualTo(Vcpu.Exit.INTERRUPTED);
        assertThatIllegalStateException().isThrownBy(() -> vm.ram().add(0, 0, GPA, 1)).withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(vm::followDirtyLog).withMessageContaining("closed");
        assertThat(vm.ram().remove(0)).isEqualTo(Change.UNCHANGED);
        cache.deactivate();
        area.deactivate();
        tlb.deactivate();
        VmAudit.atRest(vm);
        host.unmap(HVA, 1);
        assertNothingIsLeft();
    }

    @Test
    void aHostOfItsOwnIsClosedAndASharedOneIsNot() {
        Vm own = Vm.builder().build();
        own.close();
        assertThatIllegalStateException().isThrownBy(() -> own.host().mapAnonymous(HVA, 1, Protection.READ));
        vm().close();
        host.mapAnonymous(HVA, 1, Protection.READ);
        host.unmap(HVA, 1);
        assertNothingIsLeft();
    }

    @Test
    void aHostOfItsOwnStaysOpenAsLongAsSomethingIsInUse() {
        Vm own = Vm.builder().slotChangeTimeout(Duration.ofMillis(20)).build();
        own.ram().add(0, 0, GPA, 1);
        int token = own.memslots().enterRead();
        assertThatIllegalStateException().isThrownBy(own::close).withMessageContaining("slot 0");
        assertThat(own.guestMemory().write(GPA, new byte[] {1})).isOne();
        own.memslots().exitRead(token);
        own.close();
        assertThatIllegalStateException().isThrownBy(() -> own.host().mapAnonymous(HVA, 1, Protection.READ));
    }

    @Test
    void theHostTellsAVmAsLongAsItsMemoryIsInUse() throws InterruptedException {
        Vm vm = vm();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        CountDownLatch open = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Thread user = new Thread(() -> {
            try (GuestAccess access = cache.access()) {
                open.countDown();
                end.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        user.start();
        open.await();
        assertThatIllegalStateException().isThrownBy(vm::close);
        assertThat(host.mappingOwners()).isOne();
        end.countDown();
        user.join();
        vm.close();
        assertNothingIsLeft();
    }

    private void atTheNextInvalidation(Runnable call) {
        boolean[] done = {false};
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                boolean first = !done[0];
                done[0] = true;
                if (first) {
                    call.run();
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        });
    }

    @Test
    void whatComesInWhileItIsClosedIsGivenBack() {
        Vm vm = Vm.builder().host(host).build();
        atTheNextInvalidation(vm::close);
        assertThatIllegalStateException().isThrownBy(() -> vm.ram().add(0, 0, GPA, 1)).withMessageContaining("closed");
        assertThat(vm.memslots().table().size()).isZero();
        assertThat(vm.ram()).hasToString("RAM in slots {}");
        assertNothingIsLeft();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aHandlerThatThrowsWhenItIsToldKeepsNothingOpen(boolean error) {
        Vm vm = vm();
        vm.ram().add(1, 0, 2 * GPA, 1);
        vm.ram().add(2, 0, 3 * GPA, 1);
        host.registerFaultHandler(HvaRange.WHOLE, new UnmapListener(range -> {
            if (error) {
                throw new AssertionError(range.toString());
            }
            throw new UnsupportedOperationException(range.toString());
        }), false, false);
        Throwable thrown = catchThrowable(vm::close);
        assertThat(thrown).isInstanceOf(error ? AssertionError.class : UnsupportedOperationException.class);
        assertThat(thrown.getSuppressed()).as("of the other slots").hasSize(2);
        assertNothingIsLeft();
        vm.close();
    }

    /** A number that was used again by other means: both the slot and the memory that was added go. */
    @Test
    void whatTookTheNumberGoesToo() {
        Vm vm = Vm.builder().host(host).build();
        vm.ram().add(0, 0, GPA, 1);
        vm.memslots().delete(0);
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, PAGE, HVA);
        vm.close();
        assertThat(vm.memslots().table().size()).isZero();
        host.unmap(HVA, 1);
        assertNothingIsLeft();
    }

    /** Of another VM on the same host: memory that is not given back is named. */
    @Test
    void memoryThatAnotherVmsVcpuHoldsIsNamed() throws InterruptedException, ExecutionException {
        Vm vm = Vm.builder().host(host).build();
        Vm other = Vm.builder().host(host).build();
        vm.ram().add(0, 0, GPA, 1);
        other.memslots().set(3, 0, GPA, PAGE, vm.memslots().table().byId(0).hva());
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try (GuestMode mode = other.newGuestMode(gpa -> {})) {
            mode.enter();
            assertThat(mode.hold(GPA, true).outcome()).isEqualTo(Outcome.OK);
            Throwable refused = pool.submit(() -> catchThrowable(vm::close)).get();
            assertThat(refused).isInstanceOf(IllegalStateException.class).hasMessageContaining("still in use");
            mode.poll();
            pool.submit(vm::close).get();
            mode.leave();
        } finally {
            pool.shutdown();
        }
        other.close();
        assertNothingIsLeft();
    }

    @Test
    void nothingBeginsOnceItIsBeingClosed() {
        Vm vm = vm();
        List<Throwable> refused = new ArrayList<>();
        atTheNextInvalidation(() -> {
            refused.add(catchThrowable(() -> vm.ram().add(1, 0, 2 * GPA, 1)));
            refused.add(catchThrowable(vm::followDirtyLog));
        });
        vm.close();
        assertThat(refused).hasSize(2).allSatisfy(each -> assertThat(each).hasMessageContaining("closed"));
        assertThat(vm.stillOpen()).isEmpty();
        assertNothingIsLeft();
    }

    @Test
    void aHostHearsNothingOfTenThousandVmsThatWereClosed() {
        Vm left = vm();
        CacheStats before = left.caches().stats();
        for (int i = 0; i < 10_000; i++) {
            Vm.builder().host(host).build().close();
        }
        assertThat(host.mappingOwners()).isEqualTo(1);
        Vm closed = vm();
        closed.close();
        long told = closed.caches().stats().invalidations();
        host.discard(left.memslots().table().byId(0).hva(), 1);
        assertThat(closed.caches().stats().invalidations()).isEqualTo(told);
        assertThat(left.caches().stats().invalidations()).isGreaterThan(before.invalidations());
        left.close();
        assertNothingIsLeft();
    }

    @Test
    void aFollowerIsClosedAndASnapshotIsLeftAlone() {
        Vm vm = vm();
        vm.guestMemory().write(GPA, new byte[] {7});
        DirtyLogFollower log = vm.followDirtyLog();
        log.deliver(gfn -> true);
        RamSnapshot snapshot = vm.ram().snapshot();
        assertThat(vm.stillOpen()).hasSize(2);
        vm.close();
        assertThatIllegalStateException().isThrownBy(() -> log.deliver(gfn -> true)).withMessageContaining("closed");
        log.close();
        assertThat(vm.stillOpen()).singleElement().asString().contains("snapshot of [slot 0");
        byte[] past = new byte[1];
        assertThat(snapshot.read(GPA, past)).isEqualTo(1);
        assertThat(past[0]).isEqualTo((byte) 7);
        assertThatIllegalStateException().isThrownBy(() -> vm.ram().rewind(snapshot));
        snapshot.close();
        assertThat(vm.stillOpen()).isEmpty();
        assertNothingIsLeft();
    }

    @Test
    void whatIsStillInUseIsNamedAndASecondCallFindsItEnded() throws InterruptedException, ExecutionException {
        Vm vm = vm();
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        CountDownLatch open = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Future<?> reader = pool.submit(() -> {
                int token = vm.memslots().enterRead();
                try {
                    open.countDown();
                    end.await();
                } finally {
                    vm.memslots().exitRead(token);
                }
                return null;
            });
            open.await();
            assertThatIllegalStateException().isThrownBy(vm::close).withMessageContaining("slot 0");
            assertThat(cache.storeLong(0, 1)).as("the rest is done").isEqualTo(Outcome.INACTIVE);
            end.countDown();
            reader.get();
            vm.close();
            assertNothingIsLeft();
        } finally {
            end.countDown();
            pool.shutdown();
        }
    }

    @Test
    void insideAFaultHandlerItDoesWhatItCan() {
        Vm vm = vm();
        GfnPfnCache other = vm.newCache(8);
        other.activate(GPA + PAGE);
        List<Throwable> seen = new ArrayList<>();
        PageFaultHandler handler = fault -> {
            try {
                vm.close();
            } catch (IllegalStateException e) {
                seen.add(e);
            }
            return PageFaultHandler.Decision.RESOLVE;
        };
        host.registerFaultHandler(HvaRange.ofPages(vm.memslots().table().byId(0).hva(), 1), handler, true, false);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        assertThat(seen).singleElement().asString().contains("still in use");
        assertThat(other.storeLong(0, 1)).isEqualTo(Outcome.INACTIVE);
        host.unregisterFaultHandler(handler);
        vm.close();
        assertThat(cache.storeLong(0, 1)).isEqualTo(Outcome.INACTIVE);
        assertNothingIsLeft();
    }

    @Test
    void aPageThatAVcpuHoldsIsGivenBackAndCannotBeHeldAgain() throws InterruptedException, ExecutionException {
        Vm vm = vm();
        GuestMode mode = vm.newGuestMode(gpa -> {});
        mode.enter();
        assertThat(mode.hold(GPA, true).outcome()).isEqualTo(Outcome.OK);
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Throwable refused = pool.submit(() -> catchThrowable(vm::close)).get();
            assertThat(refused).as("it does not poll").hasMessageContaining("GuestMode");
            mode.poll();
            assertThat(mode.drops()).isEqualTo(1);
            pool.submit(vm::close).get();
        } finally {
            pool.shutdown();
        }
        assertThat(mode.hold(GPA, true).outcome()).isEqualTo(Outcome.FAULT);
        mode.leave();
        vm.memslots().set(0, 0, GPA, PAGE, HVA); // nobody should; but nobody would be told to give it back
        host.mapAnonymous(HVA, 1, Protection.READ_WRITE);
        mode.enter();
        assertThat(mode.hold(GPA, true).outcome()).isEqualTo(Outcome.FAULT);
        mode.leave();
        mode.close();
        host.unmap(HVA, 1);
        assertNothingIsLeft();
    }

    @Test
    void vcpusThatRunMeetItAndGoHome() throws InterruptedException, ExecutionException {
        Vm vm = vm();
        ExecutorService pool = Executors.newFixedThreadPool(2);
        CountDownLatch running = new CountDownLatch(2);
        try {
            List<Future<Long>> vcpus = new ArrayList<>();
            for (Vcpu vcpu : vm.vcpus()) {
                vcpus.add(pool.submit(() -> {
                    GfnPfnCache cache = vm.newCache(8);
                    cache.activate(GPA + (long) vcpu.id() * PAGE);
                    long stores = 0;
                    while (vcpu.run(() -> cache.storeLong(0, 1)) == Vcpu.Exit.GUEST) { // until the VM is closed
                        if (stores++ == 100) {
                            running.countDown();
                        }
                        try (GuestAccess access = cache.access()) {
                            // FAULT where a call has taken the slot out, but could not wait for this thread's cache.
                            assertThat(access.outcome())
                                    .isIn(Outcome.OK, Outcome.BUSY, Outcome.INACTIVE, Outcome.FAULT);
                        }
                    }
                    return stores;
                }));
            }
            running.await();
            while (!isClosed(vm)) { // bounded by the vCPUs' runs
                Thread.onSpinWait();
            }
            for (Future<Long> vcpu : vcpus) {
                assertThat(vcpu.get()).isGreaterThan(100);
            }
            vm.close();
            assertNothingIsLeft();
        } finally {
            pool.shutdown();
        }
    }

    private static boolean isClosed(Vm vm) {
        try {
            vm.close();
            return true;
        } catch (IllegalStateException e) {
            assertThat(e).hasMessageContaining("still in use");
            return false;
        }
    }

    @Test
    void oneVmsSnapshotAndAuditAreOfItsOwnMemory() {
        HostMemory small = HostMemory.builder().chunkBytes(PAGE, PAGE).maxBytes(8 * PAGE).build();
        Vm one = Vm.builder().host(small).build();
        Vm other = Vm.builder().host(small).build();
        one.ram().add(0, 0, GPA, 2);
        byte[] full = new byte[64 * PAGE];
        java.util.Arrays.fill(full, (byte) 1);
        other.ram().add(0, 0, GPA, full);
        GfnPfnCache cache = one.newCache(8);
        GfnPfnCache theirs = other.newCache(8);
        cache.activate(GPA);
        theirs.activate(GPA);
        cache.storeLong(0, 1);
        long told = other.caches().stats().invalidated();
        HostPage busy = small.hvaToPage(other.memslots().table().byId(0).hva()); // the other VM need not be at rest
        try (RamSnapshot snapshot = one.ram().snapshot()) {
            assertThat(small.framesInUse()).as("64 pages of the other's would not fit").isEqualTo(1);
            cache.storeLong(0, 2);
            one.ram().rewind(snapshot);
            assertThat(cache.loadLong(0, -1)).isEqualTo(1);
            assertThat(other.caches().stats().invalidated()).as("nobody stood still for it").isEqualTo(told);
            VmAudit.atRest(one);
        }
        small.release(busy);
        one.close();
        VmAudit.atRest(other);
        small.audit();
        other.close();
        assertThat(small.framesInUse()).isZero();
    }

    @Test
    void aMappingThatNobodyOwnsIsFoundInItsOwnVmAlone() {
        Vm one = vm();
        Vm other = Vm.builder().host(host).build();
        GfnPfnCache cache = one.newCache(8);
        cache.activate(GPA);
        VmAudit.atRest(other);
        VmAudit.atRest(one);
        other.close();
        host.map(host.hvaToPage(one.memslots().table().byId(0).hva())); // alone now: the host's balance is its own
        assertThatThrownBy(() -> VmAudit.atRest(one)).hasMessageContaining("I5_BALANCE");
    }

    @Test
    void openFilesOfItsOwnHostAreNamed() {
        Vm vm = Vm.builder().build();
        HostFile file = vm.host().createFile(2);
        vm.ram().add(0, 0, GPA, file);
        HostFile reader = file.asReadOnly();
        reader.close();
        assertThat(vm.stillOpen()).containsExactly("file of 2 pages");
        assertThat(vm.guestMemory().write(GPA, new byte[] {1})).isOne();
        vm.close();
        assertThat(vm.stillOpen()).as("neither the VM nor its host ends it").containsExactly("file of 2 pages");
        assertThat(file.read(0, new byte[1])).isOne();
        file.close();
        assertThat(vm.stillOpen()).isEmpty();
        assertThat(vm.host().framesInUse()).isZero();
    }

    /** The first thing that a close does: what is activated after the look at the caches would be left. */
    @Test
    void nothingIsActivatedWhileACloseWaits() throws Exception {
        Vm vm = Vm.builder().host(host).retry(new RetryPolicy(8, Duration.ofMinutes(1))).build();
        vm.ram().add(0, 0, GPA, 1);
        GfnPfnCache used = vm.newCache(8);
        used.activate(GPA);
        GfnPfnCache late = vm.newCache(8);
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try (OpenAccess access = OpenAccess.to(used)) {
            Future<List<Object>> close = threads.submit(() -> vm.caches().close());
            while (late.activate(GPA) != Outcome.INACTIVE) { // bounded by the patience of the close
                late.deactivate();
            }
            assertThat(close).as("a close that waits for an access").isNotDone();
            access.end();
            assertThat(close.get()).isEmpty();
        } finally {
            threads.shutdown();
        }
        vm.close();
        assertNothingIsLeft();
    }
}
