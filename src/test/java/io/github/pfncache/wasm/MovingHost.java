package io.github.pfncache.wasm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;

/**
 * A thread of the host that moves, evicts and brings back the guest's pages until it is closed, one after the other, as
 * fast as it can. The guest is held to its pace, so that a busy machine cannot run the guest past it.
 */
@SuppressWarnings("try") // close() waits for a thread
final class MovingHost implements LinearMemory.Companion, AutoCloseable {

    /** There is at least one migration for so many accesses of the guest. */
    private static final int ACCESSES_PER_MIGRATION = 64;

    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private final HostMemory host;
    private final SplittableRandom random;
    private final long lastAccess;
    private final LongSupplier hotHva;
    private final Runnable safepoint;
    private final Thread thread = new Thread(this::run, "moving host");

    // Written by the thread of the host, read by anybody.

    private volatile long migrations;
    private volatile long evictions;
    private volatile Throwable failure;

    // Written by others, read by the thread of the host.

    private volatile long pages;
    private volatile boolean closed;

    /** A host that moves nothing yet; a guest that gets beyond its last access is stopped. */
    MovingHost(HostMemory host, long seed, long lastAccess) {
        this(host, seed, lastAccess, null, () -> {});
    }

    /** The same, which moves the hot page half of the time, and waits for migrations at safepoints of the guest's. */
    MovingHost(HostMemory host, long seed, long lastAccess, LongSupplier hotHva, Runnable safepoint) {
        this.hotHva = hotHva;
        this.safepoint = safepoint;
        this.host = host;
        this.random = new SplittableRandom(seed);
        this.lastAccess = lastAccess;
        thread.setDaemon(true);
    }

    /** The memory lies from {@link TlbRam#HVA} on; moving begins with its first bytes. */
    @Override
    public void grown(long bytes) {
        pages = bytes / Pages.PAGE_SIZE;
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
    }

    private void run() {
        try {
            while (!closed) { // until the guest has ended
                long hva = TlbRam.HVA + random.nextLong(pages) * Pages.PAGE_SIZE;
                int dice = random.nextInt(16);
                if (hotHva != null && dice > 8) {
                    hva = hotHva.getAsLong();
                }
                if (dice == 0) {
                    host.evict(hva, 1);
                    evictions++; // one thread writes
                } else if (dice == 1) {
                    host.populateWrite(hva, 1);
                } else if (host.migrate(hva) == HostResult.OK) {
                    migrations++;
                }
            }
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    @Override
    public void reached(long accesses) {
        if (accesses > lastAccess) {
            throw new IllegalStateException("the guest has run away: " + accesses + " accesses");
        }
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (migrations < accesses / ACCESSES_PER_MIGRATION && failure == null) { // up to a deadline
            if (System.nanoTime() > deadline) {
                throw new AssertionError("the host stands still after " + migrations + " migrations");
            }
            safepoint.run();
            Thread.yield();
        }
    }

    long migrations() {
        return migrations;
    }

    long evictions() {
        return evictions;
    }

    /** Lets the pages rest. */
    @Override
    public void close() throws InterruptedException {
        closed = true;
        thread.join();
        if (failure != null) {
            throw new AssertionError("the host's thread failed", failure);
        }
    }
}
