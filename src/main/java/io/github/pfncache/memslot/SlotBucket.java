package io.github.pfncache.memslot;

import java.util.Arrays;

/** A few slots in one part of a node: at least two, sorted by frame. */
final class SlotBucket extends SlotIndex {

    private final Memslot[] slots;

    /** A leaf of {@code sorted}, which is handed over. */
    SlotBucket(Memslot... sorted) {
        this.slots = sorted;
    }

    @Override
    Memslot find(long gfn) {
        for (Memslot slot : slots) { // bounded by LEAF_SLOTS
            if (gfn < slot.endGfn()) {
                return gfn >= slot.baseGfn() ? slot : null;
            }
        }
        return null;
    }

    @Override
    Memslot atOrAbove(long gfn) {
        int i = placeOf(gfn);
        return i < slots.length ? slots[i] : null;
    }

    @Override
    int size() {
        return slots.length;
    }

    /** The one slot of a leaf that has only one left. */
    Memslot single() {
        return slots[0];
    }

    @Override
    SlotIndex with(Block block, Memslot slot) {
        int at = placeOf(slot.baseGfn());
        Memslot[] more = Arrays.copyOf(slots, slots.length + 1);
        System.arraycopy(slots, at, more, at + 1, slots.length - at);
        more[at] = slot;
        return more.length <= LEAF_SLOTS ? new SlotBucket(more) : SlotNode.of(block, more);
    }

    @Override
    SlotBucket without(Memslot slot) {
        int at = placeOf(slot.baseGfn());
        Memslot[] less = Arrays.copyOf(slots, slots.length - 1);
        System.arraycopy(slots, at + 1, less, at, less.length - at);
        return new SlotBucket(less);
    }

    /** Place of the first slot that ends above a frame. */
    private int placeOf(long gfn) {
        int i = 0;
        while (i < slots.length && slots[i].endGfn() <= gfn) { // bounded by LEAF_SLOTS
            i++;
        }
        return i;
    }
}
