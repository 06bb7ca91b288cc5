package io.github.pfncache.pvclock;

import static io.github.pfncache.pvclock.ClockWorld.GPA;
import static io.github.pfncache.pvclock.ClockWorld.TSC_HZ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vm;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** To the nanosecond: what a change of a TSC does to the time, first and last values, and flags. */
final class ClockExactnessTest {

    private static final long SECOND = 1_000_000_000;
    private static final long DAY = 86_400 * SECOND;

    private final ClockWorld world = new ClockWorld(2);

    @AfterEach
    void audit() {
        world.audit();
    }

    @Test
    void aTscOfAnotherFrequencyLeavesTheTimeThatHasPassed() {
        for (long hertz : new long[] {1_000_000_007L, 3_999_999_999L, 999_999_937L, TSC_HZ}) {
            world.time.advance(DAY + 1);
            long before = world.clock.getClock();
            world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(hertz, 12_345));
            assertThat(world.clock.getClock()).as("%d Hz", hertz).isEqualTo(before);
        }
    }

    /** The time is the same function of the ticks: nothing is rounded anew. */
    @Test
    void aTscOfAnotherOffsetLeavesTheFunction() {
        long start = world.clock.tsc().read();
        long shown = world.clock.getClock();
        PvclockScale scale = PvclockScale.ofFrequency(TSC_HZ);
        for (int i = 1; i <= 1000; i++) { // so that roundings would add up
            world.time.advance(7);
            world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(TSC_HZ, i));
        }
        assertThat(world.clock.getClock()).isEqualTo(shown + scale.toNanos(world.clock.tsc().read() - start));
    }

    @Test
    void aTscThatIsSetIsInTheNextStructureOfAll() {
        world.settle(0, GPA + 0x100);
        world.settle(1, GPA + 0x200);
        int other = world.version(GPA + 0x200);
        world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(1_000_000_007L, 5));
        world.run(0);
        world.run(1);
        assertThat(world.read(GPA + 0x100).time().scale()).isEqualTo(PvclockScale.ofFrequency(1_000_000_007L));
        assertThat(world.version(GPA + 0x200)).isEqualTo(other + 2);
    }

    @Test
    void aClockThatGoesOnFromAStructureIsTheSameFunctionOfTheTscWithoutAnyRounding() {
        assertThat(world.guestWrites(0, Kvmclock.MSR_SYSTEM_TIME, GPA + 0x100 | Kvmclock.ENABLE)).isTrue();
        world.settle(0, GPA + 0x100);
        PvclockTimeInfo had = world.read(GPA + 0x100).time();
        world.time.advance(DAY + 3);
        world.clock.setClock(5);
        world.run(0);
        int version = world.version(GPA + 0x100);
        assertThat(world.clock.setClock(world.vm.vcpu(0), had)).isEqualTo(Outcome.OK);
        assertThat(world.clock.getClock()).isEqualTo(had.timeAt(world.clock.tsc().read()));
        world.run(0);
        assertThat(world.version(GPA + 0x100)).as("all are updated").isEqualTo(version + 2);
        world.time.advance(DAY);
        assertThat(world.clock.getClock()).isEqualTo(had.timeAt(world.clock.tsc().read()));
    }

    /** By a TSC that counts otherwise now: from what the time is by the structure. */
    @Test
    void aClockThatGoesOnByAnotherFrequencyGoesOnFromTheTimeNow() {
        world.time.advance(DAY + 3);
        long now = world.clock.tsc().read();
        PvclockScale other = PvclockScale.ofFrequency(999_999_937);
        PvclockTimeInfo had = new PvclockTimeInfo(now - 7_777_777, 42 * SECOND, other, 0);
        assertThat(world.clock.setClock(world.vm.vcpu(0), had)).isEqualTo(Outcome.OK);
        assertThat(world.clock.getClock()).isEqualTo(had.timeAt(now));
        world.time.advance(DAY);
        long passed = PvclockScale.ofFrequency(TSC_HZ).toNanos(world.clock.tsc().read() - now);
        assertThat(world.clock.getClock()).isEqualTo(had.timeAt(now) + passed);
    }

    /** By a TSC that the host scales: its structure's scale is its own, and the host's is another. */
    @Test
    void aClockOfAScaledTscGoesOnFromTheTimeNow() {
        world.clock.setTsc(world.vm.vcpu(0), new GuestTsc(1_000_000_007L, 99));
        world.time.advance(DAY + 3);
        long now = world.clock.readTsc(world.vm.vcpu(0));
        PvclockScale scale = PvclockScale.ofFrequency(1_000_000_007L);
        PvclockTimeInfo had = new PvclockTimeInfo(now - 7_777_777, 42 * SECOND, scale, 0);
        assertThat(world.clock.setClock(world.vm.vcpu(0), had)).isEqualTo(Outcome.OK);
        assertThat(world.clock.getClock()).isEqualTo(had.timeAt(now));
        world.time.advance(DAY);
        assertThat(world.clock.getClock())
                .isCloseTo(had.timeAt(world.clock.readTsc(world.vm.vcpu(0))), within(2L));
    }

    @Test
    void withoutATscTheClockCountsNanoseconds() {
        Vm vm = Vm.builder().clock(world.time).build();
        Kvmclock clock = Kvmclock.attach(vm);
        assertThat(clock.tsc().frequencyHz()).isEqualTo(SECOND);
        assertThat(clock.tscOf(vm.vcpu(0))).isEqualTo(new GuestTsc(SECOND, 0));
        world.time.advance(SECOND);
        assertThat(clock.getClock()).isEqualTo(PvclockScale.ofFrequency(SECOND).toNanos(SECOND));
    }

    @Test
    void aShiftOfAllBitsLeavesNone() {
        for (int shift : new int[] {-128, -65, -64, 64, 65, 127}) {
            assertThat(new PvclockScale(-1, shift).toNanos(-1)).as("shift %d", shift).isZero();
        }
        assertThat(new PvclockScale(-1, -63).toNanos(-1)).isZero(); // one tick is less than a nanosecond
        assertThat(new PvclockScale(-1, -62).toNanos(-1)).isEqualTo(2);
        assertThat(new PvclockScale(1 << 31, 63).toNanos(1)).isEqualTo(1L << 62);
    }

    @Test
    void flagsComeAndGoAndTheMomentStays() {
        PvclockTimeInfo time = new PvclockTimeInfo(3, 5, new PvclockScale(7, 9), 0b1101);
        assertThat(time.withoutFlags(0b0110)).isEqualTo(new PvclockTimeInfo(3, 5, new PvclockScale(7, 9), 0b1001));
        assertThat(time.withFlags(0b0110)).isEqualTo(new PvclockTimeInfo(3, 5, new PvclockScale(7, 9), 0b1111));
    }

    @Test
    void oneAttemptIsEnoughForAReader() {
        PvclockReader reader = new PvclockReader(offset -> offset == PvclockTimeInfo.VERSION ? 4 : 0, 1);
        assertThat(reader.read().status()).isEqualTo(PvclockReader.Status.OK);
    }

    @Test
    void timeThatWasStolenHasMoreThan32BitsAndMayBeNone() {
        world.fill((byte) 0);
        world.guestWrites(0, StealTime.MSR_STEAL_TIME, GPA + 0x100 | 1);
        world.run(0);
        world.steal.addSteal(world.vm.vcpu(0), 0);
        world.steal.addSteal(world.vm.vcpu(0), 5 * SECOND);
        world.steal.addSteal(world.vm.vcpu(0), DAY);
        assertThatIllegalArgumentException().isThrownBy(() -> world.steal.addSteal(world.vm.vcpu(0), -1));
        world.run(0);
        assertThat(world.bytes(GPA + 0x100, 8).getLong()).isEqualTo(5 * SECOND + DAY);
    }
}
