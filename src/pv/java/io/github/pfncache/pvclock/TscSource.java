package io.github.pfncache.pvclock;

import io.github.pfncache.vm.HostClock;

/**
 * The time stamp counter that guest and host read alike. It is read with no lock of the library held. Implementations
 * are thread-safe and do not wait.
 *
 * <p>Kernel counterpart: {@code rdtsc_ordered()} and {@code tsc_khz}.
 *
 * @since 0.1.0
 */
public interface TscSource {

    /**
     * The counter now. It never goes back, seen from all threads together, but it may wrap at 2<sup>64</sup>.
     *
     * @return unsigned 64-bit number of ticks
     */
    long read();

    /**
     * How fast it counts; constant.
     *
     * @return ticks in a second, {@link PvclockScale#MIN_HZ} to {@link PvclockScale#MAX_HZ}
     */
    long frequencyHz();

    /**
     * A counter that ticks with the host's monotonic clock.
     *
     * @param clock the host's clock; its monotonic time is not negative or the counter starts high, which is allowed
     * @param frequencyHz ticks in a second
     * @return a counter
     * @throws IllegalArgumentException if the frequency is out of range
     */
    static TscSource of(HostClock clock, long frequencyHz) {
        return new HostClockTsc(clock, PvclockScale.requireFrequency(frequencyHz));
    }
}
