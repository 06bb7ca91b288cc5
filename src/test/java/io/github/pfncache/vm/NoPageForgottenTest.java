package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.host.RewindRange;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** No page that was written is missing from a copy, whatever else happens between two looks at the log. */
class NoPageForgottenTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x10000;
    private static final long OTHER_GPA = 0x20000;
    private static final long OTHER_GFN = 0x20;

    private static void write(Vm vm, long gpa, int value) {
        assertThat(vm.guestMemory().write(gpa, new byte[] {(byte) value})).isEqualTo(1);
    }

    private static int read(Vm vm, long gpa) {
        byte[] into = new byte[1];
        assertThat(vm.guestMemory().read(gpa, into)).isEqualTo(1);
        return into[0];
    }

    private static List<Long> deliver(DirtyLogFollower log) {
        List<Long> pages = new ArrayList<>();
        log.deliver(pages::add);
        return pages;
    }

    private static void addBothOverOneFile(Vm vm) {
        HostFile file = vm.host().createFile(1);
        vm.ram().add(0, 0, GPA, file);
        vm.ram().add(1, 0, OTHER_GPA, file);
    }

    @Test
    void aReaderThatComesLaterGetsWhatAVcpuHeldAllTheTime() throws Exception {
        try (Vm vm = Vm.builder().slotChangeTimeout(Duration.ofMillis(20)).build()) {
            vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 2);
            DirtyLogFollower early = vm.followDirtyLog();
            assertThat(early.deliver(gfn -> true).complete()).isTrue();
            CountDownLatch held = new CountDownLatch(1);
            CountDownLatch copied = new CountDownLatch(1);
            Thread cpu = new Thread(() -> {
                GuestMode mode = vm.newGuestMode(page -> {});
                mode.enter();
                HeldPage page = mode.hold(GPA, true);
                held.countDown();
                awaitQuietly(copied);
                page.bytes().put(0, (byte) 42);
                mode.poll();
                mode.leave();
            });
            cpu.start();
            held.await();
            DirtyLogFollower.Round unsettled = early.deliver(gfn -> true);
            DirtyLogFollower late = vm.followDirtyLog();
            deliver(late);
            copied.countDown();
            cpu.join();

            assertThat(unsettled.complete()).isFalse();
            assertThat(deliver(late)).containsExactly(GPA / PAGE);
            assertThat(deliver(early)).containsExactly(GPA / PAGE);
            assertThat(late.deliver(gfn -> true)).isEqualTo(new DirtyLogFollower.Round(0, 0, true));
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aSlotThatMovedAndWentLeavesItsMarksToThoseThatShowTheSame() {
        try (Vm vm = Vm.builder().build();
                DirtyLogFollower log = vm.followDirtyLog()) {
            addBothOverOneFile(vm);
            deliver(log);
            assertThat(deliver(log)).isEmpty();
            write(vm, GPA, 42);
            vm.memslots().move(0, 0x30000);
            vm.ram().remove(0);

            assertThat(deliver(log)).containsExactly(OTHER_GFN);
        }
    }

    @Test
    void aRangeMayComeUponWhatAnEarlierOneMade() {
        try (Vm vm = Vm.builder().build()) {
            vm.ram().add(0, 0, GPA, 1);
            vm.ram().add(1, 0, OTHER_GPA, 1);
            write(vm, GPA, 7);
            try (RamSnapshot snapshot = vm.ram().snapshot()) {
                vm.ram().remove(0);
                vm.ram().remove(1);
                addBothOverOneFile(vm);

                assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
                assertThat(read(vm, GPA)).as("the last range decides").isZero();
            }
        }
    }

    @Test
    void aPageThatWouldGetTwoContentsIsRefused() {
        try (HostMemory host = HostMemory.builder().build()) {
            long full = mapped(host, 1);
            long empty = mapped(host, 1);
            long target = mapped(host, 1);
            host.copyToUser(full, new byte[] {7}, 0, 1);
            try (HostMemory snapshot = host.snapshot()) {
                List<Long> told = new ArrayList<>();
                List<RewindRange> ranges = List.of(
                        new RewindRange(full, target, 1), new RewindRange(empty, target, 1));

                assertThat(host.rewind(snapshot, ranges, told::add)).isEqualTo(HostResult.EINVAL);
                assertThat(told).isEmpty();
                assertThat(host.framesInUse()).as("nothing has changed").isEqualTo(1);
            }
        }
    }

    private static long mapped(HostMemory host, int npages) {
        long hva = host.reserve(npages);
        assertThat(host.mapAnonymous(hva, npages, Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        return hva;
    }

    @Test
    void everyChangedPageIsToldThoughTheFirstEndsInAnError() {
        try (HostMemory host = HostMemory.builder().build()) {
            long hva = mapped(host, 4);
            try (HostMemory snapshot = host.snapshot()) {
                for (int page = 0; page < 4; page++) {
                    host.copyToUser(hva + page * PAGE, new byte[] {7}, 0, 1);
                }
                List<Long> told = new ArrayList<>();
                OutOfMemoryError failure = new OutOfMemoryError("told once");

                assertThatThrownBy(() -> host.rewind(snapshot, List.of(new RewindRange(hva, hva, 4)), page -> {
                            told.add(page);
                            if (told.size() == 1) {
                                throw failure;
                            }
                        }))
                        .isSameAs(failure);
                assertThat(told).hasSize(4);
            }
        }
    }

    @Test
    void thatMarksWereForgottenIsToldAgainAfterAFailure() {
        try (Vm vm = Vm.builder().build();
                DirtyReader reader = vm.memslots().newDirtyReader()) {
            for (int i = 0; i < 1100; i++) { // more than a reader remembers
                assertThat(vm.ram().add(1, 0, OTHER_GPA, 1)).isEqualTo(Memslots.Change.DONE);
                write(vm, OTHER_GPA, 1);
                vm.ram().remove(1);
            }
            IllegalStateException failure = new IllegalStateException("copy failed");

            assertThatThrownBy(() -> reader.harvest((slot, pages) -> {
                        throw failure;
                    }))
                    .isSameAs(failure);
            assertThat(reader.harvest((slot, pages) -> {})).isFalse();
            assertThat(reader.harvest((slot, pages) -> {})).isTrue();
        }
    }
}
