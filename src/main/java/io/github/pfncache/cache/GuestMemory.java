package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;

/**
 * Guest memory without a cache: each call translates afresh, page by page, and accesses the host address as a process
 * would its own memory, faulting pages in and obeying protections. For what is accessed once.
 *
 * <p>Thread-safe; a call is not atomic. Kernel counterpart: {@code kvm_write_guest()} and {@code kvm_read_guest()}.
 *
 * @since 0.1.0
 */
public final class GuestMemory {

    private final Memslots memslots;
    private final HostMemory host;

    GuestMemory(Memslots memslots, HostMemory host) {
        this.memslots = memslots;
        this.host = host;
    }

    /**
     * Writes guest memory, in ascending order, up to the first page that cannot be written. Each page written is marked
     * dirty.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param from the bytes
     * @return number of bytes written, 0 to {@code from.length}
     */
    public int write(long gpa, byte[] from) {
        return inParts(gpa, from.length, (slot, at, done, length) -> {
            if (slot.readOnly()) {
                return false;
            }
            slot.dirtyMark(Pages.gpaToGfn(at), null); // what to mark it takes is there before it is written
            boolean written = host.copyToUser(Translation.gpaToUhva(slot, at), from, done, length);
            if (written) {
                slot.markDirty(Pages.gpaToGfn(at));
            }
            return written;
        });
    }

    /**
     * Reads guest memory, in ascending order, up to the first page that cannot be read.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param into receives the bytes
     * @return number of bytes read, 0 to {@code into.length}
     */
    public int read(long gpa, byte[] into) {
        return inParts(
                gpa,
                into.length,
                (slot, at, done, length) -> host.copyFromUser(Translation.gpaToUhva(slot, at), into, done, length));
    }

    /** The work on the part of a range that lies in one page; false ends the walk. */
    private interface Part {
        boolean access(Memslot slot, long gpa, int done, int length);
    }

    /** Walks a range page by page, up to the first part that has no slot or fails; how many bytes went well. */
    private int inParts(long gpa, int length, Part part) {
        int readers = memslots.enterRead();
        try {
            int done = 0;
            while (done < length) { // bounded by the pages that the bytes span
                long at = gpa + done;
                int width = Math.min(length - done, Pages.PAGE_SIZE - Pages.offsetInPage(at));
                Memslot slot = Pages.wraps(gpa, done + 1L) ? null : memslots.table().find(Pages.gpaToGfn(at));
                if (slot == null || !part.access(slot, at, done, width)) {
                    return done;
                }
                done += width;
            }
            return done;
        } finally {
            memslots.exitRead(readers);
        }
    }
}
