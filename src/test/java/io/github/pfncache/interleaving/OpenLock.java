package io.github.pfncache.interleaving;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedRwLock;

/** The library's lock with a reader bias, by itself: open whenever no writer is there. */
public final class OpenLock extends TrackedRwLock {

    /** Written with the lock proper held. */
    private volatile long sequence;

    public OpenLock() {
        super(LockClass.CACHE);
    }

    /** A brief hold as a store takes it, if the lock is open; {@link #NOT_TAKEN} if not. */
    public int tryReadBriefly() {
        int hold = enterBriefly(this, briefName());
        if (hold == NOT_TAKEN || (sequence & 1) == 0) {
            return hold;
        }
        leaveBriefly(this, hold);
        return NOT_TAKEN;
    }

    /** Whether a writer has shut it. */
    public boolean isShut() {
        return (sequence & 1) != 0;
    }

    @Override
    protected long sequence() {
        return sequence;
    }

    @Override
    protected void shut() {
        sequence = sequence + 1;
    }

    @Override
    protected void open() {
        sequence = sequence + 1;
    }
}
