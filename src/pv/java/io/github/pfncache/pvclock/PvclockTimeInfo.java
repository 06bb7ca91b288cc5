package io.github.pfncache.pvclock;

/**
 * One value of the clock structure that host and guest share: the TSC and the time at one moment, and the scale from
 * ticks to nanoseconds. The version is not part of the value: it belongs to the place where the value is written, see
 * {@link PvclockField}.
 *
 * <pre>
 *  offset  0         4         8                   16                  24        28    29    30    32
 *          +---------+---------+-------------------+-------------------+---------+-----+-----+-----+
 *          | version |  pad 0  |   tsc_timestamp   |    system_time    | mul     |shift|flags| pad |
 *          |   u32   |         |        u64        |        u64, ns    | u32     | s8  | u8  |     |
 *          +---------+---------+-------------------+-------------------+---------+-----+-----+-----+
 * </pre>
 *
 * <p>Little endian, at any alignment. Immutable. Kernel counterpart: {@code struct pvclock_vcpu_time_info}.
 *
 * @param tscTimestamp the TSC at the moment that the value describes, unsigned
 * @param systemTime nanoseconds of the guest's clock at that moment
 * @param scale ticks to nanoseconds
 * @param flags {@link #FLAG_TSC_STABLE}, {@link #FLAG_GUEST_STOPPED}, {@link #FLAG_COUNTS_FROM_ZERO}; 0 to 255
 * @since 0.1.0
 */
public record PvclockTimeInfo(long tscTimestamp, long systemTime, PvclockScale scale, int flags) {

    /** Bytes of the structure. */
    public static final int SIZE = 32;

    /** All vCPUs' clocks agree: the guest need not compare them. */
    public static final int FLAG_TSC_STABLE = 1 << 0;

    /** The host has stopped the guest for a while: its watchdogs should not complain. The guest clears it. */
    public static final int FLAG_GUEST_STOPPED = 1 << 1;

    /** The clock started at zero. Part of the ABI; not set here. */
    public static final int FLAG_COUNTS_FROM_ZERO = 1 << 2;

    // The layout. No other class writes these numbers.
    static final int VERSION = 0;
    static final int PAD_0 = 4;
    static final int TSC_TIMESTAMP = 8;
    static final int SYSTEM_TIME = 16;
    static final int TSC_TO_SYSTEM_MUL = 24;
    static final int TSC_SHIFT = 28;
    static final int FLAGS = 29;
    static final int PAD_1 = 30;

    /**
     * Checks the flags.
     *
     * @param tscTimestamp the TSC at the moment that the value describes, unsigned
     * @param systemTime nanoseconds of the guest's clock at that moment
     * @param scale ticks to nanoseconds
     * @param flags 0 to 255
     * @throws IllegalArgumentException if they do not fit a byte
     */
    public PvclockTimeInfo {
        if (flags != (flags & 0xff)) {
            throw new IllegalArgumentException("flags=0x" + Integer.toHexString(flags) + " do not fit a byte");
        }
    }

    /**
     * The guest's time at a value of the TSC.
     *
     * @param tsc the counter, not before {@link #tscTimestamp}; modulo 2<sup>64</sup>
     * @return nanoseconds of the guest's clock, rounded down
     */
    public long timeAt(long tsc) {
        return systemTime + scale.toNanos(tsc - tscTimestamp);
    }

    /**
     * Whether a flag is set.
     *
     * @param flag one or more of the flags
     * @return true iff all of them are set
     */
    public boolean has(int flag) {
        return (flags & flag) == flag;
    }

    /**
     * The same moment with other flags added.
     *
     * @param more flags to set
     * @return this value with them
     */
    public PvclockTimeInfo withFlags(int more) {
        return new PvclockTimeInfo(tscTimestamp, systemTime, scale, flags | more);
    }

    /**
     * The same moment with flags taken away.
     *
     * @param fewer those that are not there any more
     * @return this value without them
     */
    public PvclockTimeInfo withoutFlags(int fewer) {
        return new PvclockTimeInfo(tscTimestamp, systemTime, scale, flags & ~fewer);
    }
}
