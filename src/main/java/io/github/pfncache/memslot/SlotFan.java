package io.github.pfncache.memslot;

import java.util.Arrays;

/** A block cut into equal parts, with an index for each. */
final class SlotFan extends SlotIndex {

    /** A fan with so few slots becomes a leaf: half of what a leaf holds, so that no change does it back and forth. */
    private static final int COLLAPSE_AT = LEAF_SLOTS / 2;

    private static final int PART_MASK = FAN_OUT - 1;

    private final int shift;
    private final SlotIndex[] parts;
    private final Block block;
    private final int size;

    private SlotFan(Block block, SlotIndex[] parts, int size) {
        this.block = block;
        this.shift = block.bits() - FAN_BITS;
        this.parts = parts;
        this.size = size;
    }

    /** The fan for the slots of an overfull leaf. */
    static SlotFan of(Block within, Memslot[] sorted) {
        long first = within.firstOf(sorted[0]);
        long last = within.lastOf(sorted[sorted.length - 1]);
        Block block = Block.spanning(first, last);
        SlotIndex[] parts = new SlotIndex[FAN_OUT];
        int from = 0;
        for (int i = 0; i < FAN_OUT; i++) {
            Block part = block.part(i);
            while (from < sorted.length && sorted[from].endGfn() <= part.start()) { // all turns together: the slots
                from++;
            }
            int to = from;
            while (to < sorted.length && part.overlaps(sorted[to])) { // bounded by the slots
                to++;
            }
            // Depth is bounded: a part is smaller than the block, and so many slots do not fit a small one.
            parts[i] = from == to ? SlotLeaf.EMPTY : of(part, sorted, from, to);
        }
        return new SlotFan(block, parts, sorted.length);
    }

    /** A fan for a larger block, with this one in one of its parts. */
    private SlotFan within(Block larger) {
        SlotIndex[] wider = new SlotIndex[FAN_OUT];
        Arrays.fill(wider, SlotLeaf.EMPTY);
        wider[(int) (block.start() >>> larger.bits() - FAN_BITS) & PART_MASK] = this;
        return new SlotFan(larger, wider, size);
    }

    /**
     * The index of the part a frame lies in. No slot that concerns this fan holds a frame outside of its block, so for
     * such a frame any part will do: a leaf compares whole frame numbers.
     */
    SlotIndex part(long gfn) {
        return parts[(int) (gfn >>> shift) & PART_MASK];
    }

    @Override
    Memslot atOrAbove(long gfn) {
        if (gfn >= block.end()) {
            return null;
        }
        Memslot found = null;
        // Bounded by FAN_OUT. A slot that reaches over from an earlier part is listed in this one too.
        for (int i = partOf(Math.max(gfn, block.start())); found == null && i < FAN_OUT; i++) {
            found = parts[i].atOrAbove(gfn);
        }
        return found;
    }

    @Override
    int size() {
        return size;
    }

    @Override
    SlotIndex with(Block outer, Memslot slot) {
        Block needed = Block.spanning(
                Math.min(block.start(), outer.firstOf(slot)), Math.max(block.end() - 1, outer.lastOf(slot)));
        SlotFan wide = block.contains(needed) ? this : within(needed);
        SlotIndex[] copy = wide.parts.clone();
        wide.addTo(copy, slot);
        return new SlotFan(wide.block, copy, size + 1);
    }

    private void addTo(SlotIndex[] copy, Memslot slot) {
        SlotIndex filled = null;
        int last = partOf(block.lastOf(slot));
        for (int i = partOf(block.firstOf(slot)); i <= last; i++) { // bounded by FAN_OUT
            Block part = block.part(i);
            if (part.isFilledBy(slot)) {
                filled = filled == null ? SlotLeaf.of(part, slot) : filled;
                copy[i] = filled;
            } else {
                copy[i] = copy[i].with(part, slot);
            }
        }
    }

    @Override
    SlotIndex without(Block outer, Memslot slot) {
        SlotIndex[] copy = parts.clone();
        int last = partOf(block.lastOf(slot));
        for (int i = partOf(block.firstOf(slot)); i <= last; i++) { // bounded by FAN_OUT
            copy[i] = copy[i].without(block.part(i), slot);
        }
        SlotFan fan = new SlotFan(block, copy, size - 1);
        return fan.size <= COLLAPSE_AT ? fan.collapsed() : fan;
    }

    private SlotLeaf collapsed() {
        Memslot[] sorted = new Memslot[size];
        long gfn = block.start();
        for (int i = 0; i < size; i++) { // bounded by COLLAPSE_AT
            sorted[i] = atOrAbove(gfn);
            gfn = sorted[i].endGfn();
        }
        return SlotLeaf.of(block, sorted);
    }

    private int partOf(long gfn) {
        return (int) (gfn >>> shift) & PART_MASK;
    }
}
