package io.github.pfncache.memslot;

import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The dirty log of one vCPU: one entry for every page it marks, in order, without removing duplicates.
 *
 * <pre>{@code
 * DirtyRing ring = memslots.newDirtyRing(256);
 * ring.bind();                            // the thread that runs the vCPU
 * try { ... if (ring.exitNeeded()) ... } finally { ring.unbind(); }
 *
 * for (DirtyRing.Entry e : ring.entries()) { ... }    // any other thread
 * ring.reset();                           // the entries handed out may be reused
 * }</pre>
 *
 * <p>A reader of all logs ({@link DirtyReader}) moves the marks that it finds here to the bitmaps of the slots, for all
 * readers: {@link Memslots#harvestDirtyOutsideRings} has them then.
 *
 * <p>An entry takes up room from the mark until the {@link #reset} after it was handed out. When {@link #softLimit}
 * entries are taken up the vCPU has to stop running ({@link #exitNeeded}); the rest of the ring is for what it still
 * writes on its way out. A mark that finds no room at all goes to the slot's bitmap.
 *
 * <p><b>Thread safety.</b> Only the bound thread marks, so one volatile store of the count publishes an entry, and with
 * it the data that was written before. Data that is written after the mark is written under a brief hold. The
 * announcement of that hold is published with the entry, and {@link #entries} waits for the hold to end, as a harvest
 * of a bitmap does. {@link #entries} and {@link #reset} may be called from any thread.
 *
 * <p>Kernel counterpart: {@code struct kvm_dirty_ring}, {@code KVM_RESET_DIRTY_RINGS} (of one ring) and
 * {@code KVM_EXIT_DIRTY_RING_FULL}.
 *
 * @since 0.1.0
 */
public final class DirtyRing {

    /** Entries kept free for what a vCPU writes on its way out of the guest; real KVM left 64 of 256. */
    private static final int RESERVED = 64;

    private static final int MIN_ENTRIES = 2 * RESERVED;
    private static final int MAX_ENTRIES = 1 << 16;
    private static final int SLOT_ID_SHIFT = 32;

    private final DirtyRings owner;

    /** Slot id and page of each entry; element {@code n & length - 1} is written by the bound thread, before pushed. */
    private final long[] ring;

    /** The thread that marks, or null. Handing over orders the old thread's marks before the new thread's. */
    private final AtomicReference<Thread> bound = new AtomicReference<>();

    /** How many entries were ever marked. Written by the bound thread only. */
    private volatile long pushed;

    private final TrackedLock reading = new TrackedLock(LockClass.DIRTY);

    // Guarded by reading; reset <= collected <= pushed <= reset + length. The bound thread reads reset without it: what
    // it sees may be old, then the ring looks fuller than it is, never emptier.
    private long collected;
    private volatile long reset;

    DirtyRing(DirtyRings owner, int entries) {
        if (entries < MIN_ENTRIES || entries > MAX_ENTRIES || Integer.bitCount(entries) != 1) {
            throw new IllegalArgumentException(
                    "entries=" + entries + " is not a power of two from " + MIN_ENTRIES + " to " + MAX_ENTRIES);
        }
        this.owner = owner;
        this.ring = new long[entries];
    }

    /**
     * One mark.
     *
     * @param slotId id of the slot
     * @param page page relative to the slot
     */
    public record Entry(int slotId, long page) {}

    /**
     * Makes the current thread the one whose marks go here: it is about to run the vCPU.
     *
     * @throws IllegalStateException if the ring is bound, or another ring of the same memslots to this thread
     */
    public void bind() {
        owner.bind(this);
    }

    /**
     * Ends what {@link #bind} began.
     *
     * @throws IllegalStateException if the ring is not bound to this thread
     */
    public void unbind() {
        owner.unbind(this);
    }

    /**
     * Whether the vCPU has to stop running until entries are reset.
     *
     * @return true iff at least {@link #softLimit} entries are taken up
     */
    public boolean exitNeeded() {
        return pushed - reset >= softLimit();
    }

    /**
     * How many entries may be taken up before the vCPU has to stop.
     *
     * @return 64 below the number of entries
     */
    public int softLimit() {
        return ring.length - RESERVED;
    }

    /**
     * Hands out the marks that were not handed out before.
     *
     * @return the entries, in the order of the marks; again those of the last call, if a store that made one of them
     *     had not ended within 100 milliseconds
     */
    public List<Entry> entries() {
        reading.lock();
        try (reading) {
            long end = pushed;
            List<Entry> entries = new ArrayList<>((int) (end - collected));
            for (long n = collected; n < end; n++) { // bounded by the size of the ring
                Entry entry = entry(n);
                owner.leaves(entry, false);
                entries.add(entry);
            }
            // A store of a cache marks before it writes, under a brief hold. Entries of one that has not ended in time
            // are handed out once more the next time.
            if (end == collected || DirtyBitmap.awaitBriefHolds()) {
                collected = end;
            }
            return entries;
        }
    }

    /** Moves the marks that were not handed out to the bitmaps of their slots, and frees all entries, as by a reset. */
    void spill() {
        reading.lock();
        try (reading) {
            long end = pushed;
            for (long n = collected; n < end; n++) { // bounded by the size of the ring
                owner.leaves(entry(n), true);
            }
            collected = end; // after the marks: if one of them fails, they are all here still
        }
        reset();
    }

    /**
     * Frees the entries that were handed out. A vCPU that holds one of their pages for writing gives it back before
     * this returns: so a page is to be copied after the reset of its entry. If that fails, nothing is freed; nor while
     * another thread changes the memory map.
     *
     * @return how many were freed
     */
    public int reset() {
        HeldLocks.mightSleep("reset of a dirty ring");
        Map<Integer, BitSet> pages = new HashMap<>();
        long end;
        reading.lock();
        try (reading) {
            end = collected;
            for (long n = reset; n < end; n++) { // bounded by the size of the ring
                Entry entry = entry(n);
                pages.computeIfAbsent(entry.slotId(), id -> new BitSet()).set((int) entry.page());
            }
        }
        if (!owner.protect(pages)) {
            return 0;
        }
        reading.lock();
        try (reading) {
            int freed = (int) Math.max(0, end - reset); // another thread may have freed them meanwhile
            // Releases the reads of the entries: the bound thread overwrites them only after it has seen this.
            reset += freed;
            return freed;
        }
    }

    /** Called by the bound thread. */
    boolean push(int slotId, long page) {
        long n = pushed;
        if (n - reset >= ring.length) {
            return false;
        }
        ring[index(n)] = (long) slotId << SLOT_ID_SHIFT | page;
        pushed = n + 1;
        return true;
    }

    void acquireBy(Thread thread) {
        if (!bound.compareAndSet(null, thread)) {
            throw new IllegalStateException(this + " is bound to another thread");
        }
    }

    void releaseFrom(Thread thread) {
        boolean wasBound = bound.compareAndSet(thread, null);
        MemslotRule.RING_HAS_ONE_WRITER.check(wasBound, this);
    }

    private Entry entry(long n) {
        long packed = ring[index(n)];
        return new Entry((int) (packed >>> SLOT_ID_SHIFT), packed & (1L << SLOT_ID_SHIFT) - 1);
    }

    private int index(long n) {
        return (int) n & ring.length - 1;
    }

    @Override
    public String toString() {
        return "dirty ring of " + ring.length + " entries, taken up " + (pushed - reset);
    }
}
