package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A snapshot of a VM's memory, and rewinding to it, while caches are in use. */
class RamSnapshotTest {

    private static final int PAGE = 4096;
    private static final long GPA = 0x100000;
    private static final long OTHER = 0x200000;

    private final Vm vm = Vm.builder().slotChangeTimeout(Duration.ofMinutes(1)).build();
    private final byte[] own = new byte[4 * PAGE];

    @AfterEach
    void audit() {
        VmAudit.atRest(vm);
        vm.host().audit();
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long load(RamSnapshot snapshot, long gpa) {
        byte[] bytes = new byte[8];
        assertThat(snapshot.read(gpa, bytes)).isEqualTo(8);
        return little(bytes).getLong();
    }

    /** One slot of the library's memory and one of the caller's. */
    private void plug() {
        vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, 4);
        vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, OTHER, own);
    }

    @Test
    void everyCacheSeesTheOldBytesAfterwards() {
        plug();
        List<GfnPfnCache> caches = new ArrayList<>();
        for (long gpa : new long[] {GPA, GPA + PAGE + 8, OTHER + 2 * PAGE}) {
            GfnPfnCache cache = vm.newCache(8);
            cache.activate(gpa);
            try (GuestAccess access = cache.access()) {
                access.putLong(0, gpa);
            }
            caches.add(cache);
        }
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            for (int round = 0; round < 2; round++) {
                for (GfnPfnCache cache : caches) {
                    try (GuestAccess access = cache.access()) {
                        access.putLong(0, -1);
                    }
                }
                vm.memslots().harvestDirty(0);
                vm.memslots().harvestDirty(1);
                assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
                for (GfnPfnCache cache : caches) {
                    assertThat(cache.check()).as("told by the notifier").isFalse();
                    try (GuestAccess access = cache.access()) {
                        assertThat(access.getLong(0)).isIn(GPA, GPA + PAGE + 8, OTHER + 2 * PAGE);
                    }
                }
                assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(0, 1);
                assertThat(vm.memslots().harvestDirty(1).harvest().pages()).containsExactly(2);
            }
            assertThat(snapshot.slots()).hasSize(2);
            assertThat(load(snapshot, GPA)).isEqualTo(GPA);
            assertThat(load(snapshot, OTHER + 2 * PAGE)).isEqualTo(OTHER + 2 * PAGE);
            assertThat(snapshot.read(GPA + 4 * PAGE - 3, new byte[8])).as("up to the end of the slot").isEqualTo(3);
            assertThat(snapshot.read(-4, new byte[8])).isZero();
        }
        caches.forEach(GfnPfnCache::deactivate);
    }

    @Test
    void whatWentBackIsMarkedAlsoWhenANotifierFailsAfterwards() {
        plug();
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            vm.guestMemory().write(GPA + PAGE, new byte[] {1});
            vm.memslots().harvestDirty(0);
            MmuNotifier failing = new MmuNotifier() {
                @Override
                public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                    return true;
                }

                @Override
                public void invalidateRangeEnd(HvaRange range) {
                    throw new IllegalStateException("the end");
                }
            };
            vm.host().registerNotifier(failing);
            assertThatIllegalStateException().isThrownBy(() -> vm.ram().rewind(snapshot)).withMessage("the end");
            vm.host().unregisterNotifier(failing);
            byte[] now = new byte[1];
            vm.guestMemory().read(GPA + PAGE, now);
            assertThat(now[0]).isZero();
            assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(1);
        }
    }

    /** Reads that come in the middle of it find it closed; what could not be closed is known. */
    @Test
    void aSnapshotIsClosedBeforeItsMemoryGoesAndForgottenAfterwards() {
        plug();
        vm.guestMemory().write(GPA, new byte[] {1});
        RamSnapshot snapshot = vm.ram().snapshot();
        boolean[] accepts = {false};
        List<Throwable> reads = new ArrayList<>();
        snapshot.memory().registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                return accepts[0];
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                reads.add(catchThrowable(() -> snapshot.page(snapshot.slots().get(0), GPA / PAGE)));
            }
        });
        assertThatIllegalStateException().isThrownBy(snapshot::close);
        assertThat(vm.stillOpen()).contains(snapshot.toString());
        accepts[0] = true;
        snapshot.close();
        assertThat(vm.stillOpen()).isEmpty();
        assertThat(reads).singleElement().isInstanceOf(IllegalStateException.class);
    }

    /** It is open when the read begins, and its memory has gone when the bytes are looked for. */
    @Test
    void aPageOfASnapshotThatIsClosedMeanwhileIsNotOfZeros() {
        plug();
        vm.guestMemory().write(GPA, new byte[] {1});
        RamSnapshot snapshot = vm.ram().snapshot();
        boolean[] closed = {false};
        OnLooker.during(() -> assertThatIllegalStateException()
                .isThrownBy(() -> snapshot.page(snapshot.slots().get(0), GPA / PAGE)), point -> {
            if (point.equals("lock HOST_PAGES") && !closed[0]) {
                closed[0] = true;
                snapshot.close();
            }
        });
        assertThat(closed[0]).isTrue();
    }

    /** Slots of one snapshot lie one in another now, or next to each other. */
    @Test
    void onlySlotsThatShareMemoryNowHaveToHaveSharedIt() {
        long a = 0x7000_0000_0000L;
        long b = a + 0x100_0000;
        vm.host().mapAnonymous(a, 8, Protection.READ_WRITE);
        vm.host().mapAnonymous(b, 8, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, 4 * PAGE, a);
        vm.memslots().set(1, 0, GPA + 16 * PAGE, PAGE, a + PAGE);
        vm.memslots().set(2, 0, GPA + 32 * PAGE, PAGE, b);
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            for (int page = 0; page < 8; page++) {
                vm.memslots().replace(2, a + page * PAGE);
                assertThat(vm.ram().rewind(snapshot))
                        .as("page %d", page)
                        .isEqualTo(page < 4 ? HostResult.EINVAL : HostResult.OK);
            }
        }
    }

    @Test
    void theDifferenceToSlotsThatOverlapInPartIsOfThePagesOfBothAndTheOthers() {
        vm.ram().add(0, 0, GPA, 4);
        vm.guestMemory().write(GPA + 2 * PAGE, new byte[] {3});
        try (RamSnapshot before = vm.ram().snapshot()) {
            Memslot slot = vm.memslots().table().byId(0);
            vm.guestMemory().fill(GPA + 2 * PAGE, PAGE, (byte) 0);
            vm.host().discard(slot.hva() + 2 * PAGE, 1);
            vm.memslots().delete(0);
            vm.memslots().set(5, 0, GPA + 2 * PAGE, 2 * PAGE, slot.hva() + 2 * PAGE);
            try (RamSnapshot after = vm.ram().snapshot()) {
                long gfn = GPA / PAGE;
                assertThat(after.pagesChangedSince(before)).containsExactly(gfn + 2);
                assertThat(before.pagesChangedSince(after)).containsExactly(gfn, gfn + 1, gfn + 2);
            }
        }
    }

    @Test
    void theContentsGoBackAndTheMemoryMapHasToBeThere() {
        plug();
        vm.guestMemory().write(GPA, new byte[] {1});
        vm.guestMemory().write(OTHER, new byte[] {2});
        try (RamSnapshot snapshot = vm.ram().snapshot()) {
            vm.guestMemory().write(GPA, new byte[] {9});
            vm.ram().remove(1);
            assertThatIllegalStateException()
                    .isThrownBy(() -> vm.ram().rewind(snapshot))
                    .withMessageContaining("slot 1")
                    .withMessageContaining("none");
            byte[] now = new byte[1];
            vm.guestMemory().read(GPA, now);
            assertThat(now[0]).as("nothing has changed").isEqualTo((byte) 9);
            vm.ram().add(1, 0, OTHER, 3);
            assertThatIllegalStateException().isThrownBy(() -> vm.ram().rewind(snapshot));
            vm.ram().remove(1);
            vm.ram().add(1, 0, OTHER, 4); // another kind of memory than it was
            vm.ram().add(2, 0, 0x300000, 1);
            vm.guestMemory().write(0x300000, new byte[] {7});
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            for (long[] expected : new long[][] {{GPA, 1}, {OTHER, 2}, {0x300000, 7}}) {
                vm.guestMemory().read(expected[0], now);
                assertThat(now[0]).isEqualTo((byte) expected[1]);
            }
        }
    }

    @Test
    void aSnapshotOfChosenSlotsIsOfTheseAlone() {
        plug();
        vm.guestMemory().write(GPA, new byte[] {1});
        vm.guestMemory().write(OTHER, new byte[] {2});
        try (RamSnapshot snapshot = vm.ram().snapshot(slot -> slot.id() == 1);
                Vm made = Vm.builder().build()) {
            assertThat(snapshot.slots()).extracting(Memslot::id).containsExactly(1);
            assertThat(snapshot.read(GPA, new byte[1])).isZero();
            vm.guestMemory().write(GPA, new byte[] {8});
            vm.guestMemory().write(OTHER, new byte[] {9});
            assertThat(vm.ram().rewind(snapshot)).isEqualTo(HostResult.OK);
            byte[] now = new byte[1];
            vm.guestMemory().read(GPA, now);
            assertThat(now).containsExactly(8);
            vm.guestMemory().read(OTHER, now);
            assertThat(now).containsExactly(2);
            assertThat(made.ram().addAll(snapshot)).isEqualTo(Memslots.Change.DONE);
            assertThat(made.memslots().table().size()).isEqualTo(1);
            made.guestMemory().read(OTHER, now);
            assertThat(now).containsExactly(2);
        }
        try (RamSnapshot none = vm.ram().snapshot(slot -> false)) {
            assertThat(none.slots()).isEmpty();
        }
    }

    @Test
    void aClosedSnapshotCannotBePutBack() {
        plug();
        RamSnapshot snapshot = vm.ram().snapshot();
        snapshot.close();
        assertThatIllegalStateException().isThrownBy(() -> vm.ram().rewind(snapshot)).withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(() -> snapshot.read(GPA, new byte[1]));
        assertThatIllegalStateException().isThrownBy(() -> snapshot.save(OutputStream.nullOutputStream()));
    }

    /**
     * One writer counts in two pages, with accesses to both open; another at both ends of an area that crosses pages.
     * Whatever moment it is, the two agree.
     */
    @ParameterizedTest
    @ValueSource(longs = {GPA, OTHER})
    void takenWhileWritersRunItIsOneMoment(long base) throws InterruptedException, ExecutionException {
        plug();
        AtomicBoolean stop = new AtomicBoolean();
        CountDownLatch writing = new CountDownLatch(2);
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try {
            Future<Long> pages = pool.submit(() -> countInTwoPages(base, stop, writing));
            Future<Long> area = pool.submit(() -> countInAnArea(base + 3 * PAGE - 8, stop, writing));
            assertThat(writing.await(300, TimeUnit.SECONDS)).as("both write").isTrue();
            try (RamSnapshot first = vm.ram().snapshot()) {
                for (int round = 0; round < 30; round++) {
                    try (RamSnapshot snapshot = vm.ram().snapshot()) {
                        checkMoment(snapshot, base);
                        assertThat(load(snapshot, base)).isGreaterThanOrEqualTo(load(first, base));
                    }
                    if (round % 3 == 0) {
                        assertThat(vm.ram().rewind(first)).isEqualTo(HostResult.OK);
                    }
                }
                checkMoment(first, base);
            }
            stop.set(true);
            assertThat(pages.get()).isPositive();
            assertThat(area.get()).isPositive();
        } finally {
            stop.set(true);
            pool.shutdown();
        }
    }

    private static void checkMoment(RamSnapshot snapshot, long base) {
        assertThat(load(snapshot, base)).isEqualTo(load(snapshot, base + PAGE));
        assertThat(load(snapshot, base + 3 * PAGE - 8)).isEqualTo(load(snapshot, base + 3 * PAGE));
    }

    private long countInTwoPages(long base, AtomicBoolean stop, CountDownLatch writing) {
        GfnPfnCache first = vm.newCache(8);
        GfnPfnCache second = vm.newCache(8);
        first.activate(base);
        second.activate(base + PAGE);
        long turns = 0;
        while (!stop.get()) { // until the rounds are done
            try (GuestAccess one = first.access();
                    GuestAccess two = second.tryAccess()) {
                if (one.isUsable() && two.isUsable()) {
                    long next = one.getLong(0) + 1;
                    one.putLong(0, next);
                    two.putLong(0, next);
                    if (turns++ == 0) {
                        writing.countDown();
                    }
                    continue;
                }
            }
            second.refresh();
        }
        first.deactivate();
        second.deactivate();
        return turns;
    }

    private long countInAnArea(long gpa, AtomicBoolean stop, CountDownLatch writing) {
        GuestArea area = vm.newArea();
        area.activate(gpa, 16);
        long turns = 0;
        while (!stop.get()) { // until the rounds are done
            try (AreaAccess access = area.access()) {
                if (access.isUsable()) {
                    assertThat(access.getLong(0)).as("after a rewind, too").isEqualTo(access.getLong(8));
                    access.putLong(0, access.getLong(0) + 1);
                    access.putLong(8, access.getLong(8) + 1);
                    if (turns++ == 0) {
                        writing.countDown();
                    }
                }
            }
        }
        area.deactivate();
        return turns;
    }

    /** Snapshots one after the other, while a writer runs: each is one moment, and the next knows what has changed. */
    @Test
    void oneAfterTheOtherTheyStayWhatTheyWereUnderAWriter() throws Exception {
        vm.ram().add(0, 0, 0, 1024);
        AtomicBoolean stop = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            GfnPfnCache first = vm.newCache(8);
            GfnPfnCache last = vm.newCache(8);
            first.activate(3 * PAGE);
            last.activate(700 * PAGE);
            for (long i = 1; !stop.get(); i++) {
                first.storeLong(0, i); // first: no moment has the other number larger
                last.storeLong(0, i);
            }
            first.deactivate();
            last.deactivate();
        });
        writer.start();
        List<RamSnapshot> taken = new ArrayList<>();
        List<Long> seen = new ArrayList<>();
        try {
            for (int i = 0; i < 40; i++) {
                RamSnapshot snapshot = vm.ram().snapshot();
                taken.add(snapshot);
                long first = load(snapshot, 3 * PAGE);
                seen.add(first);
                assertThat(load(snapshot, 700 * PAGE)).isBetween(first - 1, first);
                if (i > 0) {
                    RamSnapshot before = taken.get(i - 1);
                    List<Long> changed = new ArrayList<>();
                    for (long page : new long[] {3, 700}) {
                        if (load(before, page * PAGE) != load(snapshot, page * PAGE)) {
                            changed.add(page);
                        }
                    }
                    assertThat(snapshot.pagesChangedSince(before).boxed().toList()).isEqualTo(changed);
                }
            }
        } finally {
            stop.set(true);
            writer.join();
        }
        for (int i = 0; i < taken.size(); i++) {
            assertThat(load(taken.get(i), 3 * PAGE)).isEqualTo((long) seen.get(i));
        }
        for (int i = 0; i < taken.size(); i++) { // neither first nor last first
            taken.get(i * 7 % taken.size()).close();
            vm.host().audit();
        }
    }
}
