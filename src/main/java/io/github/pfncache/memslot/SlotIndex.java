package io.github.pfncache.memslot;

/**
 * The slots that overlap one aligned block of guest frames, found by frame number. Immutable: a change copies the nodes
 * on its path and shares all others, so look-up and change cost the depth of the tree, not the number of slots.
 *
 * <p>A {@link SlotLeaf} holds up to {@value #LEAF_SLOTS} slots in sorted arrays of {@code long}. A {@link SlotFan} cuts
 * its block into {@value #FAN_OUT} equal parts, each with an index of its own. A fan is made as deep as its slots lie
 * apart: levels at which all slots would fall into one part are left out. A slot is listed in every part it overlaps; a
 * part that it fills is a leaf of that one slot, shared by all such parts.
 *
 * <p>A memory map of a few large slots is one leaf. 32,764 slots are three or four levels if they lie evenly, and never
 * more than {@code GFN_BITS / FAN_BITS}, ten.
 */
abstract sealed class SlotIndex permits SlotFan, SlotLeaf {

    /** Binary logarithm of {@link #FAN_OUT}. */
    static final int FAN_BITS = 4;

    /** Parts of a fan. */
    static final int FAN_OUT = 1 << FAN_BITS;

    /** Slots a leaf may hold. As many as a fan has parts: slots in a block of so many frames always fit one leaf. */
    static final int LEAF_SLOTS = FAN_OUT;

    /** Size of the whole guest frame space, a multiple of FAN_BITS. */
    static final int GFN_BITS = 40;

    SlotIndex() {}

    /**
     * The slot that holds a frame.
     *
     * @param gfn any value
     * @return the slot or null
     */
    final Memslot find(long gfn) {
        SlotIndex node = this;
        while (node instanceof SlotFan fan) { // bounded by the depth, ten: every level is a smaller block
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

        boolean contains(Block other) {
            return other.start >= start && other.end() <= end();
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
