package io.github.pfncache.interleaving;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedRwLock;

/** The library's lock with a reader bias, by itself: open whenever no writer is there. */
public final class OpenLock extends TrackedRwLock {

    private volatile boolean open = true;

    public OpenLock() {
        super(LockClass.CACHE);
    }

    /** A brief hold as a store takes it, if the lock is open; {@link #NOT_TAKEN} if not. */
    public int tryReadBriefly() {
        int hold = enterBriefly(this, briefName());
        if (hold == NOT_TAKEN || isOpen()) {
            return hold;
        }
        leaveBriefly(this, hold);
        return NOT_TAKEN;
    }

    @Override
    protected boolean isOpen() {
        return open;
    }

    @Override
    protected void shut() {
        open = false;
    }

    @Override
    protected void open() {
        open = true;
    }
}
