package io.github.pfncache.load;

/** Told how long things took. Called from several threads at once. */
public interface Latencies {

    /** Listens to nothing. */
    Latencies NONE = new Latencies() {
        @Override
        public void refreshed(long nanos) {}

        @Override
        public void invalidated(long nanos) {}
    };

    /**
     * A cache was refreshed.
     *
     * @param nanos how long that took
     */
    void refreshed(long nanos);

    /**
     * The caches were told that a range of host memory goes, and let go of it.
     *
     * @param nanos how long that took
     */
    void invalidated(long nanos);
}
