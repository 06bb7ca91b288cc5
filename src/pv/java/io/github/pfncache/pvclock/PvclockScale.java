package io.github.pfncache.pvclock;

/**
 * The fixed-point factor that turns TSC ticks into nanoseconds, as the guest ABI wants it: shift the ticks, multiply
 * by a 32-bit fraction. {@code nanos = (ticks << shift) * multiplier >> 32}, or {@code >>} if the shift is negative.
 *
 * <p>All roundings are down. So the sum of two intervals' nanoseconds is never more than the nanoseconds of their sum,
 * and a clock that is re-based on its own reading never goes back.
 *
 * <p>Immutable. Kernel counterpart: {@code tsc_to_system_mul} and {@code tsc_shift}, {@code pvclock_scale_delta()}.
 *
 * @param multiplier unsigned 32-bit fraction in units of 2<sup>-32</sup>
 * @param shift left shift of the ticks, negative for a right shift; -128 to 127
 * @since 0.1.0
 */
public record PvclockScale(int multiplier, int shift) {

    /** Lowest frequency that {@link #ofFrequency} takes: 1 kHz. */
    public static final long MIN_HZ = 1_000;

    /** Highest frequency that {@link #ofFrequency} takes: 1 THz. */
    public static final long MAX_HZ = 1_000_000_000_000L;

    private static final long NANOS_PER_SECOND = 1_000_000_000;
    private static final long LOW_HALF = 0xffff_ffffL;

    /**
     * Checks the shift.
     *
     * @param multiplier unsigned 32-bit fraction in units of 2<sup>-32</sup>
     * @param shift left shift of the ticks, -128 to 127
     * @throws IllegalArgumentException if it does not fit a signed byte
     */
    public PvclockScale {
        if (shift != (byte) shift) {
            throw new IllegalArgumentException("shift=" + shift + " is not a signed byte");
        }
    }

    /**
     * The most precise factor for a frequency: its multiplier uses all 32 bits, so for {@code e} exact nanoseconds the
     * result of {@link #toNanos} is more than {@code e - e / 2^31 - 2} and not more than {@code e}.
     *
     * @param hertz ticks in a second, {@link #MIN_HZ} to {@link #MAX_HZ}
     * @return the factor
     * @throws IllegalArgumentException if the frequency is out of range
     */
    public static PvclockScale ofFrequency(long hertz) {
        requireFrequency(hertz);
        long numerator = NANOS_PER_SECOND;
        long denominator = hertz;
        int shift = 0;
        while (numerator >= denominator) { // bounded: 20 doublings take the lowest frequency past 10^9
            denominator <<= 1;
            shift++;
        }
        while (numerator << 1 < denominator) { // bounded: 10 doublings take 10^9 past half the highest frequency
            numerator <<= 1;
            shift--;
        }
        return new PvclockScale(fraction(numerator, denominator), shift);
    }

    /** {@code floor(numerator * 2^32 / denominator)} for a numerator in [denominator/2, denominator), below 2^62. */
    private static int fraction(long numerator, long denominator) {
        long remainder = numerator;
        int quotient = 0;
        for (int bit = 0; bit < Integer.SIZE; bit++) { // one bit of the quotient a turn, the highest first
            remainder <<= 1;
            quotient <<= 1;
            if (remainder >= denominator) {
                remainder -= denominator;
                quotient |= 1;
            }
        }
        return quotient;
    }

    /**
     * Checks a frequency.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    static long requireFrequency(long hertz) {
        if (hertz < MIN_HZ || hertz > MAX_HZ) {
            throw new IllegalArgumentException("frequency " + hertz + " Hz is not in " + MIN_HZ + ".." + MAX_HZ);
        }
        return hertz;
    }

    /** Whether this is the factor of a frequency in range; those that {@link #ofFrequency} gives are. */
    boolean isOfFrequency() {
        double hertz = NANOS_PER_SECOND * 0x1p32 / ((multiplier & LOW_HALF) * Math.pow(2, shift));
        return hertz > MIN_HZ - 1 && hertz < MAX_HZ + 1_000; // the multiplier was rounded down
    }

    /**
     * Ticks to nanoseconds. Of a shift that pushes bits out at the top, and of the product, the low 64 bits count, as
     * in the guest's own arithmetic.
     *
     * @param ticks unsigned 64-bit number of ticks
     * @return nanoseconds, rounded down
     */
    public long toNanos(long ticks) {
        long shifted = shifted(ticks);
        long factor = multiplier & LOW_HALF;
        // 64 by 32 bits: the upper half's product is whole, the lower half's fits 64 bits unsigned.
        return (shifted >>> 32) * factor + ((shifted & LOW_HALF) * factor >>> 32);
    }

    private long shifted(long ticks) {
        if (shift >= Long.SIZE || shift <= -Long.SIZE) {
            return 0; // the language would take the shift modulo 64
        }
        return shift >= 0 ? ticks << shift : ticks >>> -shift;
    }
}
