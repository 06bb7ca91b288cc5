package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.interleaving.OnLooker;
import io.github.pfncache.interleaving.SteppingLoader;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/**
 * An acquiring load is done before its fence, a releasing store after it. A fence that is missing or on the other side
 * shows on no processor that has a test run of seconds: so a test comes between, and looks what is done by then.
 */
final class AcquireReleaseTest {

    @Test
    void everyFenceIsOnItsSideOfTheAccess() {
        ((Runnable) new SteppingLoader(AcquireReleaseTest.class.getClassLoader(), true, "cache.").made(Cases.class))
                .run();
    }

    /** The cases, in the library that has a step at each fence. */
    public static final class Cases implements Runnable {

        private static final long GPA = 0x10_0000;
        private static final long BEFORE = 0x1122_3344_5566_7788L;
        private static final long AFTER = 0x0908_0706_0504_0302L;

        private final Vm vm = Vm.builder().build();
        private final GfnPfnCache cache = vm.newCache(64);
        private final GuestArea area = vm.newArea();
        private final GuestTlb tlb = vm.newTlb(GuestTlb.MIN_ENTRIES, new GuestTlb.Unbacked() {
            @Override
            public long load(long gpa, int width, Outcome why) {
                throw new AssertionError("no memory: " + why);
            }

            @Override
            public void store(long gpa, int width, long value, Outcome why) {
                throw new AssertionError("no memory: " + why);
            }
        });
        private final long hva;

        public Cases() {
            vm.ram().add(0, 0, GPA, 1);
            hva = vm.memslots().table().byId(0).hva();
            cache.activate(GPA);
            area.activate(GPA, 64);
        }

        @Override
        public void run() {
            loads().forEach((width, each) -> each.forEach((name, load) -> requireBeforeTheFence(name, width, load)));
            stores().forEach((width, each) -> each.forEach((name, store) -> requireAfterTheFence(name, width, store)));
            tlb.close();
            vm.close();
        }

        private Map<Integer, Map<String, LongSupplier>> loads() {
            return Map.of(
                    2, Map.of("cache", () -> cache.loadShortAcquire(0, (short) 0),
                            "tlb", () -> tlb.loadShortAcquire(GPA),
                            "access", () -> inAccess(access -> access.getShortAcquire(0)),
                            "area", () -> inArea(access -> access.getShortAcquire(0))),
                    4, Map.of("cache", () -> cache.loadIntAcquire(0, 0),
                            "tlb", () -> tlb.loadIntAcquire(GPA),
                            "access", () -> inAccess(access -> access.getIntAcquire(0)),
                            "area", () -> inArea(access -> access.getIntAcquire(0))),
                    8, Map.of("cache", () -> cache.loadLongAcquire(0, 0),
                            "tlb", () -> tlb.loadLongAcquire(GPA),
                            "access", () -> inAccess(access -> access.getLongAcquire(0)),
                            "area", () -> inArea(access -> access.getLongAcquire(0))));
        }

        private Map<Integer, Map<String, LongConsumer>> stores() {
            return Map.of(
                    2, Map.of("cache", value -> cache.storeShortRelease(0, (short) value),
                            "tlb", value -> tlb.storeShortRelease(GPA, (short) value),
                            "access", value -> inAccess(access -> put(access, 2, value)),
                            "area", value -> inArea(access -> put(access, 2, value))),
                    4, Map.of("cache", value -> cache.storeIntRelease(0, (int) value),
                            "tlb", value -> tlb.storeIntRelease(GPA, (int) value),
                            "access", value -> inAccess(access -> put(access, 4, value)),
                            "area", value -> inArea(access -> put(access, 4, value))),
                    8, Map.of("cache", value -> cache.storeLongRelease(0, value),
                            "tlb", value -> tlb.storeLongRelease(GPA, value),
                            "access", value -> inAccess(access -> put(access, 8, value)),
                            "area", value -> inArea(access -> put(access, 8, value))));
        }

        private interface Use {
            long of(TypedAccess access);
        }

        private static long put(TypedAccess access, int width, long value) {
            switch (width) {
                case 2 -> access.putShortRelease(0, (short) value);
                case 4 -> access.putIntRelease(0, (int) value);
                default -> access.putLongRelease(0, value);
            }
            return 0;
        }

        private long inAccess(Use use) {
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).isTrue();
                return use.of(access);
            }
        }

        private long inArea(Use use) {
            try (AreaAccess access = area.access()) {
                assertThat(access.outcome()).isEqualTo(Outcome.OK);
                return use.of(access);
            }
        }

        private void requireBeforeTheFence(String name, int width, LongSupplier load) {
            write(BEFORE);
            long[] loaded = new long[1];
            int fences = during(() -> loaded[0] = load.getAsLong(), "VarHandle.acquireFence", () -> write(AFTER));
            assertThat(fences).as("fences of %s, %d bytes", name, width).isEqualTo(1);
            int unused = Long.SIZE - Byte.SIZE * width;
            assertThat(loaded[0]).as("%s, %d bytes", name, width).isEqualTo(BEFORE << unused >> unused);
        }

        private void requireAfterTheFence(String name, int width, LongConsumer store) {
            write(BEFORE);
            Map<String, Long> seen = new LinkedHashMap<>();
            int fences = during(() -> store.accept(AFTER), "VarHandle.releaseFence", () -> seen.put("then", read()));
            assertThat(fences).as("fences of %s, %d bytes", name, width).isEqualTo(1);
            assertThat(seen).as("%s, %d bytes", name, width).containsEntry("then", BEFORE);
            long mask = -1L >>> Long.SIZE - Byte.SIZE * width;
            assertThat(read()).as("%s, %d bytes", name, width).isEqualTo(BEFORE & ~mask | AFTER & mask);
        }

        /** How many fences there were of this kind, at each of which something was done. */
        private static int during(Runnable body, String fence, Runnable atFence) {
            int[] fences = new int[1];
            OnLooker.during(body, point -> {
                if (point.equals(fence)) {
                    fences[0]++;
                    atFence.run();
                }
            });
            return fences[0];
        }

        private void write(long value) {
            byte[] bytes = new byte[Long.BYTES];
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
            vm.host().poke(hva, bytes);
        }

        private long read() {
            byte[] bytes = new byte[Long.BYTES];
            vm.host().peek(hva, bytes);
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        }
    }
}
