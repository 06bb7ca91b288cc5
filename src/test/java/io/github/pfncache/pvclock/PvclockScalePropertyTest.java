package io.github.pfncache.pvclock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

/** Ticks to nanoseconds, against exact arithmetic. */
final class PvclockScalePropertyTest {

    private static final BigInteger BILLION = BigInteger.valueOf(1_000_000_000);

    private static BigInteger exactNanos(long ticks, long hertz) {
        return BigInteger.valueOf(ticks).multiply(BILLION).divide(BigInteger.valueOf(hertz));
    }

    @Property
    void isNeverAheadAndBehindByLessThanItsBound(
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz,
            @ForAll @LongRange(min = 0, max = 1L << 42) long ticks) {
        BigInteger exact = exactNanos(ticks, hertz);
        BigInteger behind = exact.subtract(BigInteger.valueOf(PvclockScale.ofFrequency(hertz).toNanos(ticks)));
        assertThat(behind).isBetween(BigInteger.ZERO, exact.shiftRight(31).add(BigInteger.TWO));
    }

    @Property
    void usesAllBitsOfTheMultiplier(
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz) {
        assertThat(PvclockScale.ofFrequency(hertz).multiplier()).as("top bit set").isNegative();
    }

    /** What makes a re-based clock monotonic. */
    @Property
    void twoPartsAreNeverMoreThanTheirWhole(
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz,
            @ForAll @LongRange(min = 0, max = 1L << 41) long first,
            @ForAll @LongRange(min = 0, max = 1L << 41) long second) {
        PvclockScale scale = PvclockScale.ofFrequency(hertz);
        assertThat(scale.toNanos(first) + scale.toNanos(second)).isLessThanOrEqualTo(scale.toNanos(first + second));
    }

    /** The ABI's arithmetic for any factor that a guest may find in its memory. */
    @Property
    void anyFactorIsComputedModulo64Bits(@ForAll int multiplier, @ForAll byte shift, @ForAll long ticks) {
        BigInteger word = BigInteger.ONE.shiftLeft(64);
        BigInteger shifted = BigInteger.valueOf(ticks).mod(word).shiftLeft(shift).mod(word);
        BigInteger nanos = shifted.multiply(BigInteger.valueOf(Integer.toUnsignedLong(multiplier))).shiftRight(32);
        assertThat(new PvclockScale(multiplier, shift).toNanos(ticks)).isEqualTo(nanos.longValue());
    }

    @Property
    void aTscFromAClockIsExact(
            @ForAll @LongRange(min = 0, max = 1L << 60) long nanos,
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz) {
        BigInteger exact = BigInteger.valueOf(nanos).multiply(BigInteger.valueOf(hertz)).divide(BILLION);
        assertThat(HostClockTsc.ticks(nanos, hertz)).isEqualTo(exact.longValue());
    }

    @Property
    void aTscFromAClockBeforeZeroIsRoundedDownToo(@ForAll @LongRange(min = -1L << 60, max = -1) long nanos) {
        assertThat(HostClockTsc.ticks(nanos, 2_500_000_000L)).isEqualTo(Math.floorDiv(nanos * 5, 2L));
    }

    @Example
    void knownFrequenciesHaveKnownFactors() {
        assertThat(PvclockScale.ofFrequency(1_000_000_000L)).isEqualTo(new PvclockScale(1 << 31, 1));
        assertThat(PvclockScale.ofFrequency(2_000_000_000L)).isEqualTo(new PvclockScale(1 << 31, 0));
        assertThat(PvclockScale.ofFrequency(4_000_000_000L)).isEqualTo(new PvclockScale(1 << 31, -1));
        assertThat(PvclockScale.ofFrequency(PvclockScale.MIN_HZ).toNanos(1)).isBetween(999_998L, 1_000_000L);
        assertThat(PvclockScale.ofFrequency(PvclockScale.MAX_HZ).toNanos(1_000_000)).isBetween(998L, 1_000L);
    }

    @Example
    void frequenciesAndShiftsOutOfRangeAreRefused() {
        for (long hertz : new long[] {0, -1, PvclockScale.MIN_HZ - 1, PvclockScale.MAX_HZ + 1, Long.MIN_VALUE}) {
            assertThatIllegalArgumentException().isThrownBy(() -> PvclockScale.ofFrequency(hertz));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new PvclockScale(1, 128));
        assertThatIllegalArgumentException().isThrownBy(() -> new PvclockScale(1, -129));
    }
}
