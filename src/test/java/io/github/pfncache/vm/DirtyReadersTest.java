package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.Memslots.HarvestStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several readers of one dirty log, followers and harvests: each gets every page. */
class DirtyReadersTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long GFN = 0x100;
    private static final int NPAGES = 64;

    private static Vm vm(int ringEntries, int flags) {
        Vm vm = Vm.builder().vcpus(2).dirtyRing(ringEntries).build();
        vm.ram().add(0, flags, GPA, NPAGES);
        return vm;
    }

    private static void write(Vm vm, long page) {
        assertThat(vm.guestMemory().write(GPA + page * PAGE, new byte[] {1})).isEqualTo(1);
    }

    private static void writeOnVcpu(Vm vm, long page) {
        vm.vcpu(0).run(() -> write(vm, page));
    }

    private static List<Long> deliver(DirtyLogFollower log) {
        List<Long> pages = new ArrayList<>();
        assertThat(log.deliver(gfn -> pages.add(gfn - GFN)).complete()).isTrue();
        return pages;
    }

    private static DirtyBitmap.Harvest harvest(Vm vm) {
        return (vm.vcpu(0).dirtyRing() == null
                        ? vm.memslots().harvestDirty(0)
                        : vm.memslots().harvestDirtyOutsideRings(0))
                .harvest();
    }

    private static long[] dirty(Vm vm) {
        return harvest(vm).pages();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aDisplayAndTwoMigrationsHaveEachPage(int ringEntries) {
        Vm vm = vm(ringEntries, Memslot.FLAG_LOG_DIRTY_PAGES);
        try (DirtyLogFollower first = vm.followDirtyLog();
                DirtyLogFollower second = vm.followDirtyLog()) {
            assertThat(deliver(first)).hasSize(NPAGES);
            assertThat(deliver(second)).hasSize(NPAGES);
            assertThat(dirty(vm)).isEmpty();
            write(vm, 3);
            assertThat(dirty(vm)).as("the display is first").containsExactly(3);
            assertThat(deliver(first)).containsExactly(3L);
            writeOnVcpu(vm, 5);
            assertThat(deliver(first)).containsExactly(5L);
            assertThat(deliver(first)).isEmpty();
            assertThat(deliver(second)).containsExactly(3L, 5L);
            assertThat(dirty(vm)).containsExactly(5);
            assertThat(dirty(vm)).isEmpty();
            assertThat(deliver(second)).isEmpty();
        }
    }

    /** A page that a vCPU holds raw is marked by the hold: a reader takes it back, so that the next hold marks it. */
    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void whatIsWrittenRawIsForAllOfThemToo(int ringEntries) {
        Vm vm = vm(ringEntries, Memslot.FLAG_LOG_DIRTY_PAGES);
        GuestMode mode = vm.newGuestMode(gpa -> {});
        vm.vcpu(0).setGuestMode(mode);
        try (DirtyLogFollower first = vm.followDirtyLog();
                DirtyLogFollower second = vm.followDirtyLog()) {
            deliver(first);
            deliver(second);
            for (int round = 0; round < 3; round++) {
                vm.vcpu(0).run(() ->
                        assertThat(mode.hold(GPA + 4 * PAGE, true).outcome()).isEqualTo(Outcome.OK));
                assertThat(deliver(first)).containsExactly(4L);
                assertThat(dirty(vm)).containsExactly(4);
                assertThat(deliver(second)).containsExactly(4L);
                assertThat(deliver(second)).isEmpty();
            }
        }
        mode.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void whatOnePutsBackIsItsOwn(int ringEntries) {
        Vm vm = vm(ringEntries, Memslot.FLAG_LOG_DIRTY_PAGES);
        try (DirtyLogFollower first = vm.followDirtyLog();
                DirtyLogFollower second = vm.followDirtyLog()) {
            deliver(first);
            deliver(second);
            write(vm, 7);
            harvest(vm).putBack();
            assertThat(first.deliver(gfn -> false).putBack()).isEqualTo(1);
            assertThat(deliver(second)).containsExactly(7L);
            assertThat(deliver(second)).isEmpty();
            assertThat(dirty(vm)).containsExactly(7);
            assertThat(dirty(vm)).isEmpty();
            assertThat(deliver(first)).containsExactly(7L);
        }
    }

    @Test
    void whoReadsTheRingsHimselfHasEachPageToo() {
        Vm vm = vm(128, Memslot.FLAG_LOG_DIRTY_PAGES);
        DirtyRing ring = vm.vcpu(0).dirtyRing();
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            writeOnVcpu(vm, 1);
            assertThat(ring.entries()).containsExactly(new DirtyRing.Entry(0, 1));
            assertThat(ring.reset()).isEqualTo(1);
            writeOnVcpu(vm, 2);
            assertThat(deliver(log)).containsExactly(1L, 2L);
            assertThat(ring.entries()).isEmpty();
            assertThat(dirty(vm)).as("what the follower found in the ring").containsExactly(2);
        }
        writeOnVcpu(vm, 3);
        assertThat(ring.entries()).containsExactly(new DirtyRing.Entry(0, 3));
        assertThat(dirty(vm)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aLogThatIsOnForReadersGoesWithTheLastOfThem(int ringEntries) {
        Vm vm = vm(ringEntries, 0);
        DirtyLogFollower first = vm.followDirtyLog();
        DirtyLogFollower second = vm.followDirtyLog();
        deliver(first);
        deliver(second);
        first.close();
        write(vm, 9);
        assertThat(deliver(second)).as("not everything again").containsExactly(9L);
        first.close();
        vm.memslots().set(1, 0, 2 * GPA, PAGE, 0x7000_0000L);
        assertThat(vm.memslots().table()).allMatch(Memslot::logsDirtyPages);
        second.close();
        assertThat(vm.memslots().table()).noneMatch(Memslot::logsDirtyPages);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aLogThatSomebodyHasAskedForStaysOn(int ringEntries) {
        Vm vm = vm(ringEntries, 0);
        try (DirtyLogFollower log = vm.followDirtyLog()) {
            deliver(log);
            assertThat(vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES)).isEqualTo(Change.UNCHANGED);
            vm.memslots().move(0, 2 * GPA);
        }
        assertThat(vm.memslots().table()).allMatch(Memslot::logsDirtyPages);
        assertThat(vm.memslots().harvestDirty(0).status())
                .isEqualTo(ringEntries == 0 ? HarvestStatus.OK : HarvestStatus.OTHER_MODE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aDeliveryThatThrowsLosesNothingForAnybody(int ringEntries) {
        Vm vm = vm(ringEntries, 0);
        boolean[] fails = {true};
        Memslot slot = vm.memslots().table().byId(0);
        vm.host().registerFaultHandler(
                HvaRange.ofPages(slot.hva(), 1),
                fault -> {
                    if (fails[0]) {
                        throw new IllegalStateException("no source");
                    }
                    return PageFaultHandler.Decision.RESOLVE;
                },
                true,
                false);
        try (DirtyLogFollower log = vm.followDirtyLog();
                DirtyLogFollower other = vm.followDirtyLog()) {
            assertThatThrownBy(() -> log.deliver(gfn -> vm.guestMemory().read(gfn * PAGE, new byte[1]) == 1))
                    .hasMessage("no source");
            write(vm, 2);
            fails[0] = false;
            assertThat(deliver(log)).hasSize(NPAGES);
            assertThat(deliver(other)).hasSize(NPAGES);
            assertThat(vm.ram().remove(0)).as("nothing is held").isEqualTo(Change.DONE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void aDeliveryDoesNotDeliverAndMayClose(int ringEntries) {
        Vm vm = vm(ringEntries, Memslot.FLAG_LOG_DIRTY_PAGES); // with which the slot stays as it is
        DirtyLogFollower log = vm.followDirtyLog();
        assertThatIllegalStateException().isThrownBy(() -> log.deliver(gfn -> log.deliver(again -> true).complete()));
        assertThat(deliver(log)).hasSize(NPAGES);
        write(vm, 1);
        write(vm, 2);
        DirtyLogFollower.Round round = log.deliver(gfn -> {
            log.close();
            return true;
        });
        assertThat(round).isEqualTo(new DirtyLogFollower.Round(1, 0, false));
        assertThatIllegalStateException().isThrownBy(() -> log.deliver(gfn -> true)).withMessageContaining("closed");
        log.close();
    }

    /** Writers, slots that come and go, three readers; in the end every reader's copy is the guest's memory. */
    @ParameterizedTest
    @ValueSource(ints = {0, 128})
    void allReadersAtOnceAreComplete(int ringEntries) throws InterruptedException, ExecutionException {
        Vm vm = vm(ringEntries, Memslot.FLAG_LOG_DIRTY_PAGES);
        AtomicBoolean stop = new AtomicBoolean();
        byte[] display = new byte[NPAGES];
        byte[][] copies = new byte[2][NPAGES];
        List<DirtyLogFollower> logs = List.of(vm.followDirtyLog(), vm.followDirtyLog());
        ExecutorService pool = Executors.newFixedThreadPool(5);
        try {
            List<Future<?>> readers = new ArrayList<>();
            List<Future<?>> writers = new ArrayList<>();
            for (int w = 0; w < 2; w++) {
                int id = w;
                writers.add(pool.submit(() -> {
                    for (int i = 0; i < 4000; i++) {
                        int page = i * 7 % (NPAGES / 2) * 2 + id;
                        byte[] value = {(byte) i};
                        vm.vcpu(id).run(() -> vm.guestMemory().write(GPA + (long) page * PAGE, value));
                    }
                }));
            }
            for (int r = 0; r < 2; r++) {
                int id = r;
                readers.add(pool.submit(() -> {
                    while (!stop.get()) { // until the writers are done
                        logs.get(id).deliver(gfn -> copy(vm, copies[id], (int) (gfn - GFN)));
                    }
                }));
            }
            readers.add(pool.submit(() -> {
                while (!stop.get()) { // until the writers are done
                    display(vm, display);
                }
            }));
            for (Future<?> writer : writers) {
                writer.get();
            }
            stop.set(true);
            for (Future<?> reader : readers) {
                reader.get();
            }
            byte[] memory = new byte[NPAGES];
            for (int page = 0; page < NPAGES; page++) {
                copy(vm, memory, page);
            }
            for (int r = 0; r < 2; r++) {
                int id = r;
                logs.get(id).deliver(gfn -> copy(vm, copies[id], (int) (gfn - GFN)));
                assertThat(copies[id]).isEqualTo(memory);
            }
            display(vm, display);
            assertThat(display).isEqualTo(memory);
        } finally {
            stop.set(true);
            pool.shutdown();
            logs.forEach(DirtyLogFollower::close);
        }
    }

    private static boolean copy(Vm vm, byte[] into, int page) {
        byte[] one = new byte[1];
        assertThat(vm.guestMemory().read(GPA + (long) page * PAGE, one)).isEqualTo(1);
        into[page] = one[0];
        return true;
    }

    private static void display(Vm vm, byte[] into) {
        TreeSet<Long> pages = new TreeSet<>();
        for (Vcpu vcpu : vm.vcpus()) {
            if (vcpu.dirtyRing() != null) {
                vcpu.dirtyRing().entries().forEach(entry -> pages.add(entry.page()));
                vcpu.dirtyRing().reset();
            }
        }
        Arrays.stream(dirty(vm)).forEach(pages::add); // last: what left a ring by another's hand is there
        pages.forEach(page -> copy(vm, into, page.intValue()));
    }

    /** A log that is on already may be on for a change that still waits, and that is taken back. */
    @Test
    void aReaderIsToldThatItFollowsWhenNothingIsWrittenWithoutAMark() throws Exception {
        try (Vm machine = Vm.builder().slotChangeTimeout(Duration.ofMillis(50)).build()) {
            machine.ram().add(0, 0, 0x10000, 2);
            GuestMode mode = machine.newGuestMode(gpa -> { });
            CountDownLatch held = new CountDownLatch(1);
            CountDownLatch end = new CountDownLatch(1);
            Thread vcpu = new Thread(() -> {
                mode.enter();
                HeldPage page = mode.hold(0x10000, true);
                held.countDown();
                try {
                    end.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                page.bytes().put(0, (byte) 2); // no poll so far: it may write
                mode.leave();
            });
            vcpu.start();
            held.await();
            DirtyReader first = machine.memslots().newDirtyReader();
            DirtyReader second = machine.memslots().newDirtyReader();
            Memslot before = machine.memslots().table().byId(0);
            Thread turnsOn = new Thread(() -> first.follow(before));
            turnsOn.start();
            while (!machine.memslots().table().byId(0).logsDirtyPages() && turnsOn.isAlive()) { // by its deadline
                Thread.onSpinWait();
            }
            Memslot followed = second.follow(machine.memslots().table().byId(0));
            turnsOn.join();
            end.countDown();
            vcpu.join();
            List<Long> marked = new ArrayList<>();
            second.harvest((slot, pages) -> Arrays.stream(pages).forEach(marked::add));
            assertThat(followed == null || marked.contains(0L)).as("followed %s, marked %s", followed, marked).isTrue();
            first.close();
            second.close();
            mode.close();
        }
    }
}
