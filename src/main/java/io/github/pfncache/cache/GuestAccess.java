package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostWindow;

/**
 * One access to the window of a {@link GfnPfnCache}: owns the read side of the cache's lock, and is the only way to its
 * mapping. Bound to the thread that opened it, and to the time until {@link #close}.
 *
 * <p>Offsets are bytes from the start of the window; every accessor is checked against the window's length from the
 * width it accesses. All values are little endian, at any alignment. Plain accessors are not atomic; those that are say
 * so. {@link #close} marks a page that was written dirty before it drops the lock: the mark cannot be forgotten, and
 * cannot come too late.
 *
 * <p>While it is open, an invalidation of the page waits for it. So keep it for a few instructions, do nothing inside
 * that waits, and open no second access but by {@link GfnPfnCache#tryAccess}.
 *
 * <p>An access that is not {@linkplain #isUsable() usable} holds no lock and its accessors throw; its {@link #outcome}
 * says why. An access that came from {@link GfnPfnCache#readLock} becomes usable by {@link #check}.
 *
 * <p>Not thread-safe, by intent. Kernel counterpart: the span from {@code read_lock(&gpc->lock)} to
 * {@code read_unlock()}.
 *
 * @since 0.1.0
 */
public final class GuestAccess extends TypedAccess {

    private final GuardedMapping mapping;
    private final int length;

    /** What the read side is given back with. */
    private final int hold;

    // Confined to the thread that opened the access.

    /** What the accessors go through; null unless usable. */
    private HostWindow window;
    private boolean written;

    /**
     * An access with what came of locking: a hold of the read side, checked, or a {@link Hold refusal}. The caller
     * makes it in one place for both, so that the compiler can keep it in registers.
     */
    GuestAccess(GuardedMapping mapping, int length, int hold) {
        boolean held = Hold.isHold(hold);
        this.mapping = mapping;
        this.length = length;
        this.hold = hold;
        this.owner = held ? Thread.currentThread() : null;
        this.window = held ? mapping.window() : null;
        this.outcome = Hold.outcomeOf(hold);
    }

    /** An access whose thread holds the read side, not yet checked; or that got no hold, and never is usable. */
    GuestAccess(GuardedMapping mapping, int length, int hold, Outcome outcome) {
        this.mapping = mapping;
        this.length = length;
        this.hold = hold;
        this.owner = Thread.currentThread();
        this.outcome = outcome;
    }

    /**
     * Asks, with the lock held, whether the window may be used. The answer holds until {@link #close}.
     *
     * @return true iff it may; false also if the lock was not available in time
     * @throws IllegalStateException if this access is closed, was refused, or belongs to another thread
     */
    public boolean check() {
        requireOwner();
        if (window == null && Hold.isHold(hold)) {
            if (mapping.check()) {
                window = mapping.window();
                outcome = Outcome.OK;
            } else if (!mapping.isActive()) {
                outcome = Outcome.INACTIVE;
            }
        }
        return window != null;
    }

    /**
     * Whether the accessors work.
     *
     * @return true iff the window was checked and the access is not closed
     */
    @Override
    public boolean isUsable() {
        return window != null;
    }

    /**
     * Size of the window.
     *
     * @return bytes, 1 to 4096
     */
    @Override
    public int length() {
        return length;
    }

    /** Ends the access: marks the page dirty if it was written, then drops the lock. Idempotent. */
    @Override
    public void close() {
        if (owner == null) {
            return;
        }
        requireOwner();
        owner = null;
        window = null;
        try {
            if (written) {
                mapping.markDirty(); // under the lock: afterwards the cache may point elsewhere [rule L12]
            }
        } finally {
            mapping.lock.readUnlock(hold);
        }
    }

    private HostWindow forReading(int offset, int width) {
        HostWindow usable = window;
        if (usable == null || owner != Thread.currentThread()) {
            throw misuse();
        }
        mapping.requireInside(offset, width);
        return usable;
    }

    private HostWindow forWriting(int offset, int width) {
        HostWindow usable = forReading(offset, width);
        written |= width > 0; // before the write: an exception in it must not lose the mark
        return usable;
    }

    @Override
    long get(int offset, int width) {
        return forReading(offset, width).get(offset, width);
    }

    @Override
    void put(int offset, int width, long value) {
        forWriting(offset, width).put(offset, width, value);
    }

    @Override
    HostMapping mappingToWrite(int offset, int width) {
        HostWindow usable = forReading(offset, width);
        requireAligned(offset, width);
        written = true;
        return usable.mapping();
    }

    @Override
    int inPage(int offset) {
        return window.start() + offset;
    }

    @Override
    void copyOut(int offset, byte[] into, int at, int count) {
        forReading(offset, count).get(offset, into, at, count);
    }

    @Override
    void copyIn(int offset, byte[] from, int at, int count) {
        forWriting(offset, count).put(offset, from, at, count);
    }

    @Override
    public String toString() {
        return "GuestAccess[" + outcome + (owner == null ? " closed" : "") + " length=" + length + "]";
    }
}
