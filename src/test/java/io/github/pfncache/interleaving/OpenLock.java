package io.github.pfncache.interleaving;

import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedRwLock;

/** The library's lock with a reader bias, by itself: open whenever no writer is there. */
public final class OpenLock extends TrackedRwLock {

    private volatile boolean open = true;

    public OpenLock() {
        super(LockClass.CACHE);
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
