package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.BOOT_REALTIME;
import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.TSC_HZ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.RuleViolation;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the guest reads: the time, the wall clock. */
final class KvmclockTimeTest {

    private static final long SECOND = 1_000_000_000L;

    final ClockWorld world = new ClockWorld(1);

    @AfterEach
    void audit() {
        world.audit();
    }

    long guestTime(long gpa) {
        return world.read(gpa).time().timeAt(world.clock.tsc().read());
    }

    @Test
    void startsAtZero() {
        assertThat(world.clock.getClock()).isZero();
        world.time.advance(SECOND);
        assertThat(world.clock.getClock()).isBetween(SECOND - 2, SECOND);
    }

    @Test
    void theGuestComputesTheHostsTimeLongAfterAnUpdate() {
        world.settle(0, GPA + 0x100);
        world.clock.setClock(1234 * SECOND);
        world.run(0);
        for (long elapsed = 0; elapsed < 3600; elapsed += 600) { // an hour, without another update
            assertThat(guestTime(GPA + 0x100))
                    .as("after %d s", elapsed)
                    .isEqualTo(world.clock.getClock())
                    .isBetween((1234 + elapsed) * SECOND - 2000, (1234 + elapsed) * SECOND);
            world.time.advance(600 * SECOND);
        }
    }

    @Test
    void aGuestsTimeGoesOnAsTheFunctionOfTheTscThatItWas() {
        world.settle(0, GPA + 0x100);
        world.clock.setClock(77 * SECOND + 12_345);
        world.run(0);
        PvclockTimeInfo before = world.read(GPA + 0x100).time();
        world.time.advance(3 * SECOND + 7);
        world.clock.setClock(5); // as on a machine of another age
        assertThat(world.clock.setClock(world.vm.vcpu(0), before)).isEqualTo(Outcome.OK);
        for (long elapsed = 0; elapsed < 100_000; elapsed += 9_973) { // ten days, with updates
            world.clock.requestUpdateOfAll();
            world.run(0);
            long tsc = world.clock.tsc().read();
            assertThat(world.read(GPA + 0x100).time().timeAt(tsc)).isCloseTo(before.timeAt(tsc), within(2L));
            world.time.advance(elapsed * SECOND / 10 + 1);
        }
    }

    /** As after a migration to a host that was booted later, and whose TSC counts at another frequency. */
    @Test
    void aVcpusTscGoesOnScaledAndOffset() {
        world.settle(0, GPA + 0x100);
        world.clock.setClock(50 * SECOND);
        world.time.advance(7 * SECOND);
        long value = -12_345; // near its end
        GuestTsc function = GuestTsc.reading(1_000_000_007L, value, world.clock.tsc().read(), TSC_HZ);
        world.clock.setTsc(world.vm.vcpu(0), function);
        assertThat(world.clock.readTsc(world.vm.vcpu(0))).isEqualTo(value);
        assertThat(world.clock.tscOf(world.vm.vcpu(0))).isEqualTo(function);
        for (int hours = 0; hours < 24; hours++) {
            world.run(0);
            PvclockTimeInfo told = world.read(GPA + 0x100).time();
            assertThat(told.scale()).isEqualTo(PvclockScale.ofFrequency(1_000_000_007L));
            assertThat(told.has(PvclockTimeInfo.FLAG_TSC_STABLE)).as("it is the only one").isTrue();
            world.time.advance(3600 * SECOND);
            long tsc = world.clock.readTsc(world.vm.vcpu(0));
            assertThat(tsc - value).isEqualTo((hours + 1) * 3600 * 1_000_000_007L);
            assertThat(told.timeAt(tsc)).isBetween(world.clock.getClock() - 1, world.clock.getClock());
            assertThat(world.clock.getClock()).isCloseTo((57 + (hours + 1) * 3600L) * SECOND, within(86_400L));
            world.clock.requestUpdateOfAll();
        }
    }

    @Test
    void twoVcpusWithDifferentOffsetsAreToldTheSameTimeAndNoStableTsc() {
        ClockWorld two = new ClockWorld(2);
        two.settle(0, GPA + 0x100);
        two.settle(1, GPA + 0x200);
        two.clock.setTsc(two.vm.vcpu(1), new GuestTsc(TSC_HZ, 1_000_000));
        two.time.advance(5 * SECOND);
        two.run(0);
        two.run(1);
        PvclockTimeInfo first = two.read(GPA + 0x100).time();
        PvclockTimeInfo second = two.read(GPA + 0x200).time();
        two.time.advance(3 * SECOND);
        assertThat(second.tscTimestamp() - first.tscTimestamp()).isEqualTo(1_000_000);
        assertThat(first.timeAt(two.clock.readTsc(two.vm.vcpu(0))))
                .isEqualTo(second.timeAt(two.clock.readTsc(two.vm.vcpu(1))));
        assertThat(first.has(PvclockTimeInfo.FLAG_TSC_STABLE)).isFalse();
        two.clock.setTsc(two.vm.vcpu(0), new GuestTsc(TSC_HZ, 1_000_000));
        two.run(0);
        assertThat(two.read(GPA + 0x100).time().has(PvclockTimeInfo.FLAG_TSC_STABLE)).isTrue();
        assertThat(two.clock.setClock(two.vm.vcpu(1), second)).isEqualTo(Outcome.OK);
        two.run(1);
        long tsc = two.clock.readTsc(two.vm.vcpu(1));
        assertThat(two.read(GPA + 0x200).time().timeAt(tsc)).isCloseTo(second.timeAt(tsc), within(2L));
        two.audit();
    }

    @Test
    void aStructureThatCannotHaveBeenIsRefused() {
        world.settle(0, GPA + 0x100);
        world.time.advance(SECOND);
        world.clock.setClock(9 * SECOND);
        world.run(0);
        int version = world.version(GPA + 0x100);
        long now = world.clock.tsc().read();
        PvclockScale scale = PvclockScale.ofFrequency(TSC_HZ);
        for (PvclockTimeInfo wrong : new PvclockTimeInfo[] {
            new PvclockTimeInfo(now + 1_000_000, 5, scale, 0), new PvclockTimeInfo(0, 5, new PvclockScale(0, 0), 0),
            new PvclockTimeInfo(0, 5, new PvclockScale(1, -30), 0),
            new PvclockTimeInfo(0, 5, new PvclockScale(-1, 40), 0)
        }) {
            assertThat(world.clock.setClock(world.vm.vcpu(0), wrong)).as("%s", wrong).isEqualTo(Outcome.INVALID);
            world.run(0);
            assertThat(world.version(GPA + 0x100)).as("nothing is updated").isEqualTo(version);
            assertThat(world.clock.getClock()).isBetween(9 * SECOND, 9 * SECOND + 2_000);
        }
        for (long hertz : new long[] {PvclockScale.MIN_HZ, 999_999_999, 3_400_000_001L, PvclockScale.MAX_HZ}) {
            PvclockTimeInfo other = new PvclockTimeInfo(now, 3 * SECOND, PvclockScale.ofFrequency(hertz), 0);
            assertThat(world.clock.setClock(world.vm.vcpu(0), other)).as("%s Hz", hertz).isEqualTo(Outcome.OK);
            assertThat(world.clock.getClock()).isBetween(3 * SECOND, 4 * SECOND);
        }
    }

    /** The guest's counter wraps around between the structure and now. */
    @Test
    void aStructureOfBeforeTheCounterWrappedIsGoneOnFrom() {
        world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(TSC_HZ, Long.MAX_VALUE - 1_000));
        PvclockTimeInfo had = world.clock.timeFor(world.vm.vcpu(0));
        world.time.advance(SECOND);
        assertThat(world.clock.setClock(world.vm.vcpu(0), had)).isEqualTo(Outcome.OK);
        assertThat(world.clock.getClock()).isBetween(SECOND - 2, SECOND);
    }

    @Test
    void canBeSetBackAndForth() {
        world.settle(0, GPA + 0x100);
        for (long nanos : new long[] {50 * SECOND, 3, 0, Long.MAX_VALUE}) {
            world.clock.setClock(nanos);
            world.run(0);
            assertThat(guestTime(GPA + 0x100)).isEqualTo(nanos);
            assertThat(world.clock.getClock()).isEqualTo(nanos);
        }
    }

    @Test
    void anUpdateTakesItsTimeWhenTheMemoryIsThere() {
        world.settle(0, GPA + 0x100);
        world.host.discard(ClockWorld.HVA, 1);
        PageFaultHandler slow = fault -> {
            world.time.advance(SECOND);
            return PageFaultHandler.Decision.RESOLVE;
        };
        world.host.registerFaultHandler(
                HvaRange.ofPages(ClockWorld.HVA, 1), slow, true, false);
        world.clock.setClock(0);
        world.run(0);
        world.host.unregisterFaultHandler(slow);
        assertThat(world.read(GPA + 0x100).time().systemTime()).isBetween(SECOND - 2, SECOND);
    }

    @Test
    void aVcpusValueIsTheSameForEverybodyWhoShowsIt() {
        PvclockTimeInfo value = world.clock.timeFor(world.vm.vcpu(0));
        world.settle(0, GPA + 0x100);
        PvclockTimeInfo shown = world.read(GPA + 0x100).time();
        assertThat(shown.scale()).isEqualTo(value.scale()).isEqualTo(PvclockScale.ofFrequency(TSC_HZ));
        assertThat(value.has(PvclockTimeInfo.FLAG_TSC_STABLE)).isTrue();
    }

    @Test
    void aCounterThatGoesBackIsABrokenRule() {
        AtomicLong ticks = new AtomicLong(1000);
        TscSource broken = new TscSource() {
            @Override
            public long read() {
                return ticks.get();
            }

            @Override
            public long frequencyHz() {
                return SECOND;
            }
        };
        Vm vm = Vm.builder().build();
        vm.host().mapAnonymous(ClockWorld.HVA, 1, Protection.READ_WRITE);
        vm.memslots().set(0, 0, GPA, 4096, ClockWorld.HVA);
        Kvmclock clock = Kvmclock.attach(vm, broken);
        vm.vcpu(0).writeMsr(Kvmclock.MSR_SYSTEM_TIME, GPA | 1);
        ticks.set(2000);
        vm.vcpu(0).run(() -> {});
        ticks.set(1500);
        clock.requestUpdate(vm.vcpu(0));
        assertThatExceptionOfType(RuleViolation.class)
                .isThrownBy(() -> vm.vcpu(0).run(() -> {}))
                .withMessageContaining(PvclockRule.I12_TIME_IS_MONOTONIC.name());
    }

    @Test
    void frequenciesOutOfRangeAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> TscSource.of(world.time, 999));
        assertThatIllegalArgumentException().isThrownBy(() -> TscSource.of(world.time, PvclockScale.MAX_HZ + 1));
    }

    @Nested
    class WallClockRegister {

        private static final long SEC = BOOT_REALTIME / SECOND;
        private static final long NSEC = BOOT_REALTIME % SECOND;

        void write(long gpa) {
            assertThat(world.guestWrites(0, Kvmclock.MSR_WALL_CLOCK, gpa)).isTrue();
        }

        /** 77 s of ticks are up to 77e9 / 2^31 + 2 ns short. */
        void assertBootTime(long gpa, int version) {
            ByteBuffer wall = world.bytes(gpa, 12);
            assertThat(wall.getInt(0)).isEqualTo(version);
            assertThat(Integer.toUnsignedLong(wall.getInt(4))).isEqualTo(SEC);
            assertThat(Integer.toUnsignedLong(wall.getInt(8))).isBetween(NSEC, NSEC + 38);
        }

        @Test
        void isTheRealTimeWhenTheClockReadZero() {
            world.time.advance(77 * SECOND + 5);
            write(GPA + 0x100);
            assertBootTime(GPA + 0x100, 0xaaaaaaac);
            assertThat(world.bytes(GPA + 0x10c, 4).getInt()).isEqualTo(0xaaaaaaaa);
            assertThat(world.vm.vcpu(0).readMsr(Kvmclock.MSR_WALL_CLOCK)).isEqualTo(GPA + 0x100);
            assertThat(world.vm.vcpu(0).readMsr(Kvmclock.MSR_WALL_CLOCK_OLD)).isEqualTo(GPA + 0x100);
        }

        @Test
        void isWrittenOnceAtAnyAlignment() {
            write(GPA + 0x101);
            assertThat(world.vm.caches().activeCaches()).as("none is needed any more").isEmpty();
            world.clock.setClock(0);
            world.run(0);
            assertBootTime(GPA + 0x101, 0xaaaaaaac);
        }

        @Test
        void makesAnOddVersionEven() {
            world.pokeInt(GPA, 7);
            world.vm.vcpu(0).writeMsr(Kvmclock.MSR_WALL_CLOCK_OLD, GPA);
            assertBootTime(GPA, 10);
        }

        @Test
        void mayCrossPagesAndMarksBothDirty() {
            world.logged();
            write(GPA + 0xffa);
            assertBootTime(GPA + 0xffa, 0xaaaaaaac);
            assertThat(world.dirty()).containsExactly(0L, 1L);
        }

        @Test
        void isCutWhereMemoryEnds() {
            long last = GPA + 4096 * ClockWorld.NPAGES - 6;
            write(last);
            assertThat(world.version(last)).isEqualTo(0xaaaaaaac);
            assertThat(world.bytes(last + 4, 2).getShort()).isEqualTo((short) SEC);
        }

        @Test
        void isNotWrittenWhereTheVersionDoesNotFitMemory() {
            write(GPA + 4096 * ClockWorld.NPAGES - 2);
            assertThat(world.bytes(GPA + 4096 * ClockWorld.NPAGES - 2, 2).getShort()).isEqualTo((short) 0xaaaa);
        }

        @Test
        void isLostInSilenceWithoutWritableMemory() {
            for (long gpa : new long[] {0x900000, -1, -4, 1L << 52, 0}) {
                write(gpa);
            }
            world.deleteSlot();
            world.slot(Memslot.FLAG_READONLY);
            write(GPA);
            assertThat(world.version(GPA)).isEqualTo(0xaaaaaaaa);
            assertThat(world.clock.guestStopped(world.vm.vcpu(0))).isEqualTo(Outcome.INACTIVE);
        }

        @Test
        void zeroIsNoAddress() {
            world.vm.memslots().set(9, 0, 0, 4096, ClockWorld.HVA);
            write(0);
            assertThat(world.version(GPA)).isEqualTo(0xaaaaaaaa);
            assertThat(world.vm.vcpu(0).readMsr(Kvmclock.MSR_WALL_CLOCK)).isZero();
        }
    }
}
