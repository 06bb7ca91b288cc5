package io.github.pfncache.report;

import io.github.pfncache.memslot.Memslot;

/**
 * A memslot as it was from one column of a picture to another: a rectangle of the slot map.
 *
 * @param slot the slot
 * @param block name of the block of host memory behind it
 * @param blockOffset bytes from the start of the block to the slot's first byte
 * @param from the first column
 * @param to the first column in which it is gone
 */
record SlotSpan(Memslot slot, String block, long blockOffset, int from, int to) {

    SlotSpan endingAt(int column) {
        return new SlotSpan(slot, block, blockOffset, from, column);
    }
}
