package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ordered and atomic accesses where users are: in an access, in an access to an area, in one call, in a held page. */
final class TypedAccessTest {

    private static final long GPA = 0x10000;
    private static final int NPAGES = 4;
    private static final int TIMES = 20_000;
    private static final int HARTS = 3;

    private final Vm vm = Vm.builder().vcpus(1).build();

    /** Kinds of memory. */
    enum Memory {
        KEPT {
            @Override
            void add(Vm vm) {
                vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, NPAGES);
            }
        },
        /** Without native atomics from JDK 22 on. */
        ARRAY {
            @Override
            void add(Vm vm) {
                vm.ram().add(0, Memslot.FLAG_LOG_DIRTY_PAGES, GPA, new byte[NPAGES * Pages.PAGE_SIZE]);
            }
        };

        abstract void add(Vm vm);
    }

    /** Ways to add one to the eight bytes at the first address, from any thread. */
    enum Way {
        ACCESS {
            @Override
            Callable<Boolean> in(Vm vm) {
                GfnPfnCache cache = cacheAt(vm, GPA, 64);
                return () -> {
                    try (GuestAccess access = cache.access()) {
                        return access.isUsable() && access.atomicLong(AtomicOp.ADD, 0, 1) >= 0;
                    }
                };
            }
        },
        ACCESS_BY_COMPARING {
            @Override
            Callable<Boolean> in(Vm vm) {
                GfnPfnCache cache = cacheAt(vm, GPA, 64);
                return () -> {
                    try (GuestAccess access = cache.access()) {
                        if (!access.isUsable()) {
                            return false;
                        }
                        long seen = access.getLongAcquire(0);
                        return access.compareAndSetLong(0, seen, seen + 1);
                    }
                };
            }
        },
        AREA {
            @Override
            Callable<Boolean> in(Vm vm) {
                GuestArea area = vm.newArea();
                assertThat(area.activate(GPA, 2 * Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
                return () -> {
                    try (AreaAccess access = area.access()) {
                        return access.isUsable() && access.atomicLong(AtomicOp.ADD, 0, 1) >= 0;
                    }
                };
            }
        },
        ONE_CALL {
            @Override
            Callable<Boolean> in(Vm vm) {
                GfnPfnCache cache = cacheAt(vm, GPA, 64);
                return () -> cache.atomicLong(AtomicOp.ADD, 0, 1).isPresent();
            }
        },
        ONE_CALL_BY_COMPARING {
            @Override
            Callable<Boolean> in(Vm vm) {
                GfnPfnCache cache = cacheAt(vm, GPA, 64);
                return () -> {
                    OptionalLong seen = cache.tryLoad(0, Long.BYTES);
                    return seen.isPresent() && seen.equals(
                            cache.compareAndExchangeLong(0, seen.getAsLong(), seen.getAsLong() + 1));
                };
            }
        },
        HELD_PAGE {
            @Override
            Callable<Boolean> in(Vm vm) {
                GuestMode mode = vm.newGuestMode(gpa -> {});
                return () -> {
                    mode.enter();
                    try {
                        HeldPage page = mode.hold(GPA, true);
                        return page.isHeld() && page.atomicLong(AtomicOp.ADD, 0, 1) >= 0;
                    } finally {
                        mode.leave();
                    }
                };
            }
        };

        /** One that adds, for one thread; answers whether it was done. */
        abstract Callable<Boolean> in(Vm vm);
    }

    private static GfnPfnCache cacheAt(Vm vm, long gpa, int length) {
        GfnPfnCache cache = vm.newCache(length);
        assertThat(cache.activate(gpa)).isEqualTo(Outcome.OK);
        return cache;
    }

    @AfterEach
    void close() {
        vm.close();
    }

    /** Two harts that add by loads and stores lose every third. */
    @ParameterizedTest
    @EnumSource
    void nothingThatSeveralThreadsAddIsLostWhileThePageMoves(Way way) throws Exception {
        for (Memory memory : Memory.values()) {
            try (Vm machine = Vm.builder().build()) {
                memory.add(machine);
                assertThat(sumOf(way, machine)).as("%s by %s", memory, way).isEqualTo((long) HARTS * TIMES);
            }
        }
    }

    private static long sumOf(Way way, Vm machine) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(HARTS + 1);
        AtomicBoolean stop = new AtomicBoolean();
        CountDownLatch ready = new CountDownLatch(HARTS);
        try {
            long hva = machine.memslots().table().find(Pages.gpaToGfn(GPA)).hva();
            Future<Long> host = threads.submit(() -> {
                long moved = 0;
                while (!stop.get()) { // bounded by the harts
                    moved += machine.host().migrate(hva) == HostResult.OK ? 1 : 0;
                }
                return moved;
            });
            List<Future<?>> harts = IntStream.range(0, HARTS).<Future<?>>mapToObj(hart ->
                    threads.submit(() -> {
                        Callable<Boolean> once = way.in(machine);
                        ready.countDown();
                        ready.await();
                        for (int done = 0; done < TIMES; ) { // bounded by the patience of the test
                            done += once.call() ? 1 : 0;
                        }
                        return null;
                    })).toList();
            for (Future<?> hart : harts) {
                hart.get();
            }
            stop.set(true);
            host.get();
            return cacheAt(machine, GPA, 8).loadLong(0, -1);
        } finally {
            stop.set(true);
            threads.shutdownNow();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsComputedIsWhatTheOperationSays(Memory memory) {
        memory.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA + 8, 64);
        GuestArea area = vm.newArea();
        area.activate(GPA + 8, 2 * Pages.PAGE_SIZE);
        for (AtomicOp op : AtomicOp.values()) {
            if (op == AtomicOp.COMPARE_AND_SET) {
                continue;
            }
            for (int there : new int[] {0, 5, -5, Integer.MIN_VALUE}) {
                for (int operand : new int[] {0, 3, -3, Integer.MAX_VALUE}) {
                    int expected = (int) op.applied(there, operand, 0);
                    cache.storeInt(4, there);
                    assertThat(cache.atomicInt(op, 4, operand)).isEqualTo(OptionalInt.of(there));
                    assertThat(cache.loadInt(4, -1)).as("%s of %s and %s", op, there, operand).isEqualTo(expected);
                    try (AreaAccess access = area.access()) {
                        access.putInt(4, there);
                        assertThat(access.atomicInt(op, 4, operand)).isEqualTo(there);
                        assertThat(access.getInt(4)).isEqualTo(expected);
                    }
                }
            }
        }
    }

    @Test
    void aComparisonThatFailsChangesNothingAndSaysWhatIsThere() {
        Memory.KEPT.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA, 64);
        cache.storeInt(0, 7);
        assertThat(cache.compareAndExchangeInt(0, 6, 9)).isEqualTo(OptionalInt.of(7));
        assertThat(cache.compareAndExchangeInt(0, 7, 9)).isEqualTo(OptionalInt.of(7));
        assertThat(cache.compareAndExchangeInt(0, 9, -1)).isEqualTo(OptionalInt.of(9));
        assertThat(cache.tryLoad(0, Integer.BYTES)).isEqualTo(OptionalLong.of(-1));
        try (GuestAccess access = cache.access()) {
            assertThat(access.compareAndSetInt(0, 1, 2)).isFalse();
            assertThat(access.compareAndSetInt(0, -1, 2)).isTrue();
            assertThat(access.compareAndSetLong(0, 2, 3)).isTrue();
            assertThat(access.getLong(0)).isEqualTo(3);
        }
    }

    @Test
    void whereThereIsNoMemoryThereIsNoAnswer() {
        GfnPfnCache cache = vm.newCache(64);
        assertThat(cache.activate(GPA)).isEqualTo(Outcome.FAULT);
        assertThat(cache.tryLoad(0, Long.BYTES)).isEmpty();
        assertThat(cache.atomicLong(AtomicOp.ADD, 0, 1)).isEmpty();
        assertThat(cache.atomicInt(AtomicOp.ADD, 0, 1)).isEmpty();
        assertThat(cache.compareAndExchangeLong(0, 0, 1)).isEmpty();
        assertThat(cache.loadShortAcquire(0, (short) 5)).isEqualTo((short) 5);
        assertThat(cache.storeLongRelease(0, 5)).isEqualTo(Outcome.FAULT);
        Memory.KEPT.add(vm);
        assertThat(cache.tryLoad(0, Long.BYTES)).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource
    void whatIsNotAlignedIsRefusedAndChangesNothing(Memory memory) {
        memory.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA + 2, 64);
        vm.memslots().harvestDirty(0);
        assertThatThrownBy(() -> cache.atomicLong(AtomicOp.ADD, 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("offset=0 width=8 is not aligned: byte 2 of its page");
        assertThatThrownBy(() -> cache.compareAndExchangeInt(0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThat(cache.atomicInt(AtomicOp.ADD, 2, 1)).as("4 bytes from the page's byte 4").hasValue(0);
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(0);
        try (GuestAccess access = cache.access()) {
            assertThatThrownBy(() -> access.atomicInt(AtomicOp.ADD, 0, 1)).hasMessageContaining("not aligned");
            assertThatThrownBy(() -> access.atomicInt(AtomicOp.ADD, 62, 1)).hasMessageContaining("exceeds length=64");
        }
        GuestArea area = vm.newArea();
        area.activate(GPA + 2, 2 * Pages.PAGE_SIZE);
        try (AreaAccess access = area.access()) {
            assertThatThrownBy(() -> access.atomicLong(AtomicOp.ADD, Pages.PAGE_SIZE - 4, 1))
                    .as("over the page's end").hasMessageContaining("not aligned");
        }
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).isEmpty();
    }

    @Test
    void anOperationThatNeedsTheExpectedValueIsRefused() {
        Memory.KEPT.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA, 64);
        assertThatThrownBy(() -> cache.atomicInt(AtomicOp.COMPARE_AND_SET, 0, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("compareAndSet");
    }

    @Test
    void anAreaHasShortsAndBitsOverItsPages() {
        Memory.KEPT.add(vm);
        GuestArea area = vm.newArea();
        assertThat(area.activate(GPA + Pages.PAGE_SIZE - 9, 40)).isEqualTo(Outcome.OK);
        try (AreaAccess access = area.access()) {
            access.putShort(8, (short) 0x8001); // over the page's end
            assertThat(access.getShort(8)).isEqualTo((short) 0x8001);
            assertThat(access.getByte(9)).isEqualTo((byte) 0x80);
            access.putShortRelease(10, (short) -2);
            assertThat(access.getShortAcquire(10)).isEqualTo((short) -2);
            for (int bit = 0; bit < 64; bit++) { // bounded by the map
                assertThat(access.testAndSetBit(20, bit)).isFalse();
                assertThat(access.testAndSetBit(20, bit)).isTrue();
                assertThat(access.testBit(20, bit)).isTrue();
            }
            assertThat(access.getLong(20)).isEqualTo(-1);
            assertThat(access.testAndClearBit(20, 63)).isTrue();
            assertThat(access.getLong(20)).isEqualTo(Long.MAX_VALUE);
            assertThatThrownBy(() -> access.testAndSetBit(20, 160)).hasMessageContaining("exceeds length=40");
            assertThatThrownBy(() -> access.testAndSetBit(20, -1)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(0, 1);
    }

    @Test
    void onlyTheWordsOwnPageIsMarked() {
        Memory.KEPT.add(vm);
        GuestArea area = vm.newArea();
        area.activate(GPA, 3 * Pages.PAGE_SIZE);
        vm.memslots().harvestDirty(0);
        try (AreaAccess access = area.access()) {
            access.atomicInt(AtomicOp.OR, 2 * Pages.PAGE_SIZE + 8, 1);
        }
        assertThat(vm.memslots().harvestDirty(0).harvest().pages()).containsExactly(2);
    }

    @Test
    void widthsOfOneCallAreThoseThereAre() {
        Memory.KEPT.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA, 64);
        cache.storeLong(0, -2);
        for (int width : new int[] {1, 2, 4, 8}) {
            assertThat(cache.tryLoad(0, width)).hasValue(-2);
        }
        for (int width : new int[] {-1, 0, 3, 5, 16}) {
            assertThatThrownBy(() -> cache.tryLoad(0, width)).hasMessageContaining("is not 1, 2, 4 or 8");
        }
        assertThatThrownBy(() -> cache.tryLoad(60, 8)).hasMessageContaining("exceeds length=64");
    }

    @ParameterizedTest
    @EnumSource
    void aHeldPageHasTheAtomicsOfATlb(Memory memory) {
        memory.add(vm);
        GuestMode mode = vm.newGuestMode(gpa -> {});
        mode.enter();
        try {
            HeldPage page = mode.hold(GPA, true);
            assertThat(page.atomicInt(AtomicOp.ADD, 8, -3)).isZero();
            assertThat(page.atomicInt(AtomicOp.MAX_UNSIGNED, 8, 5)).isEqualTo(-3);
            assertThat(page.atomicInt(AtomicOp.EXCHANGE, 8, 7)).isEqualTo(-3);
            assertThat(page.compareAndSetInt(8, 6, 1)).isFalse();
            assertThat(page.compareAndSetInt(8, 7, 2)).isTrue();
            assertThat(page.atomicLong(AtomicOp.OR, 8, 1L << 40)).isEqualTo(2);
            assertThat(page.compareAndSetLong(8, 2, 9)).isFalse();
            assertThat(page.compareAndSetLong(8, 1L << 40 | 2, -9)).isTrue();
            assertThat(page.atomicLong(AtomicOp.MIN, 8, 1)).isEqualTo(-9);
            assertThat(page.bytes().getLong(8)).isEqualTo(-9);
            assertThat(page.bytes().getLong(0)).as("beside it").isZero();
            assertThat(page.bytes().getLong(16)).as("beside it").isZero();
            for (int offset : new int[] {-4, 2, Pages.PAGE_SIZE - 2, Pages.PAGE_SIZE}) { // bounded by the offsets
                assertThatThrownBy(() -> page.atomicInt(AtomicOp.ADD, offset, 1))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> page.compareAndSetLong(offset, 0, 1))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        } finally {
            mode.leave();
        }
        mode.close();
    }

    @Test
    void aHeldPageThatMayNotBeWrittenIsRefused() {
        vm.ram().add(0, Memslot.FLAG_READONLY, GPA, NPAGES);
        GuestMode mode = vm.newGuestMode(gpa -> {});
        mode.enter();
        try {
            HeldPage page = mode.hold(GPA, false);
            assertThatThrownBy(() -> page.atomicInt(AtomicOp.ADD, 0, 1)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> page.compareAndSetLong(0, 0, 1)).isInstanceOf(IllegalStateException.class);
        } finally {
            mode.leave();
        }
    }

    @Test
    void anAcquireLoadAnswersWhatAPlainOneDoes() {
        Memory.KEPT.add(vm);
        GfnPfnCache cache = cacheAt(vm, GPA, 64);
        assertThat(cache.storeShortRelease(0, (short) -3)).isEqualTo(Outcome.OK);
        assertThat(cache.storeIntRelease(4, -4)).isEqualTo(Outcome.OK);
        assertThat(cache.storeLongRelease(8, -5)).isEqualTo(Outcome.OK);
        List<Function<GfnPfnCache, Long>> loads = List.of(
                c -> (long) c.loadShortAcquire(0, (short) 0), c -> (long) c.loadIntAcquire(4, 0),
                c -> c.loadLongAcquire(8, 0));
        assertThat(loads.stream().map(load -> load.apply(cache))).containsExactly(-3L, -4L, -5L);
        try (GuestAccess access = cache.access()) {
            assertThat(access.getIntAcquire(4)).isEqualTo(-4);
            access.putIntRelease(4, 4);
            access.putLongRelease(8, 5);
            assertThat(access.getLongAcquire(8)).isEqualTo(5);
            assertThat(access.getInt(4)).isEqualTo(4);
        }
    }
}
