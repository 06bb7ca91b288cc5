package io.github.pfncache.load;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.MmuNotifier;

/**
 * Measures how long the caches take to let go of a page: a notifier before them looks at the clock, and one behind them
 * looks again. Thread-safe.
 */
final class InvalidationTimer {

    private final Latencies latencies;
    private final ThreadLocal<long[]> started = ThreadLocal.withInitial(() -> new long[1]);

    InvalidationTimer(Latencies latencies) {
        this.latencies = latencies;
    }

    private interface Start {
        void at(HvaRange range);
    }

    private void register(HostMemory host, Start start) {
        host.registerNotifier(new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                start.at(range);
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                // what comes after the change is not measured
            }
        });
    }

    /** To be called before the caches are made. */
    void before(HostMemory host) {
        register(host, range -> started.get()[0] = System.nanoTime());
    }

    /** To be called when the caches are made. */
    void after(HostMemory host) {
        register(host, range -> latencies.invalidated(System.nanoTime() - started.get()[0]));
    }
}
