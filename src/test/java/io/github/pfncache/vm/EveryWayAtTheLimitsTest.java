package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.GuestView;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One slot of 5 GiB that ends with both address spaces, the guest's and the host's; each way to write a number, at the
 * first byte, around 2 and 4 GiB, over the ends of pages, and at the last bytes that there are. What one way writes all
 * others read; the dirty log, the follower, the rewind and the snapshots know these pages and no others.
 */
final class EveryWayAtTheLimitsTest {

    private static final int PAGE = Pages.PAGE_SIZE;
    private static final int SLOT = 7;
    private static final long SIZE = 5L << 30;
    private static final long BASE = (1L << 52) - SIZE;
    private static final long HVA = HvaRange.USER_END - SIZE;
    private static final int WIDTH = Long.BYTES;

    private static final List<Long> OFFSETS = LongStream.of(0, 1L << 31, 1L << 32, SIZE)
            .flatMap(border -> LongStream.of(-PAGE - 4, -PAGE, -WIDTH, -5, 0, PAGE - 4).map(by -> border + by))
            .filter(offset -> offset >= 0 && offset <= SIZE - WIDTH)
            .boxed()
            .toList();

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final Vm vm = Vm.builder().host(host).build();

    EveryWayAtTheLimitsTest() {
        assertThat(host.mapAnonymous(HVA, (int) (SIZE / PAGE), Protection.READ_WRITE)).isEqualTo(HostResult.OK);
        vm.memslots().set(SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, BASE, SIZE, HVA);
    }

    @AfterEach
    void close() {
        VmAudit.atRest(vm);
        vm.close();
        host.close();
    }

    /** A way to write and read eight bytes at an offset of the slot. */
    enum Way {
        ONE_SHOTS {
            @Override
            void write(Vm vm, long gpa, long value) {
                inParts(gpa, (at, length, done) -> {
                    GfnPfnCache cache = vm.newCache(length);
                    cache.activate(at);
                    for (int i = 0; i < length; i++) { // bounded by the width
                        cache.storeByte(i, (byte) (value >>> Byte.SIZE * (done + i)));
                    }
                    cache.deactivate();
                });
            }

            @Override
            long read(Vm vm, long gpa) {
                long[] value = new long[1];
                inParts(gpa, (at, length, done) -> {
                    GfnPfnCache cache = vm.newCache(length);
                    cache.activate(at);
                    for (int i = 0; i < length; i++) { // bounded by the width
                        value[0] |= (cache.loadByte(i, (byte) 0) & 0xffL) << Byte.SIZE * (done + i);
                    }
                    cache.deactivate();
                });
                return value[0];
            }
        },
        ACCESS {
            @Override
            void write(Vm vm, long gpa, long value) {
                inParts(gpa, (at, length, done) -> {
                    GfnPfnCache cache = vm.newCache(length);
                    cache.activate(at);
                    try (GuestAccess access = cache.access()) {
                        access.put(0, bytes(value), done, length);
                    }
                    cache.deactivate();
                });
            }

            @Override
            long read(Vm vm, long gpa) {
                byte[] into = new byte[WIDTH];
                inParts(gpa, (at, length, done) -> {
                    GfnPfnCache cache = vm.newCache(length);
                    cache.activate(at);
                    try (GuestAccess access = cache.access()) {
                        access.get(0, into, done, length);
                    }
                    cache.deactivate();
                });
                return value(into);
            }
        },
        AREA {
            @Override
            void write(Vm vm, long gpa, long value) {
                GuestArea area = vm.newArea();
                area.activate(gpa, WIDTH);
                try (AreaAccess access = area.access()) {
                    access.putLong(0, value);
                }
                area.deactivate();
            }

            @Override
            long read(Vm vm, long gpa) {
                GuestArea area = vm.newArea();
                area.activate(gpa, WIDTH);
                try (AreaAccess access = area.access()) {
                    return access.getLong(0);
                } finally {
                    area.deactivate();
                }
            }
        },
        VIEW {
            @Override
            void write(Vm vm, long gpa, long value) {
                try (GuestView view = vm.view(BASE, SIZE)) {
                    assertThat(view.storeLong(gpa - BASE, value)).isEqualTo(Outcome.OK);
                }
            }

            @Override
            long read(Vm vm, long gpa) {
                try (GuestView view = vm.view(BASE, SIZE)) {
                    return view.loadLong(gpa - BASE, -1);
                }
            }
        },
        MEMORY {
            @Override
            void write(Vm vm, long gpa, long value) {
                assertThat(vm.guestMemory().write(gpa, bytes(value))).isEqualTo(WIDTH);
            }

            @Override
            long read(Vm vm, long gpa) {
                byte[] into = new byte[WIDTH];
                assertThat(vm.guestMemory().read(gpa, into)).isEqualTo(WIDTH);
                return value(into);
            }
        },
        TLB {
            @Override
            void write(Vm vm, long gpa, long value) {
                try (GuestTlb tlb = vm.newTlb(Nothing.THERE)) {
                    tlb.storeLong(gpa, value);
                }
            }

            @Override
            long read(Vm vm, long gpa) {
                try (GuestTlb tlb = vm.newTlb(Nothing.THERE)) {
                    return tlb.loadLong(gpa);
                }
            }
        },
        HELD_PAGES {
            @Override
            void write(Vm vm, long gpa, long value) {
                held(vm, gpa, true, (page, at, length, done) -> page.put(at, bytes(value), done, length));
            }

            @Override
            long read(Vm vm, long gpa) {
                byte[] into = new byte[WIDTH];
                held(vm, gpa, false, (page, at, length, done) -> page.get(at, into, done, length));
                return value(into);
            }
        };

        abstract void write(Vm vm, long gpa, long value);

        abstract long read(Vm vm, long gpa);
    }

    private interface Part {
        void at(long gpa, int length, int done);
    }

    private interface Bytes {
        void at(ByteBuffer page, int offset, int length, int done);
    }

    /** Eight bytes in the pages where they lie. */
    private static void inParts(long gpa, Part part) {
        int first = Math.min(WIDTH, PAGE - Pages.offsetInPage(gpa));
        part.at(gpa, first, 0);
        if (first < WIDTH) {
            part.at(gpa + first, WIDTH - first, first);
        }
    }

    private static void held(Vm vm, long gpa, boolean forWriting, Bytes bytes) {
        try (GuestMode mode = vm.newGuestMode(dropped -> {})) {
            mode.enter();
            inParts(gpa, (at, length, done) -> {
                HeldPage page = mode.hold(at, forWriting);
                assertThat(page.outcome()).isEqualTo(Outcome.OK);
                bytes.at(page.bytes(), Pages.offsetInPage(at), length, done);
            });
            mode.leave();
        }
    }

    private static byte[] bytes(long value) {
        return ByteBuffer.allocate(WIDTH).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    private static long value(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static List<Long> pagesOf(long offset) {
        return LongStream.rangeClosed(offset / PAGE, (offset + WIDTH - 1) / PAGE).boxed().toList();
    }

    private List<Long> dirty() {
        return LongStream.of(vm.memslots().harvestDirty(SLOT).harvest().pages()).boxed().toList();
    }

    static Stream<Way> ways() {
        return Stream.of(Way.values());
    }

    @ParameterizedTest
    @MethodSource("ways")
    void whatOneWayWritesAllOthersReadAndTheLogKnows(Way way) {
        for (long offset : OFFSETS) {
            long value = 0x0123_4567_89ab_cdefL ^ offset * 0x9e37_79b9_7f4a_7c15L;
            way.write(vm, BASE + offset, value);
            assertThat(dirty()).as("%s at %x", way, offset).isEqualTo(pagesOf(offset));
            for (Way other : Way.values()) {
                assertThat(other.read(vm, BASE + offset)).as("%s by %s at %x", other, way, offset).isEqualTo(value);
            }
            assertThat(dirty()).as("reads at %x", offset).isEmpty();
            byte[] seen = new byte[WIDTH];
            host.peek(HVA + offset, seen);
            assertThat(value(seen)).as("the host at %x", offset).isEqualTo(value);
        }
    }

    @Test
    void aRewindTakesBackWhatTheyWrite() {
        OFFSETS.forEach(offset -> Way.MEMORY.write(vm, BASE + offset, offset + 1));
        List<Long> values = values(Way.MEMORY);
        List<Long> pages = OFFSETS.stream().flatMap(offset -> pagesOf(offset).stream()).sorted().distinct().toList();
        try (RamSnapshot before = vm.ram().snapshot()) {
            DirtyLogFollower follower = vm.followDirtyLog();
            follower.deliver(gfn -> true); // all of them, the first time
            for (int i = 0; i < OFFSETS.size(); i++) {
                Way.values()[i % Way.values().length].write(vm, BASE + OFFSETS.get(i), -1 - i);
            }
            List<Long> delivered = new ArrayList<>();
            follower.deliver(delivered::add);
            assertThat(delivered.stream().map(gfn -> gfn - BASE / PAGE).sorted().toList()).isEqualTo(pages);
            try (RamSnapshot after = vm.ram().snapshot()) {
                assertThat(after.pagesChangedSince(before).map(gfn -> gfn - BASE / PAGE).sorted().boxed().toList())
                        .isEqualTo(pages);
            }
            assertThat(vm.ram().rewind(before)).isEqualTo(HostResult.OK);
            for (Way way : Way.values()) {
                assertThat(values(way)).as(way.name()).isEqualTo(values);
            }
            delivered.clear();
            follower.deliver(delivered::add);
            assertThat(delivered.stream().map(gfn -> gfn - BASE / PAGE).sorted().toList()).isEqualTo(pages);
            follower.close();
        }
    }

    private List<Long> values(Way way) {
        return OFFSETS.stream().map(offset -> way.read(vm, BASE + offset)).toList();
    }

    @Test
    void behindTheLastByteThereIsNothing() {
        byte[] two = new byte[2];
        long last = BASE + SIZE - 1;
        assertThat(vm.guestMemory().write(last, two)).isEqualTo(1);
        assertThat(vm.guestMemory().read(last, two)).isEqualTo(1);
        assertThat(vm.newCache(2).activate(last)).isEqualTo(Outcome.INVALID);
        assertThat(vm.newArea().activate(last, 2)).isNotEqualTo(Outcome.OK);
        assertThat(vm.guestMemory().fill(last, PAGE, (byte) 1)).isEqualTo(1);
        assertThat(vm.guestMemory().copy(last - 3, last - 1, 4)).isEqualTo(2);
    }

    /** A guest's bus without devices. */
    private enum Nothing implements GuestTlb.Unbacked {
        THERE;

        @Override
        public long load(long gpa, int width, Outcome why) {
            throw new AssertionError(Pages.hex(gpa) + " " + why);
        }

        @Override
        public void store(long gpa, int width, long value, Outcome why) {
            throw new AssertionError(Pages.hex(gpa) + " " + why);
        }
    }
}
