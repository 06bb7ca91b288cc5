package io.github.pfncache.memslot;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** The dirty rings of one memory map, and which of them takes the marks of a thread. Safe from any thread. */
final class DirtyRings {

    /** What the marks are of. */
    private final Memslots memslots;

    /** Every ring that was made. Thread-safe by itself. */
    private final List<DirtyRing> all = new CopyOnWriteArrayList<>();

    /** The ring of the vCPU that a thread runs, while it runs it. */
    private final ThreadLocal<DirtyRing> running = new ThreadLocal<>();

    DirtyRings(Memslots memslots) {
        this.memslots = memslots;
    }

    /**
     * Entries are about to be freed: a vCPU that writes their pages without a mark for each write has to mark them
     * again. Where it does not stop in time they are marked again here, in the bitmaps.
     *
     * @return false, with nothing done, while the memory map is being changed: a slot that is not there may come back
     */
    boolean protect(Map<Integer, BitSet> freed) {
        MemslotTable table = memslots.table();
        if (!memslots.isSettled(table)) {
            return false;
        }
        freed.forEach((id, pages) -> {
            Memslot slot = table.byId(id);
            if (slot != null && !memslots.protect(slot, page -> pages.get((int) page))) {
                DirtyBitmap log = slot.log();
                pages.stream().filter(page -> log != null && page < slot.npages()).forEach(log::mark);
            }
        });
        return true;
    }

    DirtyRing make(int entries) {
        DirtyRing ring = new DirtyRing(this, entries);
        all.add(ring);
        return ring;
    }

    /** Empties every ring into the bitmaps of the slots. */
    void spill() {
        all.forEach(DirtyRing::spill); // bounded by the rings
    }

    /** A mark leaves its ring: readers are told, and with {@code alsoUnnamed} it is in the bitmap for all. */
    void leaves(DirtyRing.Entry entry, boolean alsoUnnamed) {
        memslots.markFromRing(entry.slotId(), entry.page(), alsoUnnamed);
    }

    void bind(DirtyRing ring) {
        DirtyRing other = running.get();
        if (other != null) {
            throw new IllegalStateException("this thread marks into " + other + " and cannot bind " + ring);
        }
        ring.acquireBy(Thread.currentThread());
        running.set(ring);
    }

    void unbind(DirtyRing ring) {
        if (running.get() != ring) {
            throw new IllegalStateException(ring + " is not bound to this thread");
        }
        running.remove();
        ring.releaseFrom(Thread.currentThread());
    }

    /**
     * Logs a page in the current thread's ring.
     *
     * @return false if there is no such ring, or no room in it
     */
    boolean push(int slotId, long page) {
        DirtyRing ring = running();
        return ring != null && ring.push(slotId, page);
    }

    private DirtyRing running() {
        try {
            return running.get();
        } catch (OutOfMemoryError noEntry) { // for a thread that asks for the first time: it has bound none
            return null;
        }
    }
}
