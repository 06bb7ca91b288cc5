package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots.Change;
import io.github.pfncache.memslot.WriteWatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The next write of a page that holds translated code. */
class WriteWatchTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long GFN = 0x100;
    private static final int NPAGES = 64;

    private final Vm vm = Vm.builder().vcpus(2).build();
    private final WriteWatch watch = vm.memslots().newWriteWatch();

    WriteWatchTest() {
        vm.ram().add(0, 0, GPA, NPAGES);
    }

    @AfterEach
    void close() {
        watch.close();
        vm.close();
    }

    private static List<Long> take(WriteWatch from) {
        List<Long> pages = new ArrayList<>();
        from.take(gfn -> pages.add(gfn - GFN));
        return pages;
    }

    private void write(long page) {
        assertThat(vm.guestMemory().write(GPA + page * PAGE, new byte[] {1})).isEqualTo(1);
    }

    /** The ways that write a page. */
    enum Path {
        MEMORY((vm, gpa) -> vm.guestMemory().write(gpa, new byte[] {1})),
        FILL((vm, gpa) -> vm.guestMemory().fill(gpa, 8, (byte) 1)),
        AS_HOST((vm, gpa) -> vm.guestMemory().writeAsHost(gpa, new byte[] {1}, 0, 1)),
        STORE((vm, gpa) -> {
            GfnPfnCache cache = vm.newCache(8);
            cache.activate(gpa);
            cache.storeLong(0, 1);
            cache.deactivate();
        }),
        ACCESS((vm, gpa) -> {
            GfnPfnCache cache = vm.newCache(8);
            cache.activate(gpa);
            try (GuestAccess access = cache.access()) {
                access.putLong(0, 1);
            }
            cache.deactivate();
        }),
        AREA((vm, gpa) -> {
            GuestArea area = vm.newArea();
            area.activate(gpa - 4, 8);
            try (AreaAccess access = area.access()) {
                access.putLong(0, -1);
            }
            area.deactivate();
        }),
        TLB((vm, gpa) -> {
            try (GuestTlb tlb = vm.newTlb(new Nothing())) {
                tlb.storeLong(gpa, 1);
            }
        }),
        HELD((vm, gpa) -> {
            try (GuestMode mode = vm.newGuestMode(dropped -> {})) {
                mode.enter();
                mode.hold(gpa, true).bytes().putLong(0, 1);
                mode.leave();
            }
        });

        private final java.util.function.ObjLongConsumer<Vm> write;

        Path(java.util.function.ObjLongConsumer<Vm> write) {
            this.write = write;
        }
    }

    private static final class Nothing implements GuestTlb.Unbacked {
        @Override
        public long load(long gpa, int width, Outcome outcome) {
            throw new AssertionError(outcome);
        }

        @Override
        public void store(long gpa, int width, long value, Outcome outcome) {
            throw new AssertionError(outcome);
        }
    }

    @ParameterizedTest
    @EnumSource
    void eachWayToWriteIsToldOfOnce(Path path) {
        assertThat(watch.watch(GFN + 3)).isTrue();
        assertThat(watch.isDue()).isFalse();
        for (int round = 0; round < 3; round++) {
            path.write.accept(vm, GPA + 3 * PAGE);
            assertThat(watch.isDue()).isTrue();
            assertThat(take(watch)).containsExactly(3L);
            path.write.accept(vm, GPA + 3 * PAGE);
            assertThat(watch.isDue()).as("it is not watched any more").isFalse();
            assertThat(watch.watch(GFN + 3)).isTrue();
        }
        path.write.accept(vm, GPA + 9 * PAGE);
        assertThat(take(watch)).isEmpty();
    }

    @Test
    void aPageThatWasWrittenBeforeItIsWatchedIsToldOfTheNextTime() {
        vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        cache.storeLong(0, 1);
        assertThat(watch.watch(GFN)).isTrue();
        assertThat(watch.isDue()).isFalse();
        cache.storeLong(0, 2);
        assertThat(take(watch)).containsExactly(0L);
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).as("the log lacks nothing").containsExactly(0);
    }

    /** A page that a vCPU writes raw is taken back, and held again before it is written again. */
    @Test
    void whatAVcpuHoldsForWritingIsTakenBackAndToldOfBeforeItIsWritten() {
        AtomicLong drops = new AtomicLong();
        try (GuestMode mode = vm.newGuestMode(gpa -> drops.incrementAndGet())) {
            mode.enter();
            HeldPage page = mode.hold(GPA, true);
            mode.leave();
            assertThat(watch.watch(GFN)).isTrue();
            mode.enter();
            assertThat(drops).hasValue(1);
            assertThat(page.isHeld()).isFalse();
            HeldPage again = mode.hold(GPA, true);
            assertThat(watch.isDue()).as("before a byte is written").isTrue();
            assertThat(again.isHeld()).isTrue();
            mode.leave();
        }
    }

    /** Inside, a vCPU would wait for itself. */
    @Test
    void aVcpuThatDoesNotGiveAPageBackMeansThatThePageIsNotWatched() throws Exception {
        Vm impatient = Vm.builder().slotChangeTimeout(java.time.Duration.ofMillis(20)).build();
        impatient.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 1);
        WriteWatch other = impatient.memslots().newWriteWatch();
        GuestMode mode = impatient.newGuestMode(gpa -> {});
        mode.enter();
        mode.hold(GPA, true);
        AtomicBoolean watched = new AtomicBoolean(true);
        Thread translator = new Thread(() -> watched.set(other.watch(GFN)));
        translator.start();
        translator.join();
        assertThat(watched).isFalse();
        List<Long> read = new ArrayList<>();
        DirtyReader late = impatient.memslots().newDirtyReader();
        Thread follower = new Thread(() -> {
            impatient.memslots().table().forEach(late::follow);
            late.harvest((slot, pages) -> read.add(pages[0]));
        });
        follower.start();
        follower.join();
        assertThat(read).as("of who copies from now on").containsExactly(0L);
        late.close();
        mode.leave();
        assertThat(impatient.memslots().harvestDirty(0).harvest().pages()).as("marked again").containsExactly(0);
        impatient.guestMemory().write(GPA, new byte[] {1});
        assertThat(other.isDue()).as("it is not watched").isFalse();
        mode.close();
        assertThat(other.watch(GFN)).isTrue();
        other.close();
    }

    @Test
    void aVcpuInARingTellsToo() {
        Vm rings = Vm.builder().dirtyRing(128).build();
        rings.ram().add(0, 0, GPA, NPAGES);
        try (WriteWatch code = rings.memslots().newWriteWatch()) {
            rings.vcpu(0).run(() -> rings.guestMemory().write(GPA, new byte[] {1}));
            assertThat(code.watch(GFN)).isTrue();
            assertThat(code.isDue()).isFalse();
            rings.vcpu(0).run(() -> rings.guestMemory().write(GPA, new byte[] {1}));
            assertThat(take(code)).containsExactly(0L);
        }
    }

    /** Words and parts of the log begin and end between them. */
    @ParameterizedTest
    @ValueSource(longs = {0, 63, 64, 32_767, 32_768, 32_831, 65_535, 65_536, 99_999})
    void aPageAnywhereInALargeSlotIsWatchedAloneAndAgain(long page) {
        vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, 2 * GPA, 100_000);
        long first = 2 * GPA / PAGE;
        for (long each : new long[] {page - 1, page, page + 1}) {
            vm.guestMemory().write((first + each) * PAGE, new byte[] {1});
        }
        for (int turn = 0; turn < 2; turn++) {
            assertThat(watch.watch(first + page)).isTrue();
            vm.guestMemory().write((first + page - 1) * PAGE, new byte[] {1});
            vm.guestMemory().write((first + page + 1) * PAGE, new byte[] {1});
            assertThat(watch.isDue()).isFalse();
            vm.guestMemory().write((first + page) * PAGE, new byte[] {1});
            assertThat(take(watch)).containsExactly(first + page - GFN);
        }
    }

    /** What is told translates again at once. */
    @Test
    void aPageThatIsWatchedAgainWhenItIsToldIsWatched() {
        for (int turn = 0; turn < 3; turn++) {
            assertThat(watch.watch(GFN)).isTrue();
            write(0);
            watch.take(gfn -> assertThat(watch.watch(gfn)).isTrue());
            assertThat(watch.isDue()).isFalse();
            write(0);
            assertThat(watch.isDue()).isTrue();
            assertThat(take(watch)).containsExactly(0L);
        }
    }

    /** Readers and watches do not take pages from each other. */
    @Test
    void aWatchTakesNoPageFromAReaderNorAReaderFromAWatch() {
        vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES);
        try (DirtyReader reader = vm.memslots().newDirtyReader();
                WriteWatch second = vm.memslots().newWriteWatch()) {
            vm.memslots().table().forEach(reader::follow);
            write(5);
            assertThat(watch.watch(GFN + 5)).isTrue();
            assertThat(second.watch(GFN + 5)).isTrue();
            assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(5);
            reader.harvest((slot, pages) -> assertThat(pages).containsExactly(5));
            assertThat(watch.isDue()).isFalse();
            write(5);
            assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(5);
            assertThat(take(watch)).containsExactly(5L);
            assertThat(take(second)).containsExactly(5L);
        }
    }

    @Test
    void aSlotThatChangesTellsOfAllItsPages() {
        assertThat(watch.watch(GFN + 1)).isTrue();
        assertThat(watch.watch(GFN + 63)).isTrue();
        assertThat(vm.memslots().move(0, 2 * GPA)).isEqualTo(Change.DONE);
        assertThat(take(watch)).containsExactly(1L, 63L);
        assertThat(watch.watch(GFN)).as("no slot there").isFalse();
        assertThat(watch.watch(2 * GFN)).isTrue();
        vm.ram().remove(0);
        assertThat(take(watch)).containsExactly(GFN);
        assertThat(watch).hasToString("watch of pages in []");
    }

    @Test
    void aPageThatIsWrittenWhenAnotherIsToldIsDue() {
        assertThat(watch.watch(GFN + 1)).isTrue();
        assertThat(watch.watch(GFN + 5)).isTrue();
        write(1);
        watch.take(gfn -> write(5));
        assertThat(watch.isDue()).isTrue();
        assertThat(take(watch)).containsExactly(5L);
    }

    /** The slot has gone from the table, and the watch has not been told of it. */
    @Test
    void whatIsTakenInTheMidstOfAChangeIsNotAllOfTheSlot() {
        assertThat(watch.watch(GFN + 1)).isTrue();
        assertThat(watch.watch(GFN + 63)).isTrue();
        write(1);
        OnLooker.during(() -> vm.memslots().move(0, 2 * GPA), point -> {
            if (point.equals("memslot table published")) {
                assertThat(take(watch)).containsExactly(1L);
            }
        });
        assertThat(take(watch)).containsExactly(63L);
    }

    @Test
    void aRewindTells() {
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            write(2);
            assertThat(watch.watch(GFN + 2)).isTrue();
            vm.ram().rewind(snapshot);
            assertThat(take(watch)).containsExactly(2L);
        }
    }

    /** The log is on for the watch alone, and off after it. */
    @Test
    void theLogIsOnAsLongAsThereIsAWatch() {
        WriteWatch other = vm.memslots().newWriteWatch();
        other.watch(GFN);
        watch.watch(GFN);
        assertThat(vm.memslots().table().byId(0).logsDirtyPages()).isTrue();
        other.close();
        assertThat(vm.memslots().table().byId(0).logsDirtyPages()).isTrue();
        watch.close();
        assertThat(vm.memslots().table().byId(0).logsDirtyPages()).isFalse();
        assertThatIllegalStateException().isThrownBy(() -> watch.watch(GFN)).withMessageContaining("closed");
    }

    @Test
    void whatCannotBeToldIsToldTheNextTime() {
        watch.watch(GFN);
        watch.watch(GFN + 1);
        write(0);
        write(1);
        assertThatIllegalStateException().isThrownBy(() -> watch.take(gfn -> {
            throw new IllegalStateException("not now");
        }));
        assertThat(watch.isDue()).isTrue();
        assertThat(take(watch)).containsExactly(1L);
    }

    /** At each point of a store where another thread may come between, a watch begins: the store is told of, or was. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aWatchThatBeginsDuringAStoreMissesNoLaterOne(boolean marked) throws Exception {
        vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES);
        GfnPfnCache cache = vm.newCache(8);
        cache.activate(GPA);
        if (marked) {
            cache.storeLong(0, 1);
        }
        for (long value = 2; value < 500; value++) {
            Thread storing = writer(cache, value);
            storing.start();
            boolean watched = watch.watch(GFN); // not if the other thread stops in the middle of it for long
            long read = cache.loadLong(0, -1);
            storing.join();
            boolean seen = read == value;
            assertThat(!watched || seen || watch.isDue()).as("value %d, read %d", value, read).isTrue();
            take(watch);
        }
        assertThat(watch.watch(GFN)).as("nobody stores now").isTrue();
    }

    /** As it would for a reader of the logs, for which a slot logs from its first moment. */
    @Test
    void aSlotThatIsMadeDoesNotLogForAWatch() {
        vm.ram().add(5, 0, GPA + (1 << 30), 1);
        assertThat(vm.memslots().table().byId(5).logsDirtyPages()).isFalse();
        assertThat(watch.watch(vm.memslots().table().byId(5).baseGfn())).isTrue();
    }

    private static Thread writer(GfnPfnCache cache, long value) {
        return new Thread(() -> cache.storeLong(0, value));
    }

    /** Two vCPUs: one writes code, the other runs it as it was translated last. */
    @Test
    void nobodyRunsWhatWasOverwrittenBeforeALaterSignal() throws Exception {
        GfnPfnCache code = vm.newCache(8);
        code.activate(GPA);
        AtomicLong signal = new AtomicLong();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread writer = new Thread(() -> {
            for (long i = 1; i <= 20_000 && failure.get() == null; i++) {
                code.storeLong(0, i);
                signal.set(i); // as an interrupt
            }
        });
        Map<Long, Long> translations = new java.util.HashMap<>();
        writer.start();
        while (signal.get() < 20_000 && failure.get() == null) {
            long atLeast = signal.get();
            if (watch.isDue()) {
                watch.take(translations::remove);
            }
            // Not watched is a page whose writer has stopped in the middle of it for long: it is run as it is.
            Long translated = translations.computeIfAbsent(GFN, gfn -> watch.watch(gfn) ? code.loadLong(0, -1) : null);
            long run = translated == null ? code.loadLong(0, -1) : translated;
            if (run < atLeast) {
                failure.set(new AssertionError("ran " + run + " after the signal of " + atLeast));
            }
        }
        writer.join();
        assertThat(failure.get()).isNull();
    }

    /** A thread in a read section cannot wait for what is written by those that found the slot without a log. */
    @Test
    void aLogThatIsBeingTurnedOnIsNotTakenForOne() throws Exception {
        Thread change = new Thread(() -> vm.memslots().setFlags(0, Memslot.FLAG_LOG_DIRTY_PAGES));
        try (DirtyReader reader = vm.memslots().newDirtyReader()) {
            int readers = vm.memslots().enterRead();
            try {
                Memslot before = vm.memslots().table().byId(0);
                change.start();
                while (!vm.memslots().table().byId(0).logsDirtyPages()) {
                    Thread.onSpinWait();
                }
                boolean watched = watch.watch(GFN + 5);
                boolean followed = reader.follow(vm.memslots().table().byId(0)) != null;
                before.markDirty(GFN + 5); // as a writer does that found the slot before
                assertThat(watched && !watch.isDue()).as("watched, and not told").isFalse();
                boolean marked = vm.memslots().table().byId(0).dirtyPages() > 0;
                assertThat(followed && !marked).as("read, and not marked").isFalse();
            } finally {
                vm.memslots().exitRead(readers);
            }
            change.join();
            assertThat(watch.watch(GFN + 5)).isTrue();
        }
    }
}
