package io.github.pfncache.story;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.ReaderBias;
import io.github.pfncache.rules.TrackedRwLock;

/** The old shape of the interface: each call is told a length. Correct in itself, and a trap. */
final class TwoLengthsCache {

    private final TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, ReaderBias.NONE);

    /** How many bytes the last refresh made usable. Guarded by {@link #lock}. */
    private int mapped;

    boolean check(int length) {
        int hold = lock.readLock();
        try {
            return length <= mapped;
        } finally {
            lock.readUnlock(hold);
        }
    }

    /** Succeeds: everything that was asked for is mapped. */
    void refresh(int length) {
        lock.writeLock();
        mapped = length;
        lock.writeUnlock();
    }
}
