package io.github.pfncache.memslot;

import io.github.pfncache.address.Pages;

/**
 * Slots that overlap one aligned block of guest frames, found by frame number. Immutable: a change copies what is on
 * its path and shares the rest, so look-up and change cost the depth of the tree, not the number of slots.
 *
 * <p>A {@link SlotNode} cuts its block into equal parts, more of them than it has slots, so that a part is mostly empty
 * or belongs to one slot: then a look-up is two array accesses, or a few more. A part that several slots share is a
 * {@link SlotBucket} if they are few, and otherwise a node of its own, whose block is no larger than these slots lie
 * apart: tiny slots next to huge or far ones take a further level, and no level is spent on empty space. A slot is
 * listed in every part it overlaps.
 */
abstract sealed class SlotIndex permits SlotNode, SlotBucket {

    /** Slots a leaf may hold. They are searched one by one. */
    static final int LEAF_SLOTS = 8;

    SlotIndex() {}

    /**
     * The slot that holds a frame.
     *
     * @param gfn any value
     * @return the slot, or null if no slot of this index does
     */
    abstract Memslot find(long gfn);

    /**
     * The slot that holds a frame, or else the next one above.
     *
     * @param gfn a frame number, not negative
     * @return the first slot that ends above {@code gfn}, or null
     */
    abstract Memslot atOrAbove(long gfn);

    /** Number of slots that overlap the block. */
    abstract int size();

    /**
     * This index and one slot more.
     *
     * @param block the block this index is for
     * @param slot overlaps the block, and no slot of this index
     */
    abstract SlotIndex with(Block block, Memslot slot);

    /**
     * This index and one slot less.
     *
     * @param slot is in this index
     */
    abstract SlotIndex without(Memslot slot);

    /** An aligned block of guest frames: first frame, a multiple of the size, and binary logarithm of the size. */
    record Block(long start, int bits) {

        /** All guest frames. */
        static final Block WHOLE = new Block(0, Long.SIZE - Long.numberOfLeadingZeros(Pages.GFN_END - 1));

        long end() {
            return start + (1L << bits);
        }

        boolean holds(long gfn) {
            return gfn >>> bits == start >>> bits;
        }

        boolean isFilledBy(Memslot slot) {
            return slot.baseGfn() <= start && slot.endGfn() >= end();
        }

        /** First frame of a slot inside this block, which it overlaps. */
        long firstOf(Memslot slot) {
            return Math.max(start, slot.baseGfn());
        }

        /** Last frame of a slot inside this block, which it overlaps. */
        long lastOf(Memslot slot) {
            return Math.min(end(), slot.endGfn()) - 1;
        }

        /** The smallest block that holds two frames and has a certain size at least. */
        static Block spanning(long first, long last, int minBits) {
            int bits = Math.max(minBits, Long.SIZE - Long.numberOfLeadingZeros(first ^ last));
            return new Block(first >>> bits << bits, bits);
        }
    }
}
