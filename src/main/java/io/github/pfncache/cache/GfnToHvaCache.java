package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslots;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The older half of a cache: remembers gpa to hva only, and lets every access go through the host's page table, as a
 * process accesses its own memory. No mapping, so nothing to invalidate; only a memslot change makes it translate
 * again. Steal time uses it.
 *
 * <p>As real KVM was seen to do, it marks the page dirty even when the write faulted.
 *
 * <p>For one thread at a time: its user's lock guards it. Kernel counterpart: {@code struct gfn_to_hva_cache},
 * {@code kvm_write_guest_offset_cached()}.
 *
 * @since 0.1.0
 */
public final class GfnToHvaCache {

    private final Memslots memslots;
    private final HostMemory host;
    private final int length;

    // Guarded by the user's lock.

    private Translation where = Translation.NOWHERE;

    GfnToHvaCache(Memslots memslots, HostMemory host, int length) {
        this.memslots = memslots;
        this.host = host;
        this.length = GfnPfnCache.requireLength(length);
    }

    /**
     * Points the cache at guest memory. Nothing is accessed.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return OK, or INVALID with nothing changed for a window that would cross a page or no address
     */
    public Outcome activate(long gpa) {
        CacheTarget target = new CacheTarget.ByGpa(gpa);
        if (!target.isCacheable(length)) {
            return Outcome.INVALID;
        }
        where = Translation.pending(target);
        return Outcome.OK;
    }

    /** Takes the cache out of use. */
    public void deactivate() {
        where = Translation.NOWHERE;
    }

    /** The work of a user on the window, while the memslots hold still. */
    @FunctionalInterface
    public interface Update {

        /**
         * Reads and writes the window. Called with no lock held, in a read section of the memslots: a slot change from
         * here is BUSY.
         *
         * @param window the window; works for this thread, until this method returns
         */
        void on(Window window);
    }

    /**
     * Accesses the window, and marks its page dirty once, whether or not a write faulted or the update threw.
     *
     * @param update what to do
     * @return OK; INACTIVE; FAULT if there is no writable slot, or if an access faulted
     */
    public Outcome update(Update update) {
        if (where.target() == null) {
            return Outcome.INACTIVE;
        }
        int readers = memslots.enterRead();
        try {
            where = where.renewed(where.target(), memslots.table());
            if (!where.isBacked()) {
                return Outcome.FAULT;
            }
            where.dirtyMark(null); // what the mark takes is there before the page is written
            return update(update, new Window(where));
        } finally {
            memslots.exitRead(readers);
        }
    }

    private static Outcome update(Update update, Window window) {
        try {
            update.on(window);
            return window.faulted ? Outcome.FAULT : Outcome.OK;
        } finally {
            window.owner = null; // from here on its slot may be given up
            window.here.markDirty();
        }
    }

    /** The window during one update: little-endian access that may fault. After a fault, nothing more is accessed. */
    public final class Window {

        private final Translation here;

        // Confined to the thread that updates.

        /** That thread; null when the update is over. */
        private Thread owner = Thread.currentThread();
        private boolean faulted;

        private Window(Translation here) {
            this.here = here;
        }

        /**
         * Reads a few bytes as a little-endian number: 1, 2, 4 or 8 of them in one load.
         *
         * @param offset bytes from the start of the window
         * @param width 1 to 8 bytes
         * @return the value, zero-extended; 0 after a fault
         * @throws IllegalArgumentException if the bytes do not lie inside the window
         * @throws IllegalStateException if the update is over, or another thread's
         */
        public long get(int offset, int width) {
            long hva = hvaOf(offset, width);
            byte[] bytes = new byte[Long.BYTES];
            faulted = faulted || !host.copyFromUser(hva, bytes, 0, width);
            return faulted ? 0 : ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        }

        /**
         * Writes a few bytes as a little-endian number: 1, 2, 4 or 8 of them in one store. A reader of as many there
         * gets the old number or the new one, if they are naturally aligned.
         *
         * @param offset bytes from the start of the window
         * @param width 1 to 8 bytes
         * @param value the value; higher bytes are ignored
         * @throws IllegalArgumentException if the bytes do not lie inside the window
         * @throws IllegalStateException if the update is over, or another thread's
         */
        public void put(int offset, int width, long value) {
            long hva = hvaOf(offset, width);
            byte[] bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
            faulted = faulted || !host.copyToUser(hva, bytes, 0, width);
        }

        private long hvaOf(int offset, int width) {
            if (owner != Thread.currentThread()) {
                throw new IllegalStateException(
                        owner == null ? "the update of this window is over" : "this window belongs to " + owner);
            }
            if (!Pages.rangeFits(offset, width, length) || width < 1 || width > Long.BYTES) {
                throw new IllegalArgumentException(
                        "offset=" + offset + " width=" + width + " exceeds length=" + length + " at " + here.target());
            }
            return here.uhva() + offset;
        }
    }

    @Override
    public String toString() {
        return "GfnToHvaCache[length=" + length + " " + where.target() + " -> uhva=" + Pages.hex(where.uhva()) + "]";
    }
}
