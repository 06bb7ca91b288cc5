package io.github.pfncache.pvclock;

/**
 * The time stamp counter of one vCPU, as a function of the host's: scaled, then offset.
 *
 * <p>Exact: {@code floor(host * frequencyHz / hostHz) + offset} modulo 2<sup>64</sup>. Where the frequencies differ, it
 * jumps when the host's counter wraps. Immutable. Kernel counterpart: {@code KVM_SET_TSC_KHZ} and the attribute {@code
 * KVM_VCPU_TSC_OFFSET}.
 *
 * @param frequencyHz ticks in a second, {@link PvclockScale#MIN_HZ} to {@link PvclockScale#MAX_HZ}
 * @param offset what is added, in ticks of this counter
 * @since 0.1.0
 */
public record GuestTsc(long frequencyHz, long offset) {

    private static final int HALF = 20; // frequencies have at most 40 bits

    /**
     * Checks the frequency.
     *
     * @param frequencyHz ticks in a second, {@link PvclockScale#MIN_HZ} to {@link PvclockScale#MAX_HZ}
     * @param offset what is added, in ticks of this counter
     * @throws IllegalArgumentException if the frequency is out of range
     */
    public GuestTsc {
        PvclockScale.requireFrequency(frequencyHz);
    }

    /**
     * A counter that has a value at a moment.
     *
     * @param frequencyHz ticks in a second
     * @param value what it reads, any value
     * @param host the host's counter, read at that moment
     * @param hostHz how fast that counts
     * @return the counter
     * @throws IllegalArgumentException if a frequency is out of range
     */
    public static GuestTsc reading(long frequencyHz, long value, long host, long hostHz) {
        return new GuestTsc(frequencyHz, value - new GuestTsc(frequencyHz, 0).at(host, hostHz));
    }

    /**
     * What it reads.
     *
     * @param host the host's counter, unsigned
     * @param hostHz how fast that counts, ticks in a second
     * @return the counter, unsigned
     * @throws IllegalArgumentException if the host's frequency is out of range
     */
    public long at(long host, long hostHz) {
        PvclockScale.requireFrequency(hostHz);
        if (hostHz == frequencyHz) {
            return host + offset;
        }
        long seconds = Long.divideUnsigned(host, hostHz);
        long rest = Long.remainderUnsigned(host, hostHz);
        // rest * frequencyHz / hostHz in two digits: each product is below 2^60, each remainder below 2^40.
        long high = rest * (frequencyHz >>> HALF);
        long low = (high % hostHz << HALF) + rest * (frequencyHz & (1 << HALF) - 1);
        return seconds * frequencyHz + (high / hostHz << HALF) + low / hostHz + offset;
    }
}
