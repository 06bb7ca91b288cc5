package io.github.pfncache.bench;

import io.github.pfncache.address.HvaRange;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The kernel's shape with what the Java library offers: a read-write lock around check and access. A baseline, written
 * as well as it can be.
 */
final class LockedMapping {

    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final ByteBuffer page;
    private final long hva;
    private final long generation;
    private boolean valid = true; // guarded by lock

    LockedMapping(ByteBuffer page, long hva, long generation) {
        this.page = page;
        this.hva = hva;
        this.generation = generation;
    }

    long loadLong(int offset, long currentGeneration) {
        lock.readLock().lock();
        try {
            return valid && generation == currentGeneration ? (long) Words.LONG.get(page, offset) : -1;
        } finally {
            lock.readLock().unlock();
        }
    }

    boolean storeLong(int offset, long value, long currentGeneration) {
        lock.readLock().lock();
        try {
            boolean usable = valid && generation == currentGeneration;
            if (usable) {
                Words.LONG.set(page, offset, value);
            }
            return usable;
        } finally {
            lock.readLock().unlock();
        }
    }

    /** What a walk over all caches does to each. */
    void invalidate(HvaRange range) {
        lock.writeLock().lock();
        try {
            if (range.contains(hva)) {
                valid = false;
            }
        } finally {
            lock.writeLock().unlock();
        }
    }
}
