package io.github.pfncache.memslot;

import java.util.Arrays;

/**
 * The slots that overlap one aligned block of guest frames, found by frame number. Immutable: a change copies the nodes
 * on its path and shares all others, so look-up and change cost the depth of the tree, not the number of slots.
 *
 * <p>A {@link SlotLeaf} holds up to {@value #LEAF_SLOTS} slots in sorted arrays of primitives. A {@link SlotFan} cuts
 * its block into {@value #FAN_OUT} equal parts, each with an index of its own. A fan is made as deep as its slots lie
 * apart: levels at which all slots would fall into one part are left out. A slot is listed in every part it overlaps; a
 * part that it fills is a leaf of that one slot, shared by all such parts.
 *
 * <p>A memory map of a few large slots is one leaf. 32,764 slots are three levels if they lie evenly, and never more
 * than eight: {@code GFN_BITS / FAN_BITS} fans and a leaf.
 */
abstract sealed class SlotIndex permits SlotFan, SlotLeaf {

    /** Binary logarithm of {@link #FAN_OUT}. */
    static final int FAN_BITS = 6;

    /** Parts of a fan. */
    static final int FAN_OUT = 1 << FAN_BITS;

    /** Slots a leaf may hold. As many as a fan has parts: slots in a block of so many frames always fit one leaf. */
    static final int LEAF_SLOTS = FAN_OUT;

    /** Size of a space that holds all guest frames, a multiple of FAN_BITS. */
    static final int GFN_BITS = 42;

    SlotIndex() {}

    /**
     * The slot that holds a frame.
     *
     * @param gfn any value
     * @return the slot or null
     */
    final Memslot find(long gfn) {
        SlotIndex node = this;
        while (node instanceof SlotFan fan) { // bounded by the depth: every level is a smaller block
            node = fan.part(gfn);
        }
        return ((SlotLeaf) node).at(gfn);
    }

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
     * @param block the block this index is for
     * @param slot is in this index
     */
    abstract SlotIndex without(Block block, Memslot slot);

    /**
     * An index.
     *
     * @param block the block it is for
     * @param sorted holds, from {@code from} to {@code to}, the slots that overlap the block
     */
    static SlotIndex of(Block block, Memslot[] sorted, int from, int to) {
        Memslot[] mine = to - from == sorted.length ? sorted : Arrays.copyOfRange(sorted, from, to);
        return mine.length <= LEAF_SLOTS ? SlotLeaf.of(block, mine) : SlotFan.of(block, mine);
    }

    /**
     * An aligned block of guest frames.
     *
     * @param start first frame, a multiple of the size
     * @param bits binary logarithm of the number of frames, a multiple of FAN_BITS
     */
    record Block(long start, int bits) {

        static final Block WHOLE = new Block(0, GFN_BITS);

        long end() {
            return start + (1L << bits);
        }

        /** One of the FAN_OUT equal parts. */
        Block part(int number) {
            return new Block(start + ((long) number << bits - FAN_BITS), bits - FAN_BITS);
        }

        boolean contains(Block other) {
            return other.start >= start && other.end() <= end();
        }

        boolean overlaps(Memslot slot) {
            return slot.baseGfn() < end() && slot.endGfn() > start;
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

        /** The smallest block that holds two frames and has parts. */
        static Block spanning(long first, long last) {
            int bits = FAN_BITS;
            while (first >>> bits != last >>> bits) { // bounded by GFN_BITS: then both sides are 0
                bits += FAN_BITS;
            }
            return new Block(first >>> bits << bits, bits);
        }
    }
}
