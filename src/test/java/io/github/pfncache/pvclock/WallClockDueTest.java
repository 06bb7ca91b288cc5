package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.HVA;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A wall clock whose page does not hold still when its register is written, and the first and last of its values. */
final class WallClockDueTest {

    private static final long SECOND = 1_000_000_000;
    private static final long HERE = GPA + 0x100;
    private static final long THERE = GPA + 0x2100;
    private static final long END = GPA + (long) ClockWorld.NPAGES * Pages.PAGE_SIZE;
    private static final int UNWRITTEN = 0xaaaaaaaa;

    private final ClockWorld world = new ClockWorld(2);

    @AfterEach
    void audit() {
        world.audit();
    }

    private void register(long gpa) {
        world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, gpa);
    }

    private void whileThePageMoves(Runnable body) {
        whileItMoves(HVA, body);
    }

    /** On a thread that is inside an invalidation of a page, nothing can be brought in there. */
    private void whileItMoves(long page, Runnable body) {
        boolean[] done = new boolean[1];
        MmuNotifier inside = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                if (!done[0]) {
                    done[0] = true;
                    body.run();
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {}
        };
        world.host.registerNotifier(inside);
        world.host.migrate(page);
        world.host.unregisterNotifier(inside);
        assertThat(done).containsExactly(true);
    }

    @Test
    void whatCouldNotBeWrittenIsWrittenByTheNextEntryOnceAndIsOfItsOwnMoment() {
        world.time.advance(7 * SECOND);
        world.clock.setClock(3 * SECOND); // so that the guest's clock read zero four seconds later
        whileThePageMoves(() -> register(HERE));
        assertThat(world.version(HERE)).as("not yet").isEqualTo(UNWRITTEN);
        world.clock.setClock(0);
        whileThePageMoves(() -> world.run(1));
        assertThat(world.version(HERE)).as("nor by this entry").isEqualTo(UNWRITTEN);
        world.run(1);
        assertThat(world.version(HERE)).isEqualTo(UNWRITTEN + 2);
        assertThat(world.bytes(HERE + 4, 4).getInt()).isEqualTo((int) (ClockWorld.BOOT_REALTIME / SECOND + 4));
        world.run(0);
        assertThat(world.version(HERE)).as("once").isEqualTo(UNWRITTEN + 2);
    }

    @ParameterizedTest
    @ValueSource(longs = {THERE, 0, 0x900000, -1})
    void aLaterRegisterSupersedesWhatWaits(long later) {
        whileThePageMoves(() -> register(HERE));
        register(later);
        world.run(0);
        assertThat(world.version(HERE)).as("at the former place").isEqualTo(UNWRITTEN);
        assertThat(world.version(THERE)).isEqualTo(later == THERE ? UNWRITTEN + 2 : UNWRITTEN);
    }

    /** The one is tried by an entry, in the middle of which the other comes to wait, too. */
    @Test
    void ofTwoThatCannotBeWrittenTheLaterWaits() {
        long second = HVA + Pages.PAGE_SIZE;
        long across = GPA + Pages.PAGE_SIZE - 6;
        long later = GPA + Pages.PAGE_SIZE + 0x100;
        whileItMoves(second, () -> register(across));
        int[] faults = new int[1];
        world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), fault -> {
            if (faults[0]++ == 0) {
                register(later);
            }
            return PageFaultHandler.Decision.RESOLVE;
        }, true, false);
        world.host.evict(HVA, 1);
        whileItMoves(second, () -> world.run(1));
        assertThat(faults[0]).isPositive();
        assertThat(world.version(later)).as("not yet").isEqualTo(UNWRITTEN);
        world.run(0);
        assertThat(world.version(later)).isEqualTo(UNWRITTEN + 2);
        assertThat(world.version(across)).as("at the former place").isEqualTo(UNWRITTEN);
    }

    @Test
    void whatAPageFaultHandlerRefusesIsNotWrittenLater() {
        world.host.evict(HVA, 1);
        PageFaultHandler broken = fault -> {
            throw new IllegalStateException("no network");
        };
        world.host.registerFaultHandler(HvaRange.ofPages(HVA, 1), broken, true, false);
        assertThatThrownBy(() -> register(HERE)).hasMessage("no network");
        assertThat(world.vm.vcpu(0).readMsr(Kvmclock.MSR_WALL_CLOCK)).isEqualTo(HERE);
        assertThat(world.vm.caches().activeCaches()).as("left in use").isEmpty();
        world.host.unregisterFaultHandler(broken);
        world.run(0);
        assertThat(world.version(HERE)).isEqualTo(UNWRITTEN);
        register(HERE);
        assertThat(world.version(HERE)).isEqualTo(UNWRITTEN + 2);
    }

    @Test
    void aPageThatIsNotThereIsBroughtIn() {
        register(HERE);
        world.host.evict(HVA, ClockWorld.NPAGES);
        register(HERE + Pages.PAGE_SIZE - 0x106); // over the end of the page
        assertThat(world.version(HERE + Pages.PAGE_SIZE - 0x106)).isEqualTo(UNWRITTEN + 2);
        register(HERE);
        assertThat(world.version(HERE)).isEqualTo(UNWRITTEN + 4);
    }

    /** As many bytes are written as there is memory for, and at least the version. */
    @Test
    void isCutWhereMemoryEndsDownToTheVersionAlone() {
        for (int length = 11; length >= 4; length--) { // the bytes that there is memory for
            world.fill(ClockWorld.FILL);
            register(END - length);
            assertThat(world.version(END - length)).as("%d bytes", length).isEqualTo(UNWRITTEN + 2);
            assertThat(world.bytes(END - length - 1, 1).get()).isEqualTo(ClockWorld.FILL);
            ByteBuffer body = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            body.putInt((int) (ClockWorld.BOOT_REALTIME / SECOND)).putInt((int) (ClockWorld.BOOT_REALTIME % SECOND));
            byte[] written = new byte[length];
            world.bytes(END - length, length).get(written);
            assertThat(Arrays.copyOfRange(written, 4, length))
                    .as("%d bytes", length)
                    .isEqualTo(Arrays.copyOf(body.array(), length - 4));
        }
    }

    /** Nanoseconds count up from the second below, also before 1970; a second has 32 bits. */
    @ParameterizedTest
    @ValueSource(longs = {
        -1, 0, 1, -SECOND, -SECOND - 1, SECOND - 1, SECOND, (1L << 31) * SECOND, -(1L << 31) * SECOND - 1,
        Long.MAX_VALUE, Long.MIN_VALUE
    })
    void isTheRealTimeAlsoBefore1970(long realtime) {
        HostClock still = new HostClock() {
            @Override
            public long monotonicNanos() {
                return 0;
            }

            @Override
            public long realtimeNanos() {
                return realtime;
            }
        };
        Vm vm = Vm.builder().clock(still).build();
        vm.host().mapAnonymous(HVA, 1, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, Pages.PAGE_SIZE, HVA);
        Kvmclock.attach(vm);
        vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK, GPA);
        byte[] bytes = new byte[12];
        vm.host().peek(HVA, bytes);
        ByteBuffer wall = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(wall.getInt(4)).isEqualTo((int) Math.floorDiv(realtime, SECOND));
        assertThat(wall.getInt(8)).isEqualTo((int) Math.floorMod(realtime, SECOND)).isBetween(0, (int) SECOND - 1);
    }
}
