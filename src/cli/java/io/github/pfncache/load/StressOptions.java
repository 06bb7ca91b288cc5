package io.github.pfncache.load;

/**
 * How much load, and which.
 *
 * @param seed the plan of every thread
 * @param seconds ends the load; 0 for no limit
 * @param accesses ends the load; 0 for no limit
 * @param vcpus number of vCPU threads, 1 to {@link #MAX_VCPUS}
 * @param devices number of device threads, 1 to {@link #MAX_DEVICES}
 * @param rate most actions in a second of each thread that gets in their way, 1 to {@link #MAX_RATE}
 */
public record StressOptions(long seed, long seconds, long accesses, int vcpus, int devices, int rate) {

    /** Most vCPUs. */
    public static final int MAX_VCPUS = 5;

    /** Most devices. */
    public static final int MAX_DEVICES = 8;

    /** A rate that suits most loads. */
    public static final int DEFAULT_RATE = 20_000;

    /** Highest rate: without a rest. */
    public static final int MAX_RATE = 1_000_000_000;

    /** Longest load: a month. */
    public static final long MAX_SECONDS = 31L * 24 * 60 * 60;

    /** Largest load. */
    public static final long MAX_ACCESSES = 1L << 50;

    /**
     * A load at the usual rate.
     *
     * @param seed as above
     * @param seconds as above
     * @param accesses as above
     * @param vcpus as above
     * @param devices as above
     */
    public StressOptions(long seed, long seconds, long accesses, int vcpus, int devices) {
        this(seed, seconds, accesses, vcpus, devices, DEFAULT_RATE);
    }

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException if a number is out of its range, or there is no limit at all
     */
    public StressOptions {
        if (vcpus < 1 || vcpus > MAX_VCPUS || devices < 1 || devices > MAX_DEVICES) {
            throw new IllegalArgumentException("vcpus=" + vcpus + " devices=" + devices);
        }
        if (rate < 1 || rate > MAX_RATE) {
            throw new IllegalArgumentException("rate=" + rate);
        }
        if (seconds < 0 || seconds > MAX_SECONDS || accesses < 0 || accesses > MAX_ACCESSES
                || seconds == 0 && accesses == 0) {
            throw new IllegalArgumentException("seconds=" + seconds + " accesses=" + accesses);
        }
    }
}
