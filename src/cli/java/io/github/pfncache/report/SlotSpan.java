package io.github.pfncache.report;

import io.github.pfncache.memslot.Memslot;

/**
 * A memslot as it was from one column of a picture to another: a rectangle of the slot map.
 *
 * @param id number of the slot
 * @param gpa its first address
 * @param end the address behind its last one
 * @param flags as {@link Memslot} has them
 * @param block name of the block of host memory behind it
 * @param blockOffset bytes from the start of the block to the slot's first byte
 * @param from the first column
 * @param to the first column in which it is gone
 */
record SlotSpan(int id, long gpa, long end, int flags, String block, long blockOffset, int from, int to) {

    SlotSpan endingAt(int column) {
        return new SlotSpan(id, gpa, end, flags, block, blockOffset, from, column);
    }

    boolean covers(long address) {
        return address >= gpa && address < end;
    }

    boolean readOnly() {
        return (flags & Memslot.FLAG_READONLY) != 0;
    }

    boolean logsDirtyPages() {
        return (flags & Memslot.FLAG_LOG_DIRTY_PAGES) != 0;
    }
}
