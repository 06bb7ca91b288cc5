package io.github.pfncache.cache;

import io.github.pfncache.host.HostWindow;
import io.github.pfncache.memslot.DirtyMark;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.ReaderBias;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * One load or one store of a {@link GfnPfnCache}: a combined access in one call. All it needs lies in this object and
 * in the bytes it accesses; each step from one object to the next would be a tenth of a load.
 *
 * <p>The <b>sequence</b> of {@link ReaderBias} says whether the lock is open, and whether it has been so all the time:
 * the writer shuts the lock first and opens it last, if there is a window. In between the writer may change the bytes.
 *
 * <p><b>A load takes no lock</b>, because it can be thrown away. It gets the sequence (acquire), and if that is even
 * the bytes (acquire), reads the data, and after a load-load fence looks at the sequence again: if it is the same, the
 * data is good. A writer shuts the lock (volatile) before it changes the bytes or the page is let go. So a load
 * that used stale bytes, or read what the frame's next owner wrote, finds a different sequence after the fence and
 * discards its value.
 * Until the host memory is collected its frames stay readable, and until the last of these loads has ended a caller's
 * buffer. On x86 the fence is for the compiler only: the processor keeps loads in order.
 *
 * <p><b>A store cannot be taken back.</b> It gets the sequence and the bytes, announces a brief hold of the lock
 * (compare-and-set, which is the store-load fence), and looks at the sequence again: if it is the same, it holds the
 * read side, as {@link TrackedRwLock} argues. It marks the page dirty, writes, and leaves (release). The
 * bytes are read before the announcement for speed: work that depends on them overlaps with the locked instruction.
 *
 * <p><b>A store that is cut short</b>, by a StackOverflowError anywhere in it, is made and logged, or is not made, and
 * holds nothing. It is marked before it is made, which a harvest of the log does not mind: it waits for brief holds.
 * And the hold ends without a call, if one to end it fails.
 *
 * <p>A load or store that finds the lock shut takes it as every access does.
 *
 * <p>Why a number, and not new bytes for each time that the lock is open: what a refresh makes and keeps in an older
 * object costs the garbage collector more than all the rest of it costs.
 */
abstract class FastPath extends ReaderBias {

    private static final VarHandle BYTES;

    static {
        try {
            BYTES = MethodHandles.lookup().findVarHandle(FastPath.class, "bytes", ByteBuffer.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Always 0, as a word that is free where holds are announced; orders what comes before it. */
    private static volatile long free;

    /** Open as long as the window is usable. */
    final TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, this);

    /** The mapping that the lock guards. */
    final GuardedMapping mapping;

    /** The name of the lock where brief holds are announced. */
    private final long briefName;

    /** Of the last window; null without a mapping. Accessed through BYTES, written with the lock shut. */
    private ByteBuffer bytes;

    /** Marks the page of the bytes; null if there is no log. Written with the lock shut, read under a hold. */
    private DirtyMark mark;

    FastPath(DomainState domain, int length) {
        this.mapping = new GuardedMapping(this, domain, length);
        this.briefName = lock.briefName();
    }

    // ------------------------------------------------------------------ for the writer of the lock

    /** The lock is shut: what it may be opened for from now on. Most often nothing new, which costs nothing. */
    final void install(ByteBuffer to, DirtyMark with) {
        if (bytes != to) {
            BYTES.setRelease(this, to); // what it leads to can be seen by a thread that finds it, however early
        }
        if (mark != with) {
            mark = with;
        }
    }

    @Override
    protected final void heldUpBy(String holder) {
        CacheEvents.heldUp(holder, mapping);
    }

    /** Whether the lock is open when its writer has gone. */
    final void openIf(boolean usable) {
        opens(usable);
    }

    /** The mark of the last window. The lock's writer asks. */
    final DirtyMark mark() {
        return mark;
    }

    /** A reader of an open lock takes a word in a table; of one that is shut, a lock of the platform's: many calls. */
    final void requireRoomUnlessOpen() {
        if (Rules.ENABLED || (sequenceAcquire() & 1) != 0) {
            StackRoom.require();
        }
    }

    // ------------------------------------------------------------------ load and store

    /** The window's bytes if the lock is open at this sequence, else null; what they lead to can be seen. */
    final ByteBuffer bytesAt(long seen) {
        return (seen & 1) == 0 ? (ByteBuffer) BYTES.getAcquire(this) : null;
    }

    /** Loads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    final long load(int offset, int width, long otherwise) {
        HeldLocks.mayHaveToSleep("load"); // it does if it has to refresh
        long seen = sequenceAcquire();
        ByteBuffer at = bytesAt(seen);
        if (at != null) {
            try {
                long value = peek(at, offset, width);
                if (isStill(seen)) {
                    return value;
                }
            } catch (IndexOutOfBoundsException e) {
                throw mapping.exceeds(offset, width);
            }
        }
        return loadLocked(offset, width, otherwise);
    }

    /** Loads from bytes that might be used: worthless unless they still may, which the caller asks at once. */
    static long peek(ByteBuffer at, int offset, int width) {
        Interleaving.reached("about to load");
        long value = HostWindow.get(at, offset, width);
        Interleaving.reached("loaded");
        return value;
    }

    private long loadLocked(int offset, int width, long otherwise) {
        StackRoom.require(); // for the access to end
        mapping.requireInside(offset, width); // also where there is nothing to load
        try (GuestAccess access = access()) {
            return access.isUsable() ? access.get(offset, width) : otherwise;
        }
    }

    /** Stores the low 1, 2, 4 or 8 bytes of a number. */
    final Outcome store(int offset, int width, long value) {
        HeldLocks.mayHaveToSleep("store");
        return storeIfOpen(offset, width, value) ? Outcome.OK : storeLocked(offset, width, value);
    }

    /** As {@link #store}, if the lock is open; else false, and nothing was stored. */
    final boolean storeIfOpen(int offset, int width, long value) {
        long seen = sequenceAcquire();
        ByteBuffer at = bytesAt(seen);
        return at != null && storeAnnounced(at, seen, offset, width, value);
    }

    /** Stores into the {@link #bytesAt} a sequence, if the lock is open since; else, or without room, false. */
    private boolean storeAnnounced(ByteBuffer at, long seen, int offset, int width, long value) {
        if (offset < 0 || offset > at.limit() - width) { // before it is marked
            throw mapping.exceeds(offset, width);
        }
        int hold = TrackedRwLock.enterBriefly(lock, briefName);
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return false;
        }
        boolean open;
        try {
            open = sequenceVolatile() == seen;
            if (open) {
                mapping.checkInUse();
                markDirty(); // before the data: nothing that throws in between loses the mark, see the class comment
                Interleaving.reached("about to store");
                HostWindow.put(at, offset, width, value);
            }
            TrackedRwLock.leaveBriefly(lock, hold);
        } catch (RuntimeException | Error failure) {
            free = 0; // the stack may have ended, and leaves no room for a call: see there
            BRIEF_HOLDS[hold] = free;
            TrackedRwLock.leftBriefly(lock);
            throw failure;
        }
        return open;
    }

    private void markDirty() {
        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || lock.isHeldByCurrentThread(), lock);
        if (mark != null) {
            mark.setUnderBriefHold();
        }
    }

    private Outcome storeLocked(int offset, int width, long value) {
        StackRoom.require();
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
