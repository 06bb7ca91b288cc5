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
 * The fast path of a {@link GfnPfnCache}: one load or one store, a combined access in one call. All that it needs lies
 * in this object and in the bytes that it accesses; each step to a further object would cost a tenth of a load.
 *
 * <p>The <b>sequence</b> of {@link ReaderBias} says whether the lock is open, and whether it has stayed open. A writer
 * shuts the lock first, may then change the bytes, and opens the lock last, if there is a window.
 *
 * <p><b>A load takes no lock</b>, because it can be thrown away. It reads the sequence (acquire) and, if that is even,
 * the reference to the bytes (acquire). It reads the data, and after a load-load fence the sequence again: if that is
 * the same, the data is good. A writer shuts the lock (volatile) before it changes the bytes or the page is let go. So
 * a load that used stale bytes, or read what the frame's next owner wrote, finds a different sequence after the fence
 * and discards its value. Frames stay readable until the host memory is collected; a caller's own buffer has to stay so
 * until the last of these loads has ended. On x86 the fence is for the compiler only: the processor keeps loads in
 * order.
 *
 * <p><b>A store cannot be taken back.</b> It reads the sequence and the reference to the bytes, announces a brief hold
 * of the lock (compare-and-set, which is the store-load fence), and reads the sequence again: if that is the same, the
 * store holds the read side, as {@link TrackedRwLock} argues. It marks the page dirty, writes, and ends the hold
 * (release). The reference is read before the announcement for speed: work that depends on it overlaps with the locked
 * instruction.
 *
 * <p><b>A store that is cut short</b>, by a StackOverflowError anywhere in it, is made and logged, or is not made; and
 * it holds nothing afterwards. The page is marked before the data is written: a harvest of the log waits for brief
 * holds, so it does not miss the data. If the call that ends the hold fails, the hold is ended without a call.
 *
 * <p>A load or store that finds the lock shut takes the lock as every access does.
 *
 * <p>Why a number, and not a new bytes object each time the lock opens: a young object that a refresh stores into an
 * older one costs the garbage collector more than all the rest of the refresh costs.
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

    /** Always 0, the value of a free word in the table of holds; written and read back to order what comes before. */
    private static volatile long free;

    /** Open as long as the window is usable. */
    final TrackedRwLock lock = new TrackedRwLock(LockClass.CACHE, this);

    /** The mapping that the lock guards. */
    final GuardedMapping mapping;

    /** The name of the lock where brief holds are announced. */
    private final long briefName;

    /**
     * Of the last window; null without a mapping. Accessed through BYTES, written with the lock shut; null is written
     * without it as well, where the slot was given up.
     */
    private ByteBuffer bytes;

    /** Marks the page of the last bytes; null if there is no log. Written with the lock shut, read under a hold. */
    private DirtyMark mark;

    FastPath(DomainState domain, int length) {
        this.mapping = new GuardedMapping(this, domain, length);
        this.briefName = lock.briefName();
    }

    // ------------------------------------------------------------------ for the writer of the lock

    /** Sets the bytes that the lock may be opened for; null if none. Mostly nothing changes. */
    final void install(ByteBuffer to, DirtyMark with) {
        if (bytes != to) {
            BYTES.setRelease(this, to); // what it leads to can be seen by a thread that finds it, however early
        }
        if (to != null && mark != with) { // without bytes no store asks for it
            mark = with;
        }
    }

    @Override
    protected final void heldUpBy(String holder) {
        CacheEvents.heldUp(holder, mapping);
    }

    /** Says whether the lock opens when its writer releases it. */
    final void openIf(boolean usable) {
        opens(usable);
    }

    /** The mark of the last window. The lock's writer asks. */
    final DirtyMark mark() {
        return mark;
    }

    /** Asks for room on the stack if the lock is not open: a reader takes the platform's lock then, by many calls. */
    final void requireRoomUnlessOpen() {
        if (Rules.ENABLED || (sequenceAcquire() & 1) != 0) {
            StackRoom.require();
        }
    }

    // ------------------------------------------------------------------ load and store

    /** The window's bytes if the lock is open at this sequence, else null. An acquire: the whole object can be seen. */
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

    /** Loads from bytes that may be stale: the caller discards the value unless {@link #isStill} is true afterwards. */
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

    /** Stores into the {@link #bytesAt} a sequence if the lock stayed open; false if not, or if no word is free. */
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
