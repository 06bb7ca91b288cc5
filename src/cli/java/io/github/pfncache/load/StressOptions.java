package io.github.pfncache.load;

/**
 * How much load, and which.
 *
 * @param seed the plan of every thread
 * @param seconds ends the load; 0 for no limit
 * @param accesses ends the load; 0 for no limit
 * @param vcpus number of vCPU threads, 1 to {@link #MAX_VCPUS}
 * @param devices number of device threads, 1 to {@link #MAX_DEVICES}
 */
public record StressOptions(long seed, long seconds, long accesses, int vcpus, int devices) {

    /** Most vCPUs. */
    public static final int MAX_VCPUS = 5;

    /** Most devices. */
    public static final int MAX_DEVICES = 8;

    /** Longest load: a month. */
    public static final long MAX_SECONDS = 31L * 24 * 60 * 60;

    /** Largest load. */
    public static final long MAX_ACCESSES = 1L << 50;

    /**
     * Checks the ranges.
     *
     * @throws IllegalArgumentException if a number is out of its range, or there is no limit at all
     */
    public StressOptions {
        if (vcpus < 1 || vcpus > MAX_VCPUS || devices < 1 || devices > MAX_DEVICES) {
            throw new IllegalArgumentException("vcpus=" + vcpus + " devices=" + devices);
        }
        if (seconds < 0 || seconds > MAX_SECONDS || accesses < 0 || accesses > MAX_ACCESSES
                || seconds == 0 && accesses == 0) {
            throw new IllegalArgumentException("seconds=" + seconds + " accesses=" + accesses);
        }
    }
}
