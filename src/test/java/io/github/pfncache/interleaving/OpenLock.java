package io.github.pfncache.interleaving;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.ReaderBias;
import io.github.pfncache.rules.TrackedRwLock;

/** The library's lock with a reader bias, by itself: open whenever no writer is there. */
public final class OpenLock extends ReaderBias {

    /** The lock, which the first writer opens. */
    public final TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, this);

    public OpenLock() {
        opens(true);
        lock.writeLock();
        lock.writeUnlock();
    }

    /** A brief hold as a store takes it, if the lock is open; {@link TrackedRwLock#NOT_TAKEN} if not. */
    public int tryReadBriefly() {
        int hold = TrackedRwLock.enterBriefly(lock, lock.briefName());
        if (hold == TrackedRwLock.NOT_TAKEN || !isShut()) {
            return hold;
        }
        TrackedRwLock.leaveBriefly(lock, hold);
        return TrackedRwLock.NOT_TAKEN;
    }

    /** Whether a writer has shut it. */
    public boolean isShut() {
        return (sequenceVolatile() & 1) != 0;
    }
}
