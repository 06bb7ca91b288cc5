package io.github.pfncache.host;

import static io.github.pfncache.host.FrameSupply.index;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.function.IntConsumer;

/**
 * The physical memory of a family of address spaces: page frames in off-heap chunks, reference counted.
 *
 * <p>A frame number (pfn) is {@code chunk * 1024 + index}; chunks are never given back while the family lives, so a
 * stale view of a frame stays readable memory. (Callers' memory is: a stale view keeps the buffer itself.)
 *
 * <p>Two counts per frame. <em>References</em> keep the frame: atomic, taken and dropped by any thread. <em>Owners</em>
 * are the references held by page-table and file entries, guarded by the family lock; a frame with more references than
 * owners is pinned by a thread that is about to map it.
 */
final class FrameStore {

    /** No frame: the limit is reached. */
    static final int NONE = -1;

    /** Where frames come from and go to. */
    final FrameSupply supply;
    private final boolean checked;

    FrameStore(FrameSupply supply, boolean checked) {
        this.supply = supply;
        this.checked = checked;
    }

    /**
     * A frame of unspecified content with one reference, which is its one owner; {@link #NONE} if none is free: then
     * the caller leaves the family lock and calls {@link FrameSupply#grow}. Under the family lock.
     */
    int allocate() {
        int pfn = supply.take();
        if (pfn == NONE) {
            return NONE;
        }
        Chunk chunk = supply.chunk(pfn);
        if (checked) {
            HostRule.FREE_FRAME_UNTOUCHED.check(chunk.isFilled(index(pfn), Chunk.POISON), supply);
        }
        chunk.setOwners(index(pfn), 1);
        chunk.setRefs(index(pfn), 1);
        return pfn;
    }

    /** A frame with one owner and the given 4096 bytes, or {@link #NONE}. */
    int allocateWith(byte[] content) {
        return allocateFilled(pfn -> write(pfn, 0, content, 0, Pages.PAGE_SIZE));
    }

    /** A copy of a frame with one owner, or {@link #NONE}. */
    int allocateCopy(int source) {
        return allocateFilled(pfn -> copyTo(source, pfn));
    }

    /** Gives the frame back if it cannot be filled. */
    private int allocateFilled(IntConsumer filling) {
        int pfn = allocate();
        boolean done = pfn == NONE;
        try {
            if (!done) {
                filling.accept(pfn);
                done = true;
            }
            return pfn;
        } finally {
            if (!done) {
                dropOwner(pfn);
            }
        }
    }

    /** Makes a frame's bytes those of another. Allocates nothing. */
    void copyTo(int source, int pfn) {
        Chunk from = supply.chunk(source);
        Chunk to = supply.chunk(pfn);
        to.buffer.put(to.base(index(pfn)), from.buffer, from.base(index(source)), Pages.PAGE_SIZE);
    }

    /**
     * Takes a reference unless the frame is free. The frame may be another one by now than the caller thinks: it looks
     * again at the entry that named it, and puts the reference back if that changed.
     */
    boolean tryGet(int pfn) {
        Chunk chunk = supply.chunk(pfn);
        return chunk != null && chunk.tryGet(index(pfn));
    }

    /** Takes a reference to a frame that something keeps alive during the call. */
    void get(int pfn) {
        boolean live = tryGet(pfn);
        HostRule.FRAME_LIVE_WHILE_REFERENCED.check(live, live ? null : "pfn=" + Pages.hex(pfn) + " is free");
    }

    /** Gives a reference back; the last one frees the frame. */
    void put(int pfn) {
        Chunk chunk = supply.chunk(pfn);
        int left = chunk.put(index(pfn));
        HostRule.REFCOUNT_NOT_NEGATIVE.check(
                left >= 0, left >= 0 ? null : "pfn=" + Pages.hex(pfn) + " references=" + left);
        if (left == 0) {
            release(chunk, pfn);
        }
    }

    /** Another entry names the frame. Under the family lock. */
    void addOwner(int pfn) {
        get(pfn);
        Chunk chunk = supply.chunk(pfn);
        chunk.setOwners(index(pfn), chunk.owners(index(pfn)) + 1);
    }

    /** An entry that named the frame is gone. Under the family lock. */
    void dropOwner(int pfn) {
        Chunk chunk = supply.chunk(pfn);
        chunk.setOwners(index(pfn), chunk.owners(index(pfn)) - 1);
        put(pfn);
    }

    /** Number of entries that name the frame. Under the family lock. */
    int owners(int pfn) {
        return supply.chunk(pfn).owners(index(pfn));
    }

    int references(int pfn) {
        return supply.chunk(pfn).refs(index(pfn));
    }

    /** Whether a thread holds the frame, besides the entries. Under the family lock, entries of the frame cleared. */
    boolean isPinned(int pfn) {
        return references(pfn) > owners(pfn);
    }

    /** Whether a frame is all zeros. */
    boolean isZero(int pfn) {
        return supply.chunk(pfn).isFilled(index(pfn), 0);
    }

    /** Copies bytes out; 1, 2, 4 or 8 in one load. Allocates nothing for a whole page. */
    void read(int pfn, int offset, byte[] into, int at, int length) {
        Chunk chunk = supply.chunk(pfn);
        int index = chunk.base(index(pfn)) + offset;
        if (isOneAccess(length)) {
            LockAtomics.plainPut(ByteBuffer.wrap(into), at, length, LockAtomics.plainGet(chunk.buffer, index, length));
        } else {
            chunk.buffer.get(index, into, at, length);
        }
    }

    /** Copies bytes in; 1, 2, 4 or 8 in one store. Allocates nothing for a whole page. */
    void write(int pfn, int offset, byte[] from, int at, int length) {
        Chunk chunk = supply.chunk(pfn);
        int index = chunk.base(index(pfn)) + offset;
        if (isOneAccess(length)) {
            LockAtomics.plainPut(chunk.buffer, index, length, LockAtomics.plainGet(ByteBuffer.wrap(from), at, length));
        } else {
            chunk.buffer.put(index, from, at, length);
        }
    }

    private static boolean isOneAccess(int length) {
        return Integer.bitCount(length) == 1 && length <= Long.BYTES;
    }

    private void release(Chunk chunk, int pfn) {
        boolean unnamed = chunk.owners(index(pfn)) == 0;
        HostRule.FRAME_LIVE_WHILE_REFERENCED.check(
                unnamed, unnamed ? null : "pfn=" + Pages.hex(pfn) + " freed while entries name it");
        if (chunk.user) {
            supply.giveUp(chunk, pfn);
            return;
        }
        if (checked) {
            chunk.poison(index(pfn)); // before the frame can be found in the free list
        }
        supply.give(pfn);
    }
}
