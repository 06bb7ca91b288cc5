package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/**
 * The supply of frames of a {@link FrameStore}: the chunks, their numbers, and which frames are free. Chunks
 * start small and double, because most memories are tiny. Thread-safe.
 *
 * <p>Whatever gives something back allocates nothing: there is room for it since it was handed out.
 */
final class FrameSupply {

    private static final int CHUNK_SHIFT = 10;
    private static final int CHUNK_FRAMES = 1 << CHUNK_SHIFT;

    /** So many chunks can be numbered with 31 bits. */
    static final int MAX_CHUNKS = 1 << Integer.SIZE - 1 - CHUNK_SHIFT;

    static final long LONGEST_PAUSE_NANOS = 10_000_000_000L;

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
    /** Frames of our own, and those that are being allocated. */
    private long ownFrames;
    /** As long as there are frames of our own, so that giving one back allocates nothing. */
    private int[] free = new int[0];
    /** Numbers of chunks that were callers' memory; as long as {@link #chunks}. */
    private int[] freeNumbers = new int[chunks.length];
    private int freeNumberCount;
    /** Allocations under way. */
    private int growing;
    /** Value of {@link System#nanoTime()} before which the allocator, which has failed, is not asked again. */
    private long notBefore;

    // Written under lock, read without.
    private volatile int freeCount;
    /** Why the latest request for frames failed; null if there are free ones, or have been since. */
    private volatile String shortage;
    /** Whether the log knows of a shortage: each memory tells it once. */
    private volatile boolean warned;

    private final AtomicInteger inUse = new AtomicInteger();

    FrameSupply(boolean checked, int firstChunkFrames, int maxChunkFrames, long maxFrames, int maxChunks,
            IntFunction<ByteBuffer> allocator) {
        this.maxChunks = maxChunks;
        this.allocator = allocator;
        this.checked = checked;
        this.nextChunkFrames = firstChunkFrames;
        this.maxChunkFrames = Math.min(maxChunkFrames, CHUNK_FRAMES);
        this.maxFrames = maxFrames;
    }

    /** The chunk of a frame; null if there is none of that number. */
    Chunk chunk(int pfn) {
        return chunks[pfn >>> CHUNK_SHIFT];
    }

    /** The place of a frame in its chunk. */
    static int index(int pfn) {
        return pfn & CHUNK_FRAMES - 1;
    }

    /** Frames taken and not yet given back, the callers' memory not counted. */
    int inUse() {
        return inUse.get();
    }

    /** A free frame, or {@link FrameStore#NONE}: see {@link FrameStore#allocate}. */
    int take() {
        lock.lock();
        try {
            if (freeCount == 0) {
                return FrameStore.NONE;
            }
            inUse.incrementAndGet();
            return free[--freeCount];
        } finally {
            lock.unlock();
        }
    }

    /** Whether so many frames are free. Under the family lock it stays so until they are taken. */
    boolean hasFree(int wanted) {
        return freeCount >= wanted;
    }

    /** Takes a frame back. */
    void give(int pfn) {
        lock.lock();
        try {
            inUse.decrementAndGet();
            pushFree(pfn);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Makes frames of a caller's memory, each with one owner. When the owner and the last reference have gone, so have
     * they: their numbers may be another block's then, and the memory is the caller's alone.
     *
     * @param blocks little-endian or not, from index 0 to their capacity: whole pages
     * @return the pfn of each page, in order; null if there are no numbers left
     */
    int[] adopt(List<ByteBuffer> blocks) {
        List<Chunk> made = new ArrayList<>();
        int pages = 0;
        for (ByteBuffer block : blocks) { // bounded by the caller's blocks
            int frames = block.capacity() >>> Pages.PAGE_SHIFT;
            for (int at = 0; at < frames; at += CHUNK_FRAMES) { // bounded by the buffer's pages
                made.add(new Chunk(block, at << Pages.PAGE_SHIFT, Math.min(CHUNK_FRAMES, frames - at), true));
            }
            pages += frames;
        }
        int[] pfns = new int[pages];
        lock.lock();
        try {
            if (made.size() > maxChunks - chunkCount - growing + freeNumberCount) {
                return null;
            }
            makeRoom(chunkCount + growing + made.size());
            // From here on nothing is allocated.
            int n = 0;
            for (int c = 0; c < made.size(); c++) {
                Chunk chunk = made.get(c);
                int number = freeNumberCount == 0 ? chunkCount : freeNumbers[--freeNumberCount];
                for (int i = 0; i < chunk.live; i++) { // a chunk has at most 1024 frames
                    chunk.setOwners(i, 1);
                    chunk.setRefs(i, 1);
                    pfns[n++] = (number << CHUNK_SHIFT) + i;
                }
                publish(chunk, number);
            }
            return pfns;
        } finally {
            lock.unlock();
        }
    }

    /** One frame of a caller's memory has gone; with the last of its chunk nothing here refers to that memory. */
    void giveUp(Chunk chunk, int pfn) {
        int number = pfn >>> CHUNK_SHIFT;
        lock.lock();
        try {
            if (--chunk.live == 0) {
                // No thread can hold or take a reference: every count in it is zero, and zero is never counted up. A
                // thread that still has a number of it finds nothing, or another frame, and looks again at the entry.
                publish(null, number);
                freeNumbers[freeNumberCount++] = number;
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Asks the platform for memory, if fewer frames are free than wanted. That may take long, half a second where
     * direct memory is at its limit: no lock is held, and after a failure the platform is left alone ten times as long
     * as it took.
     *
     * @return whether to look again: they are free, or may be; if not, {@link #shortage} says why
     */
    boolean grow(int wanted) {
        HeldLocks.mightSleep("more frames");
        for (int turn = 0; freeCount < wanted && turn < wanted; turn++) { // each adds a frame, or others have taken it
            if (!growOnce(wanted)) {
                return false;
            }
        }
        return true;
    }

    private boolean growOnce(int wanted) {
        lock.lock();
        try {
            if (shortage == null) { // another thread is at it: that will do here, too
                lock.await(() -> freeCount >= wanted || growing == 0, System.nanoTime() + LONGEST_PAUSE_NANOS);
            }
            if (freeCount >= wanted || shortage == null && growing > 0) {
                return true;
            }
        } finally {
            lock.unlock();
        }
        boolean grown = addChunk();
        if (!grown && !warned) {
            warned = true;
            System.getLogger("io.github.pfncache").log(System.Logger.Level.WARNING, shortage);
        }
        return grown;
    }

    /** Why the latest request for a frame failed; null if it did not, or if frames have come back since. */
    String shortage() {
        return shortage;
    }

    private boolean addChunk() {
        int frames = startGrowing();
        if (frames == 0) {
            return false;
        }
        long started = System.nanoTime();
        Chunk chunk = null;
        try {
            chunk = newChunk(frames);
            return chunk != null;
        } finally {
            endGrowing(frames, chunk, System.nanoTime() - started);
        }
    }

    /** How many frames to allocate; 0 if there can be none now. */
    private int startGrowing() {
        lock.lock();
        try {
            int frames = (int) Math.min(nextChunkFrames, maxFrames - ownFrames);
            if (frames <= 0) {
                shortage = "maxBytes of the HostMemoryBuilder is reached: " + this + "; raise it";
            } else if (chunkCount + growing >= maxChunks) { // numbers that callers' memory gave up are left to such
                shortage = "frames cannot be numbered any more: " + this;
            } else if (shortage == null || growing == 0 && System.nanoTime() - notBefore >= 0) {
                makeRoom(chunkCount + growing + 1);
                if (free.length < ownFrames + frames) {
                    long doubled = Math.min(maxFrames, 2L * free.length);
                    free = Arrays.copyOf(free, (int) Math.max(ownFrames + frames, doubled));
                }
                ownFrames += frames;
                growing++;
                return frames;
            }
            return 0;
        } finally {
            lock.unlock();
        }
    }

    /** Null if the platform has no memory; why it says so is kept. */
    private Chunk newChunk(int frames) {
        ByteBuffer memory;
        try {
            memory = allocator.apply(frames << Pages.PAGE_SHIFT);
        } catch (OutOfMemoryError e) { // direct memory has a limit of its own: a guest that touches pages reaches it
            shortage = "direct memory is exhausted: " + e.getMessage() + "; " + this
                    + "; raise -XX:MaxDirectMemorySize, which is -Xmx by default";
            return null;
        }
        Chunk chunk = new Chunk(memory, 0, frames, false);
        for (int i = 0; checked && i < frames; i++) { // a chunk has at most 1024 frames
            chunk.poison(i);
        }
        return chunk;
    }

    /** Allocates nothing: what was started ends. */
    private void endGrowing(int frames, Chunk chunk, long tookNanos) {
        lock.lock();
        try {
            growing--;
            if (chunk == null) {
                ownFrames -= frames;
                notBefore = System.nanoTime() + Math.min(LONGEST_PAUSE_NANOS, 10 * tookNanos);
                nextChunkFrames = Math.max(1, frames / 2); // a smaller one may be there, later
            } else {
                int first = chunkCount << CHUNK_SHIFT;
                publish(chunk, chunkCount);
                for (int i = frames - 1; i >= 0; i--) { // low numbers are given out first
                    pushFree(first + i);
                }
                nextChunkFrames = Math.min(frames * 2, maxChunkFrames);
            }
            lock.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** So that so many chunks can be published without allocating anything. Lock held. */
    private void makeRoom(int count) {
        if (count > chunks.length) {
            Chunk[] more = Arrays.copyOf(chunks, Math.max(count, 2 * chunks.length));
            freeNumbers = Arrays.copyOf(freeNumbers, more.length);
            chunks = more;
        }
    }

    // Lock held.
    private void publish(Chunk chunk, int number) {
        Chunk[] current = chunks;
        current[number] = chunk;
        chunkCount = Math.max(chunkCount, number + 1);
        chunks = current; // publishes the element to readers that learn a pfn of it without the lock
    }

    // Lock held.
    private void pushFree(int pfn) {
        free[freeCount++] = pfn;
        if (shortage != null) {
            shortage = null;
        }
    }

    /** Takes no lock. */
    @Override
    public String toString() {
        return "frames in use=" + inUse + " of " + maxFrames;
    }
}
