package io.github.pfncache.cache;

/** A mapping that can be taken away: what a {@link CacheIndex} finds by its host page. */
interface Placed {

    /**
     * The page is taken away: see {@link GuardedMapping#invalidate}.
     *
     * @param mayBlock false if the caller must not wait for accesses to end
     * @return false iff it would have had to wait
     */
    boolean invalidate(boolean mayBlock);

    /**
     * The slot has changed: see {@link GuardedMapping#drain}.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false if an access has not ended
     */
    boolean drain(long deadlineNanos);
}
