package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/**
 * The physical memory of a family of address spaces: page frames in off-heap chunks, reference counted.
 *
 * <p>A frame number (pfn) is {@code chunk * 1024 + index}; chunks are never given back while the family lives, so a
 * stale view of a frame stays readable memory. (Callers' memory is: a stale view keeps the buffer itself.) Chunks start
 * small and double, because most memories are tiny.
 *
 * <p>Two counts per frame. <em>References</em> keep the frame: atomic, taken and dropped by any thread. <em>Owners</em>
 * are the references held by page-table and file entries, guarded by the family lock; a frame with more references than
 * owners is pinned by somebody who is about to map it.
 */
final class FrameStore {

    /** No frame: the limit is reached. */
    static final int NONE = -1;

    private static final int CHUNK_SHIFT = 10;
    private static final int CHUNK_FRAMES = 1 << CHUNK_SHIFT;

    /** So many chunks can be numbered with 31 bits. */
    static final int MAX_CHUNKS = 1 << Integer.SIZE - 1 - CHUNK_SHIFT;

    private final TrackedLock lock = new TrackedLock(LockClass.FRAMES);
    private final boolean checked;
    private final long maxFrames;
    private final int maxChunkFrames;
    private final int maxChunks;
    private final IntFunction<ByteBuffer> allocator;

    // Written under lock; the array is replaced when it grows, entries are set before a pfn of theirs is given out.
    private volatile Chunk[] chunks = new Chunk[4];

    // Guarded by lock.
    private int chunkCount;
    private int nextChunkFrames;
    private long ownFrames;
    private int[] free = new int[16];
    private int freeCount;
    /** Numbers of chunks that were callers' memory. */
    private final Deque<Integer> freeNumbers = new ArrayDeque<>();

    private final AtomicInteger inUse = new AtomicInteger();

    FrameStore(
            boolean checked,
            int firstChunkFrames,
            int maxChunkFrames,
            long maxFrames,
            int maxChunks,
            IntFunction<ByteBuffer> allocator) {
        this.maxChunks = maxChunks;
        this.allocator = allocator;
        this.checked = checked;
        this.nextChunkFrames = firstChunkFrames;
        this.maxChunkFrames = Math.min(maxChunkFrames, CHUNK_FRAMES);
        this.maxFrames = maxFrames;
    }

    /** A frame of unspecified content with one reference, which is its one owner; or {@link #NONE}. */
    int allocate() {
        int pfn;
        lock.lock();
        try {
            if (freeCount == 0 && !addChunk()) {
                return NONE;
            }
            pfn = free[--freeCount];
        } finally {
            lock.unlock();
        }
        Chunk chunk = chunk(pfn);
        if (checked) {
            HostRule.FREE_FRAME_UNTOUCHED.check(chunk.isPoisoned(index(pfn)), this);
        }
        inUse.incrementAndGet();
        chunk.setOwners(index(pfn), 1);
        chunk.setRefs(index(pfn), 1);
        return pfn;
    }

    /** A zeroed frame with one owner, or {@link #NONE}. */
    int allocateZeroed() {
        int pfn = allocate();
        if (pfn != NONE) {
            chunk(pfn).fill(index(pfn), Chunk.ZEROS);
        }
        return pfn;
    }

    /** A frame with one owner and the given 4096 bytes, or {@link #NONE}. */
    int allocateWith(byte[] content) {
        int pfn = allocate();
        if (pfn != NONE) {
            write(pfn, 0, content, 0, Pages.PAGE_SIZE);
        }
        return pfn;
    }

    /** A copy of a frame with one owner, or {@link #NONE}. */
    int allocateCopy(int source) {
        int pfn = allocate();
        if (pfn != NONE) {
            Chunk from = chunk(source);
            Chunk to = chunk(pfn);
            to.buffer.put(to.base(index(pfn)), from.buffer, from.base(index(source)), Pages.PAGE_SIZE);
        }
        return pfn;
    }

    /**
     * Makes frames of a caller's memory, each with one owner. When the owner and the last reference have gone, so have
     * they: their numbers may be another block's then, and the memory is the caller's alone.
     *
     * @param blocks little-endian or not, from index 0 to their capacity: whole pages
     * @return the pfn of each page, in order; null if there are no numbers left
     */
    int[] adopt(List<ByteBuffer> blocks) {
        int pages = 0;
        int wanted = 0;
        for (ByteBuffer block : blocks) { // bounded by the caller's blocks
            pages += block.capacity() >>> Pages.PAGE_SHIFT;
            wanted += (block.capacity() >>> Pages.PAGE_SHIFT) + CHUNK_FRAMES - 1 >>> CHUNK_SHIFT;
        }
        int[] pfns = new int[pages];
        lock.lock();
        try {
            if (wanted > maxChunks - chunkCount + freeNumbers.size()) {
                return null;
            }
            int n = 0;
            for (ByteBuffer block : blocks) {
                n = adoptLocked(block, pfns, n);
            }
            return pfns;
        } finally {
            lock.unlock();
        }
    }

    private int adoptLocked(ByteBuffer block, int[] pfns, int done) {
        int n = done;
        int frames = block.capacity() >>> Pages.PAGE_SHIFT;
        for (int at = 0; at < frames; at += CHUNK_FRAMES) { // bounded by the buffer's pages
            int count = Math.min(CHUNK_FRAMES, frames - at);
            Chunk chunk = new Chunk(block, at << Pages.PAGE_SHIFT, count, true);
            Integer unused = freeNumbers.poll();
            int first = (unused == null ? chunkCount : unused) << CHUNK_SHIFT;
            for (int i = 0; i < count; i++) {
                chunk.setOwners(i, 1);
                chunk.setRefs(i, 1);
                pfns[n++] = first + i;
            }
            publish(chunk, first >>> CHUNK_SHIFT);
        }
        return n;
    }

    /**
     * Takes a reference unless the frame is free. The frame may be another one by now than the caller thinks: it looks
     * again at the entry that named it, and puts the reference back if that changed.
     */
    boolean tryGet(int pfn) {
        Chunk chunk = chunk(pfn);
        return chunk != null && chunk.tryGet(index(pfn));
    }

    /** Takes a reference to a frame that something keeps alive during the call. */
    void get(int pfn) {
        boolean live = tryGet(pfn);
        if (Rules.ENABLED) {
            HostRule.FRAME_LIVE_WHILE_REFERENCED.check(live, live ? null : "pfn=" + Pages.hex(pfn) + " is free");
        }
    }

    /** Gives a reference back; the last one frees the frame. */
    void put(int pfn) {
        Chunk chunk = chunk(pfn);
        int left = chunk.put(index(pfn));
        if (Rules.ENABLED) {
            HostRule.REFCOUNT_NOT_NEGATIVE.check(
                    left >= 0, left >= 0 ? null : "pfn=" + Pages.hex(pfn) + " references=" + left);
        }
        if (left == 0) {
            release(chunk, pfn);
        }
    }

    /** Another entry names the frame. Under the family lock. */
    void addOwner(int pfn) {
        get(pfn);
        Chunk chunk = chunk(pfn);
        chunk.setOwners(index(pfn), chunk.owners(index(pfn)) + 1);
    }

    /** An entry that named the frame is gone. Under the family lock. */
    void dropOwner(int pfn) {
        Chunk chunk = chunk(pfn);
        chunk.setOwners(index(pfn), chunk.owners(index(pfn)) - 1);
        put(pfn);
    }

    /** Number of entries that name the frame. Under the family lock. */
    int owners(int pfn) {
        return chunk(pfn).owners(index(pfn));
    }

    int references(int pfn) {
        return chunk(pfn).refs(index(pfn));
    }

    /** Whether somebody besides the entries holds the frame. Under the family lock, entries of the frame cleared. */
    boolean isPinned(int pfn) {
        return references(pfn) > owners(pfn);
    }

    /** Whether a frame is all zeros. */
    boolean isZero(int pfn) {
        return chunk(pfn).isZero(index(pfn));
    }

    /** Makes a frame's bytes those of another; whether they were others. */
    boolean copy(int source, int pfn) {
        ByteBuffer from = chunk(source).page(index(source));
        ByteBuffer to = chunk(pfn).page(index(pfn));
        return replace(from, to);
    }

    /** Makes a frame's bytes the given 4096; whether they were others. */
    boolean copy(byte[] content, int pfn) {
        return replace(ByteBuffer.wrap(content), chunk(pfn).page(index(pfn)));
    }

    private static boolean replace(ByteBuffer from, ByteBuffer to) {
        boolean other = !from.equals(to);
        if (other) {
            to.put(from);
        }
        return other;
    }

    void read(int pfn, int offset, byte[] into, int at, int length) {
        Chunk chunk = chunk(pfn);
        chunk.buffer.get(chunk.base(index(pfn)) + offset, into, at, length);
    }

    void write(int pfn, int offset, byte[] from, int at, int length) {
        Chunk chunk = chunk(pfn);
        chunk.buffer.put(chunk.base(index(pfn)) + offset, from, at, length);
    }

    ByteBuffer buffer(int pfn) {
        return chunk(pfn).buffer;
    }

    int base(int pfn) {
        return chunk(pfn).base(index(pfn));
    }

    boolean hasNativeAtomics(int pfn) {
        return chunk(pfn).nativeAtomics;
    }

    /** Frames allocated and not yet freed, the callers' memory not counted. */
    int inUse() {
        return inUse.get();
    }

    @Override
    public String toString() {
        return "frames in use=" + inUse + " chunks=" + chunkCount;
    }

    private void release(Chunk chunk, int pfn) {
        if (Rules.ENABLED) {
            boolean unnamed = chunk.owners(index(pfn)) == 0;
            HostRule.FRAME_LIVE_WHILE_REFERENCED.check(
                    unnamed, unnamed ? null : "pfn=" + Pages.hex(pfn) + " freed while entries name it");
        }
        if (chunk.user) {
            giveUp(chunk, pfn >>> CHUNK_SHIFT);
            return;
        }
        if (checked) {
            chunk.fill(index(pfn), Chunk.POISON); // before the frame can be found in the free list
        }
        inUse.decrementAndGet();
        lock.lock();
        try {
            pushFree(pfn);
        } finally {
            lock.unlock();
        }
    }

    /** One frame of a caller's memory has gone; with the last of its chunk nothing here refers to that memory. */
    private void giveUp(Chunk chunk, int number) {
        lock.lock();
        try {
            if (--chunk.live == 0) {
                // Nobody can hold or take a reference: every count in it is zero, and zero is never counted up. Whoever
                // still has a number of it finds nothing, or another frame, and looks again at the entry.
                publish(null, number);
                freeNumbers.push(number);
            }
        } finally {
            lock.unlock();
        }
    }

    // Lock held.
    private boolean addChunk() {
        int frames = (int) Math.min(nextChunkFrames, maxFrames - ownFrames);
        if (frames <= 0 || chunkCount == maxChunks) {
            return false; // numbers that callers' memory gave up are left to callers' memory
        }
        ByteBuffer memory;
        try {
            memory = allocator.apply(frames << Pages.PAGE_SHIFT);
        } catch (OutOfMemoryError e) {
            return false; // direct memory has a limit of its own, and a guest that touches pages reaches it at will
        }
        Chunk chunk = new Chunk(memory, 0, frames, false);
        int first = chunkCount << CHUNK_SHIFT;
        publish(chunk, chunkCount);
        for (int i = frames - 1; i >= 0; i--) { // a chunk has at most 1024 frames; low numbers are given out first
            if (checked) {
                chunk.fill(i, Chunk.POISON);
            }
            pushFree(first + i);
        }
        ownFrames += frames;
        nextChunkFrames = Math.min(nextChunkFrames * 2, maxChunkFrames);
        return true;
    }

    // Lock held.
    private void publish(Chunk chunk, int number) {
        Chunk[] current = chunks;
        if (number == current.length) {
            current = Arrays.copyOf(current, number * 2);
        }
        current[number] = chunk;
        chunkCount = Math.max(chunkCount, number + 1);
        chunks = current; // publishes the element to readers that learn a pfn of it without the lock
    }

    // Lock held.
    private void pushFree(int pfn) {
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, freeCount * 2);
        }
        free[freeCount++] = pfn;
    }

    private Chunk chunk(int pfn) {
        return chunks[pfn >>> CHUNK_SHIFT];
    }

    private static int index(int pfn) {
        return pfn & CHUNK_FRAMES - 1;
    }
}
