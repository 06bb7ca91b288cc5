package io.github.pfncache.memslot;

/**
 * The gate through which a new table appears: only while no host invalidation is in progress, so that the start and the
 * end of an invalidation see one table. Owned here, implemented where invalidations are counted. Implementations are
 * thread-safe.
 *
 * <p>Kernel counterpart: the wait for {@code mn_active_invalidate_count} before a memslot table is installed.
 *
 * @since 0.1.0
 */
public interface InvalidationGate {

    /** The answer to a publication. */
    enum Gate {
        /** It ran, once. */
        DONE,
        /** It did not run: an invalidation was in progress, the caller's own or one that outlasted the deadline. */
        BUSY
    }

    /**
     * Runs a publication while no invalidation is in progress; none starts before it has run. Waits for those in
     * progress, but not for one that the current thread is in.
     *
     * @param publish the publication: short, waits for nothing, takes no lock
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return whether it ran
     */
    Gate runWhenQuiet(Runnable publish, long deadlineNanos);

    /**
     * Whether the current thread is inside an invalidation, so that it must not wait for one to end. Asked before a
     * change waits for anything, so that such a caller is answered at once.
     *
     * @return true iff the thread has started an invalidation that it has not ended; false unless overridden
     */
    default boolean isCurrentThreadInside() {
        return false;
    }
}
