package io.github.pfncache.cache;

import io.github.pfncache.host.HostWindow;
import io.github.pfncache.memslot.DirtyMark;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * One load or one store of a {@link GfnPfnCache}: a combined access in one call. All it needs lies in this object and
 * in the bytes it accesses; each step from one object to the next would be a tenth of a load.
 *
 * <p>The <b>open bytes</b> are those of the window that the mapping has, as long as its lock is open: the writer of the
 * lock shuts it first, and opens it last, with new bytes unless the window is still the same.
 *
 * <p><b>A load takes no lock</b>, because it can be thrown away. It gets the open bytes (acquire), reads the data, and
 * after a load-load fence looks at the open bytes again: if they are the same, the data is good. A writer shuts the
 * lock (volatile) before the page is let go. So whoever read what others put into the frame afterwards sees, behind the
 * fence, that these bytes are open no more; and they never are again. Until the host memory is collected the frame
 * stays readable. On x86 the fence is for the compiler only: the processor keeps loads in order.
 *
 * <p><b>A store cannot be taken back.</b> It gets the open bytes, announces a brief hold of the lock (compare-and-set,
 * which is the store-load fence), and looks at the open bytes again: if they are the same, it holds the read side, as
 * {@link TrackedRwLock} argues. It writes, marks the page dirty, and leaves (release). That the bytes are got before
 * the announcement is for speed: what hangs on them need not wait for the locked instruction.
 *
 * <p>Open bytes may be kept from one access to the next by one thread, as {@link TlbEntry} does: the look afterwards is
 * all that either argument needs. Whoever finds the lock shut takes it as everybody else does.
 */
abstract sealed class OneShot permits GfnPfnCache {

    private static final VarHandle OPEN;

    static {
        try {
            OPEN = MethodHandles.lookup().findVarHandle(OneShot.class, "open", ByteBuffer.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The mapping and the read-write lock that guards it. */
    final GuardedMapping mapping;

    /** What the lock goes by where brief holds are announced. */
    private final long briefName;

    /** The window's bytes while the lock is open, else null; accessed through OPEN, written by the lock's writer. */
    private ByteBuffer open;

    /** Marks the page of the open bytes; null if there is no log. Written with the lock shut, read under a hold. */
    private DirtyMark mark;

    OneShot(CacheDomain domain, int length) {
        this.mapping = new GuardedMapping(this, domain, length);
        this.briefName = mapping.briefName();
    }

    // ------------------------------------------------------------------ for the writer of the lock

    /** Whether the lock is open; volatile. */
    final boolean isOpen() {
        return (ByteBuffer) OPEN.getVolatile(this) != null;
    }

    /** Shuts the lock; volatile. */
    final void shut() {
        OPEN.setVolatile(this, (ByteBuffer) null);
    }

    /** Opens the lock, if there is a window; a release. */
    final void open(HostWindow window) {
        OPEN.setRelease(this, window == null ? null : window.bytes());
    }

    /** Which mark belongs to the window that the lock is about to be opened with. */
    final void markWith(DirtyMark fresh) {
        mark = fresh;
    }

    // ------------------------------------------------------------------ load and store

    /** The open bytes, null if the lock is shut; an acquire, so that what they lead to can be seen. */
    final ByteBuffer openBytes() {
        return (ByteBuffer) OPEN.getAcquire(this);
    }

    /** Loads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    final long load(int offset, int width, long otherwise) {
        ByteBuffer bytes = openBytes();
        if (bytes != null) {
            try {
                long value = peek(bytes, offset, width);
                if (areStillOpen(bytes)) {
                    return value;
                }
            } catch (IndexOutOfBoundsException e) {
                throw mapping.exceeds(offset, width);
            }
        }
        return loadLocked(offset, width, otherwise);
    }

    /** Loads from bytes that were open: good for nothing unless they {@link #areStillOpen}, which is asked at once. */
    static long peek(ByteBuffer bytes, int offset, int width) {
        Interleaving.reached("about to load");
        long value = HostWindow.get(bytes, offset, width);
        Interleaving.reached("loaded");
        return value;
    }

    /** Whether all that was loaded from these bytes up to now is good. */
    final boolean areStillOpen(ByteBuffer bytes) {
        VarHandle.loadLoadFence(); // the data before the look, see the class comment
        return (ByteBuffer) OPEN.getOpaque(this) == bytes;
    }

    private long loadLocked(int offset, int width, long otherwise) {
        mapping.requireInside(offset, width); // also where there is nothing to load
        try (GuestAccess access = access()) {
            return access.isUsable() ? access.get(offset, width) : otherwise;
        }
    }

    /** Stores the low 1, 2, 4 or 8 bytes of a number. */
    final Outcome store(int offset, int width, long value) {
        ByteBuffer bytes = openBytes();
        if (bytes != null && storeAnnounced(bytes, offset, width, value)) {
            return Outcome.OK;
        }
        return storeLocked(offset, width, value);
    }

    /** Stores into bytes that were open, if they still are; false if not, or if there is no room to announce it. */
    final boolean storeAnnounced(ByteBuffer bytes, int offset, int width, long value) {
        int hold = TrackedRwLock.enterBriefly(mapping, briefName);
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return false;
        }
        try {
            if ((ByteBuffer) OPEN.getVolatile(this) != bytes) {
                return false;
            }
            mapping.checkInUse();
            Interleaving.reached("about to store");
            HostWindow.put(bytes, offset, width, value);
            markDirty(); // before the hold ends: afterwards the cache may point elsewhere [rule L12]
            return true;
        } catch (IndexOutOfBoundsException e) { // before anything was written
            throw mapping.exceeds(offset, width);
        } finally {
            TrackedRwLock.leaveBriefly(mapping, hold);
        }
    }

    private void markDirty() {
        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || mapping.isHeldByCurrentThread(), mapping);
        if (mark != null) {
            mark.setUnderBriefHold();
        }
    }

    private Outcome storeLocked(int offset, int width, long value) {
        mapping.requireInside(offset, width);
        try (GuestAccess access = access()) {
            if (access.isUsable()) {
                access.put(offset, width, value);
            }
            return access.outcome();
        }
    }

    /** See {@link GfnPfnCache#access}. */
    abstract GuestAccess access();
}
