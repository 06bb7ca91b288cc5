package io.github.pfncache.vm;

import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The host's clocks, injected so that a test or an emulator can own the time. They are read with no lock of the library
 * held. Implementations are thread-safe and do not wait.
 *
 * @since 0.1.0
 */
public interface HostClock {

    /**
     * Nanoseconds since some fixed moment; never goes back.
     *
     * @return the monotonic time
     */
    long monotonicNanos();

    /**
     * Nanoseconds since 1970-01-01T00:00:00Z.
     *
     * @return the real time
     */
    long realtimeNanos();

    /**
     * The clocks of this process.
     *
     * @return a clock that reads the system's
     */
    static HostClock system() {
        return new HostClock() {
            @Override
            public long monotonicNanos() {
                return System.nanoTime();
            }

            @Override
            public long realtimeNanos() {
                Instant now = Instant.now();
                return now.getEpochSecond() * 1_000_000_000L + now.getNano();
            }
        };
    }

    /** Clocks that move only when told to. Thread-safe. */
    final class Manual implements HostClock {

        private final AtomicLong monotonic = new AtomicLong();
        private final long epochOffset;

        /**
         * Clocks that start now, monotonic at 0.
         *
         * @param realtimeNanos real time of the start, nanoseconds since 1970
         */
        public Manual(long realtimeNanos) {
            this.epochOffset = realtimeNanos;
        }

        /**
         * Lets time pass, on both clocks.
         *
         * @param nanos how much; not negative
         * @throws IllegalArgumentException if negative
         */
        public void advance(long nanos) {
            if (nanos < 0) {
                throw new IllegalArgumentException("time does not go back: nanos=" + nanos);
            }
            monotonic.addAndGet(nanos);
        }

        @Override
        public long monotonicNanos() {
            return monotonic.get();
        }

        @Override
        public long realtimeNanos() {
            return epochOffset + monotonic.get();
        }
    }
}
