package io.github.pfncache.memslot;

import java.util.BitSet;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

/**
 * One reader of the dirty logs of all slots, besides {@link Memslots#harvestDirty} and all other readers: each gets
 * every page. Bitmaps and rings alike.
 *
 * <pre>{@code
 * try (DirtyReader reader = memslots.newDirtyReader()) {
 *     memslots.table().forEach(reader::follow);               // what is written from here on is read
 *     ...
 *     reader.harvest((slot, pages) -> copy(slot, pages));     // page numbers relative to the slot
 * }
 * }</pre>
 *
 * <p>Slots that are made while there is a reader log from their first moment, and are read by it; of a slot that goes,
 * the last marks are still handed out. Logs that are on for the readers alone are turned off after the last of them.
 *
 * <p><b>Limits.</b> A log that was turned on for readers, for a slot made while the last of them closed, stays on until
 * another reader closes. Where making a slot was {@link Memslots.Change#BUSY}, a thread that found the slot meanwhile
 * may not have left it yet. What such a thread writes there after the next harvest is not read, though another slot may
 * show the same memory.
 *
 * <p>One thread harvests and closes at a time; any thread may change the slots. Kernel counterpart: none, a VMM hands
 * what {@code KVM_GET_DIRTY_LOG} takes out on to its clients itself.
 *
 * @since 0.1.0
 */
public final class DirtyReader extends LogUser implements AutoCloseable {

    /** So many slots that have gone are remembered between two harvests, if they have marks. */
    private static final int MAX_GONE = 1024;

    /** The logs that are read. Thread-safe by itself; entries come and go under SLOTS, or by the thread that reads. */
    private final Map<DirtyBitmap, Log> logs = new ConcurrentHashMap<>();

    /** About how many slots have gone: limits what is remembered. */
    private final AtomicInteger gone = new AtomicInteger();

    /** Whether marks of a slot that has gone were forgotten. Set under SLOTS, cleared by a harvest. */
    private volatile boolean overflown;

    /** Whether the last harvest had pages marked again. Written by the thread that reads. */
    private volatile boolean unsettled;

    /** One log, and what of it is kept for this reader. */
    private static final class Log {
        private final Marks kept;

        // Written under SLOTS, or by the thread that follows.
        private volatile Memslot slot;
        private volatile boolean gone;

        /** With its slot from the beginning: a harvest may find it at once. */
        Log(Marks kept, Memslot slot) {
            this.kept = kept;
            this.slot = slot;
        }
    }

    DirtyReader(Memslots memslots) {
        super(memslots, true);
    }

    /**
     * Reads the log of a slot from now on, and turns it on if it is off.
     *
     * @param slot a slot of the current table
     * @return the slot as it is now, every write to which is read here from now on; null if the memory map could not be
     *     changed now, or has another slot by now
     */
    public Memslot follow(Memslot slot) {
        // Also where it is on: a change that turned it on may still wait for what is written without a mark.
        Memslot now = memslots.turnOnLog(slot.id());
        if (now == null || now.log() == null) {
            return null;
        }
        begins(now);
        // Not if a change turns the log off because it had no reader yet: once more, after such a change.
        return memslots.turnOnLog(now.id()) == now ? now : null;
    }

    /**
     * Hands out the pages that were marked since the last harvest, and those of slots that have gone since.
     *
     * @param reader told, with no lock held, of each slot with marks, as it is or was, and its pages: relative to it,
     *     ascending, each once; if it throws, the next harvest has the slot again
     * @return false if a slot that went between two harvests had marks that were forgotten, because there were more
     *     than 1024 of that kind; if {@code reader} throws, the next harvest says so
     */
    public boolean harvest(BiConsumer<Memslot, long[]> reader) {
        // Those that have gone already: no thread marks them any more, in a ring neither. First, before any is read.
        Set<DirtyBitmap> last = new HashSet<>();
        MemslotTable table = memslots.table();
        logs.forEach((bitmap, log) -> {
            Memslot now = table.byId(log.slot.id());
            boolean over = now == null || now.log() != bitmap; // also if it was followed after this was told of its end
            // The table is looked at again last: the log may be of a slot that has come since, or be back by now.
            if (log.gone || over && memslots.isSettled(table)) {
                last.add(bitmap);
            }
        });
        memslots.spillDirtyRings();
        unsettled = false;
        boolean all = !overflown;
        overflown = false;
        boolean done = false;
        try {
            harvestLogs(reader, last);
            done = true;
            return all;
        } finally {
            if (!done && !all) {
                overflown = true; // the caller has not been told
            }
        }
    }

    /**
     * Hands out a part of what {@link #harvest(BiConsumer)} would: the marks of the other pages stay. So pages can be
     * taken out right before they are copied, and one that is written before that is copied once.
     *
     * @param slot as {@link #peek} or a harvest has named it
     * @param pages which, relative to the slot; those without a mark do not matter
     * @return those that were marked, to be put back if they cannot be delivered; none if the slot is not read
     */
    public DirtyBitmap.Harvest harvest(Memslot slot, BitSet pages) {
        DirtyBitmap bitmap = slot.log();
        Log log = bitmap == null ? null : logs.get(bitmap);
        if (log == null) {
            return DirtyBitmap.Harvest.empty();
        }
        memslots.spillDirtyRings();
        DirtyBitmap.Harvest harvest = memslots.harvest(log.slot, bitmap, log.kept, PageMask.of(pages));
        unsettled = harvest.isUnsettled();
        return harvest;
    }

    /**
     * Shows the pages that are marked, and leaves the marks: no vCPU is stopped. Those in a vCPU's ring are not shown.
     *
     * @param reader told of each slot with marks, as it is or was, and its pages: relative to it, ascending, each once
     */
    public void peek(BiConsumer<Memslot, long[]> reader) {
        logs.forEach((bitmap, log) -> { // bounded by the slots
            DirtyBitmap.Harvest seen = bitmap.peek(log.kept);
            if (seen.count() > 0) {
                reader.accept(log.slot, seen.pages());
            }
        });
    }

    private void harvestLogs(BiConsumer<Memslot, long[]> reader, Set<DirtyBitmap> last) {
        logs.forEach((bitmap, log) -> { // bounded by the slots
            DirtyBitmap.Harvest harvest = memslots.harvest(log.slot, bitmap, log.kept, PageMask.ALL);
            if (harvest.isUnsettled()) {
                unsettled = true;
            }
            boolean read = false;
            try {
                if (harvest.count() > 0) {
                    reader.accept(log.slot, harvest.pages());
                }
                read = true;
            } finally {
                if (!read) {
                    harvest.putBack();
                }
            }
            if (last.contains(bitmap)) {
                forget(bitmap, log);
            }
        });
    }

    /**
     * Whether pages that the last harvest handed out may still be written without a mark: by a vCPU in guest mode that
     * did not give back in time what it holds for writing. The pages are marked again.
     *
     * @return false iff every write that had begun before the harvest, and marks that came later, are accounted for
     */
    public boolean isUnsettled() {
        return unsettled;
    }

    /** Allocates nothing. */
    private void forget(DirtyBitmap bitmap, Log log) {
        bitmap.removeReader(log.kept); // first: if this is cut short, it is done again
        if (logs.remove(bitmap, log) && log.gone) {
            gone.decrementAndGet();
        }
    }

    /** If the log is read already, nothing is allocated. */
    @Override
    void begins(Memslot slot) {
        DirtyBitmap bitmap = slot.log();
        Log log = logs.get(bitmap);
        if (log == null) {
            log = logs.computeIfAbsent(bitmap, one -> new Log(one.newReader(), slot));
        }
        bitmap.addReader(log.kept);
        log.slot = slot;
        if (closed) {
            forget(bitmap, log);
        }
    }

    /** No thread marks a log that is of no slot any more. Allocates nothing. */
    @Override
    void ends(Memslot slot, boolean logToo) {
        Log log = logToo ? logs.get(slot.log()) : null;
        if (log != null && !log.gone) {
            log.gone = true;
            if (gone.incrementAndGet() > MAX_GONE) {
                forget(slot.log(), log);
                overflown = true;
            }
        }
    }

    @Override
    void markGone(int slotId, long page, DirtyBitmap current) {
        logs.forEach((bitmap, log) -> { // also of a slot that goes, before this is told of its end, or is back by now
            if (bitmap != current && log.slot.id() == slotId && page < log.kept.npages) {
                Marks.mark(log.kept.wordsOf(page), page);
            }
        });
    }

    @Override
    void forgetAll() {
        logs.forEach(this::forget);
    }

    @Override
    public String toString() {
        return "reader of " + logs.size() + " dirty logs";
    }
}
