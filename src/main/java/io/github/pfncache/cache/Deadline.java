package io.github.pfncache.cache;

import java.util.function.LongSupplier;

/**
 * The deadline of one call: a given time, or the end of the retry policy's patience, counted from the first wait. Most
 * calls never wait and need no look at the clock, which costs as much as several locks. Inside an invalidation a call
 * does not wait: another thread may be waiting for the end of that invalidation. Confined to the thread of the call.
 */
final class Deadline implements LongSupplier {

    private final DomainState domain;
    private boolean isKnown;
    private long nanos;

    private Deadline(DomainState domain, boolean isKnown, long nanos) {
        this.domain = domain;
        this.isKnown = isKnown;
        this.nanos = nanos;
    }

    /** At a value of {@link System#nanoTime()}. */
    static Deadline at(DomainState domain, long nanos) {
        return new Deadline(domain, true, nanos);
    }

    /** When the patience of the domain's retry policy is over. */
    static Deadline of(DomainState domain) {
        return new Deadline(domain, false, 0);
    }

    /** The value of {@link System#nanoTime()} after which to give up, for a thread that is about to wait. */
    @Override
    public long getAsLong() {
        if (domain.invalidations.isCurrentThreadInside()) {
            return System.nanoTime();
        }
        if (!isKnown) {
            nanos = domain.retry.deadlineFromNow();
            isKnown = true;
        }
        return nanos;
    }
}
