package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A run of frames in one buffer, with their counts. */
final class Chunk {

    /** The content of a page that was never touched. Never written. */
    static final byte[] ZEROS = new byte[Pages.PAGE_SIZE];
    /** What a free frame is filled with in checked mode: neither zero nor a plausible pointer, count or version. */
    static final long POISON = 0xd9d9d9d9d9d9d9d9L;
    private static final byte[] POISONED = new byte[Pages.PAGE_SIZE];

    static {
        Arrays.fill(POISONED, (byte) POISON);
    }

    private static final VarHandle REFS = MethodHandles.arrayElementVarHandle(int[].class);

    /** Counts in a cache line, as a power of two. */
    private static final int LINE_BITS = 4;
    private static final int MAX_LINES = 256;

    final ByteBuffer buffer;
    /** Whether the frames are memory of the library's user: shared, never moved, given up together. */
    final boolean user;
    /** Whether ordered and atomic accesses of the platform work on these frames: always on the library's own. */
    final boolean nativeAtomics;
    /** Frames not yet freed of a user's chunk; guarded by the lock of the frame store. */
    int live;

    private final int base;
    /**
     * Atomic; for a frame see {@link #place}. Consecutive frames go to different cache lines: threads that refresh
     * caches of neighbouring pages would otherwise pass one line to and fro.
     */
    private final int[] refs;
    private final int lineMask;
    private final int[] owners; // guarded by the family lock

    Chunk(ByteBuffer buffer, int base, int frames, boolean user) {
        this.buffer = buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        this.base = base;
        this.user = user;
        this.nativeAtomics = LockAtomics.areNative(this.buffer, base);
        this.live = frames;
        int lines = Math.min(MAX_LINES, Integer.highestOneBit(2 * frames - 1));
        this.lineMask = lines - 1;
        this.refs = new int[lines << LINE_BITS];
        this.owners = new int[frames];
    }

    /** Index in the buffer of a frame's first byte. */
    int base(int index) {
        return base + (index << Pages.PAGE_SHIFT);
    }

    boolean tryGet(int index) {
        if (index >= owners.length) {
            return false; // the number was another chunk's when the caller learned it
        }
        int place = place(index);
        int now = refs(index);
        while (now > 0) { // lock-free: a failed exchange means that another thread's succeeded
            int witness = (int) REFS.compareAndExchange(refs, place, now, now + 1);
            if (witness == now) {
                return true;
            }
            now = witness;
        }
        return false;
    }

    /** Drops a reference and returns how many are left. */
    int put(int index) {
        return (int) REFS.getAndAdd(refs, place(index), -1) - 1;
    }

    int refs(int index) {
        return (int) REFS.getVolatile(refs, place(index));
    }

    void setRefs(int index, int count) {
        REFS.setVolatile(refs, place(index), count);
    }

    /** Line by line first, then the next of each line: 4 in each of 256 lines are the largest chunk's 1024 frames. */
    private int place(int index) {
        return (index & lineMask) << LINE_BITS | index >>> Integer.bitCount(lineMask);
    }

    int owners(int index) {
        return owners[index];
    }

    void setOwners(int index, int count) {
        owners[index] = count;
    }

    /** Allocates nothing: the frame is counted nowhere at that moment. */
    void poison(int index) {
        buffer.put(base(index), POISONED);
    }

    /** Whether a frame is 512 times the same 8 bytes. Allocates nothing. */
    boolean isFilled(int index, long pattern) {
        for (int at = 0; at < Pages.PAGE_SIZE; at += Long.BYTES) {
            if (buffer.getLong(base(index) + at) != pattern) {
                return false;
            }
        }
        return true;
    }
}
