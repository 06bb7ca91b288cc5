package io.github.pfncache.pvclock;

import io.github.pfncache.vm.HostClock;

/** A time stamp counter computed from the host's monotonic clock: exact, rounded down. Immutable. */
final class HostClockTsc implements TscSource {

    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private final HostClock clock;
    private final long frequencyHz;

    HostClockTsc(HostClock clock, long frequencyHz) {
        this.clock = clock;
        this.frequencyHz = frequencyHz;
    }

    @Override
    public long read() {
        return ticks(clock.monotonicNanos(), frequencyHz);
    }

    /** {@code floor(nanos * hertz / 10^9)} modulo 2^64. Split so that no product of the fractions overflows. */
    static long ticks(long nanos, long hertz) {
        long seconds = Math.floorDiv(nanos, NANOS_PER_SECOND);
        long rest = Math.floorMod(nanos, NANOS_PER_SECOND);
        // rest and the fraction of the frequency are below 10^9 each, rest * (hertz / 10^9) is below 10^12.
        return seconds * hertz
                + rest * (hertz / NANOS_PER_SECOND)
                + rest * (hertz % NANOS_PER_SECOND) / NANOS_PER_SECOND;
    }

    @Override
    public long frequencyHz() {
        return frequencyHz;
    }

    @Override
    public String toString() {
        return "tsc at " + frequencyHz + " Hz";
    }
}
