package io.github.pfncache.cache;

import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.StackRoom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** The state that the caches of one {@link CacheDomain} share. Thread-safe. */
final class DomainState {

    final Memslots memslots;
    final HostMemory host;
    final RetryPolicy retry;
    final boolean readerBias;
    final GuestMemory guestMemory;
    final CacheIndex index = new CacheIndex();
    final GuestModes guestModes = new GuestModes();
    final Invalidations invalidations = new Invalidations(guestModes);
    final CacheCounters counters = new CacheCounters();

    /** How many of the host's mappings are this domain's. Counting allocates nothing. */
    private final AtomicLong mappings = new AtomicLong();

    DomainState(Memslots memslots, HostMemory host, RetryPolicy retry, boolean readerBias) {
        this.memslots = memslots;
        this.host = host;
        this.retry = retry;
        this.readerBias = readerBias;
        this.guestMemory = new GuestMemory(memslots, host);
    }

    /** Maps a page, or keeps the former mapping if that is of the same frame. May sleep: no cache lock is held. */
    HostMapping map(HostPage page, HostMapping former) {
        HostMapping khva = host.map(page, former);
        if (khva != former) {
            mappings.getAndIncrement();
        }
        return khva;
    }

    /** Gives a mapping back that is no longer owned, if there is one. May sleep: no cache lock is held. */
    void unmap(HostMapping khva) {
        if (khva != null) {
            host.unmap(khva);
            mappings.getAndDecrement();
        }
    }

    /**
     * Repeats an attempt that something came between, until it answers: in a read section of the memslots, so that a
     * stream of slot changes cannot starve it. Null after the retry policy's attempts.
     */
    <T> T again(Supplier<T> attempt) {
        StackRoom.require(); // what is entered is left
        int readers = memslots.enterRead();
        try {
            T answer = null;
            for (int i = 0; i < retry.attempts() && answer == null; i++) { // bounded by the retry policy
                answer = attempt.get();
            }
            return answer;
        } finally {
            memslots.exitRead(readers);
        }
    }

    /** How many mappings the domain has. */
    long mappings() {
        return mappings.get();
    }
}
