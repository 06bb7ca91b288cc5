package io.github.pfncache.memslot;

import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.StackRoom;
import java.lang.invoke.VarHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongConsumer;

/**
 * Pages whose next write is to be known, such as those that hold code which an emulator has translated.
 *
 * <pre>{@code
 * WriteWatch code = vm.memslots().newWriteWatch();
 *
 * if (code.watch(gfn)) { ... }                    // first; then read the page, and translate it
 *
 * if (code.isDue()) {                             // at each safepoint: one look
 *     code.take(gfn -> translations.forget(gfn)); // to be watched again when it is translated again
 * }
 * }</pre>
 *
 * <p><b>Guarantee.</b> A page is told of once it is written by any path that the dirty log knows: one store, an access,
 * an area, a TLB, a held page, {@code GuestMemory}, a device's or a host's thread, a rewind. {@link #isDue} is true
 * before the call that writes has returned, which for an access is its end, and for a TLB or a page held for writing
 * before the first byte is written. A page may also be told of that was not written since it is watched: when its slot
 * is deleted, moved, replaced or gets other flags, when a vCPU may go on writing what was harvested, when a mark leaves
 * a vCPU's ring, or if the page is being written while {@link #watch} begins. What the log cannot know, as at {@code
 * DirtyLogFollower}, is not told; a page that several slots show is to be watched in each.
 *
 * <p><b>Cost.</b> The first write of a page after {@code watch} takes the way of a first write after a harvest; the
 * others, and all of pages that are not watched, cost what they did. A slot with a page that is watched logs its dirty
 * pages, if need be for the watch alone. A {@code watch} takes back what vCPUs hold of that page for writing.
 *
 * <p><b>Thread safety.</b> Any thread asks {@link #isDue}. Of the other methods one is called at a time: what an
 * emulator does about a page, to watch and translate it, or to take and forget it, is one step by a lock of its own, or
 * each vCPU has a watch. Kernel counterpart: {@code kvm_page_track_notifier_node}, {@code track_write()}.
 *
 * @since 0.1.0
 */
public final class WriteWatch extends LogUser implements AutoCloseable {

    /** By slot, as it was when a page of it was watched. Thread-safe by itself; changed by the thread that watches. */
    private final Map<Memslot, WatchedSlot> slots = new ConcurrentHashMap<>();

    /** Set by the writer, after it has noted the page; cleared before the notes are read. */
    volatile boolean due;

    WriteWatch(Memslots memslots) {
        super(memslots, false);
    }

    /**
     * Watches a page: its content, read after this, is good until {@link #isDue} says that it has changed. One look if
     * the page is watched already. May wait, for a change of the memory map and for vCPUs: not to be called inside of
     * guest mode.
     *
     * @param gfn guest frame number, any value
     * @return false, and the page is not watched, if there is no slot, the memory map cannot be changed now, or a vCPU
     *     that holds the page for writing does not give it back
     * @throws IllegalStateException if this watch is closed
     */
    public boolean watch(long gfn) {
        if (closed) {
            throw new IllegalStateException("closed: " + this);
        }
        Memslot slot = memslots.table().find(gfn);
        WatchedSlot known = slot == null ? null : slots.get(slot);
        if (known != null && known.awaits(gfn - slot.baseGfn())) {
            return true;
        }
        StackRoom.require();
        HeldLocks.mightSleep("watch");
        Memslot logs = slot == null ? null : memslots.turnOnLog(slot.id());
        DirtyBitmap log = logs == null || !logs.contains(gfn) ? null : logs.log();
        return log != null
                && watch(slots.computeIfAbsent(logs, now -> new WatchedSlot(this, now, log)), gfn - logs.baseGfn());
    }

    private boolean watch(WatchedSlot in, long page) {
        in.log.setWatch(in, true); // each time: it may have been cut short
        in.log.wordsOf(page); // room for the mark below
        boolean watches = false;
        in.watch(page); // first, then the look at the table: a change of it is published first, and then looks here
        try {
            Marks nobody = in.log.newReader();
            watches = in.log.awaitMarks() // then the next writer has to mark the page again
                    && !memslots.harvest(in.slot, in.log, nobody, PageMask.of(page)).isUnsettled()
                    && memslots.table().byId(in.slot.id()) == in.slot;
        } finally {
            if (!watches) {
                in.watched.clear(page);
                in.log.mark(page); // written without a mark, as it may be
            }
        }
        return watches;
    }

    /**
     * Whether there is something to take: one look, for each safepoint.
     *
     * @return false if no page that is watched was written
     */
    public boolean isDue() {
        return due;
    }

    /**
     * Tells of the pages that were written since they were watched, or may have been, and watches them no more.
     *
     * @param written given, with no lock held, each guest frame number, as it was when the page was watched; if it
     *     throws, the other pages are told of by the next call
     */
    public void take(LongConsumer written) {
        StackRoom.require(); // a page that is let go is told of
        if (due) {
            due = false; // first: what is noted from here on may be missed below
            VarHandle.fullFence(); // the notes are no volatile fields
            boolean done = false;
            try {
                slots.values().forEach(slot -> {
                    slot.take(written);
                    if (memslots.table().byId(slot.slot.id()) != slot.slot && slot.isIdle()) {
                        forget(slot);
                    }
                });
                done = true;
            } finally {
                if (!done) { // else nothing is written here: it may be due again
                    due = true;
                }
            }
        }
    }

    private void forget(WatchedSlot slot) {
        slot.log.setWatch(slot, false);
        slots.remove(slot.slot);
    }

    @Override
    void ends(Memslot slot, boolean logToo) {
        WatchedSlot watched = slots.get(slot);
        if (watched != null) {
            watched.allWritten();
        }
    }

    @Override
    void forgetAll() {
        slots.values().forEach(this::forget);
    }

    @Override
    public String toString() {
        return "watch of pages in " + slots.keySet();
    }
}
