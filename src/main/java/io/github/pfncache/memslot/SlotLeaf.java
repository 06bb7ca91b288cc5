package io.github.pfncache.memslot;

/** A few slots, sorted by frame, in parallel arrays. A look-up touches no slot but the one it returns. */
final class SlotLeaf extends SlotIndex {

    static final SlotLeaf EMPTY = new SlotLeaf(new long[0], new long[0], new Memslot[0]);

    private final long[] bases;
    private final long[] ends;
    private final Memslot[] slots;

    private SlotLeaf(long[] bases, long[] ends, Memslot[] slots) {
        this.bases = bases;
        this.ends = ends;
        this.slots = slots;
    }

    static SlotLeaf of(Memslot... sorted) {
        long[] bases = new long[sorted.length];
        long[] ends = new long[sorted.length];
        for (int i = 0; i < sorted.length; i++) { // bounded by the size of a leaf, as all loops here
            bases[i] = sorted[i].baseGfn();
            ends[i] = sorted[i].endGfn();
        }
        return new SlotLeaf(bases, ends, sorted);
    }

    /** The slot that holds a frame, or null; any value is allowed. */
    Memslot at(long gfn) {
        int i = firstEndingAbove(gfn);
        return i < slots.length && bases[i] <= gfn ? slots[i] : null;
    }

    @Override
    Memslot atOrAbove(long gfn) {
        int i = firstEndingAbove(gfn);
        return i < slots.length ? slots[i] : null;
    }

    private int firstEndingAbove(long gfn) {
        int i = 0;
        while (i < ends.length && ends[i] <= gfn) {
            i++;
        }
        return i;
    }

    @Override
    int size() {
        return slots.length;
    }

    @Override
    SlotIndex with(Block block, Memslot slot) {
        if (slots.length == 0) {
            return of(slot);
        }
        int at = firstEndingAbove(slot.baseGfn());
        Memslot[] more = new Memslot[slots.length + 1];
        System.arraycopy(slots, 0, more, 0, at);
        more[at] = slot;
        System.arraycopy(slots, at, more, at + 1, slots.length - at);
        return more.length <= LEAF_SLOTS ? of(more) : SlotFan.of(block, more);
    }

    @Override
    SlotIndex without(Block block, Memslot slot) {
        int at = firstEndingAbove(slot.baseGfn());
        if (slots.length == 1) {
            return EMPTY;
        }
        Memslot[] less = new Memslot[slots.length - 1];
        System.arraycopy(slots, 0, less, 0, at);
        System.arraycopy(slots, at + 1, less, at, less.length - at);
        return of(less);
    }
}
