package io.github.pfncache.memslot;

/**
 * A few slots, sorted by frame, in arrays of primitives; a look-up touches no slot but the one it returns.
 *
 * <p>Where to start looking is not searched but computed: the block that the slots span is cut into equal parts, at
 * least as many as there are slots, and for each part the first slot is noted that does not end before it. If the slots
 * are alike in size and spacing that is the slot wanted, or the one before it.
 */
final class SlotLeaf extends SlotIndex {

    static final SlotLeaf EMPTY = of(Block.WHOLE);

    /** First frame and end of each slot, in turn. */
    private final long[] bounds;

    private final Memslot[] slots;

    /** Element {@code gfn >>> shift & length - 1} is the place of the first slot to look at for a frame in the span. */
    private final byte[] hints;

    private final int shift;

    private SlotLeaf(long[] bounds, Memslot[] slots, byte[] hints, int shift) {
        this.bounds = bounds;
        this.slots = slots;
        this.hints = hints;
        this.shift = shift;
    }

    /**
     * A leaf.
     *
     * @param block the block it is for
     * @param sorted slots that overlap the block, at most LEAF_SLOTS
     */
    static SlotLeaf of(Block block, Memslot... sorted) {
        long[] bounds = new long[2 * sorted.length];
        for (int i = 0; i < sorted.length; i++) { // bounded by LEAF_SLOTS
            bounds[2 * i] = sorted[i].baseGfn();
            bounds[2 * i + 1] = sorted[i].endGfn();
        }
        if (sorted.length < 2) {
            return new SlotLeaf(bounds, sorted, new byte[1], 0);
        }
        long first = block.firstOf(sorted[0]);
        int spanBits = Long.SIZE - Long.numberOfLeadingZeros(first ^ block.lastOf(sorted[sorted.length - 1]));
        int hintBits = Math.min(spanBits, Integer.SIZE - Integer.numberOfLeadingZeros(sorted.length));
        int shift = spanBits - hintBits;
        byte[] hints = new byte[1 << hintBits];
        long partStart = first >>> spanBits << spanBits;
        int i = 0;
        for (int part = 0; part < hints.length; part++) { // bounded by twice LEAF_SLOTS
            while (i < sorted.length - 1 && bounds[2 * i + 1] <= partStart) { // all turns together: LEAF_SLOTS
                i++;
            }
            hints[part] = (byte) i;
            partStart += 1L << shift;
        }
        return new SlotLeaf(bounds, sorted, hints, shift);
    }

    /**
     * The slot that holds a frame, or null; any value is allowed. A frame outside of the span gets a hint that means
     * nothing, but none of these slots holds it inside the block, and whole frame numbers are compared.
     */
    Memslot at(long gfn) {
        long[] pairs = bounds;
        // Bounded by LEAF_SLOTS; one turn or two where the hint is good.
        for (int i = 2 * hints[(int) (gfn >>> shift) & hints.length - 1]; i < pairs.length; i += 2) {
            if (gfn < pairs[i + 1]) {
                return gfn >= pairs[i] ? slots[i >>> 1] : null;
            }
        }
        return null;
    }

    @Override
    Memslot atOrAbove(long gfn) {
        int i = firstEndingAbove(gfn);
        return i < slots.length ? slots[i] : null;
    }

    private int firstEndingAbove(long gfn) {
        int low = 0;
        int high = slots.length;
        while (low < high) { // bounded by the logarithm of LEAF_SLOTS
            int middle = low + high >>> 1;
            if (bounds[2 * middle + 1] <= gfn) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    @Override
    int size() {
        return slots.length;
    }

    @Override
    SlotIndex with(Block block, Memslot slot) {
        int at = firstEndingAbove(slot.baseGfn());
        Memslot[] more = new Memslot[slots.length + 1];
        System.arraycopy(slots, 0, more, 0, at);
        more[at] = slot;
        System.arraycopy(slots, at, more, at + 1, slots.length - at);
        return of(block, more, 0, more.length);
    }

    @Override
    SlotIndex without(Block block, Memslot slot) {
        if (slots.length == 1) {
            return EMPTY;
        }
        int at = firstEndingAbove(slot.baseGfn());
        Memslot[] less = new Memslot[slots.length - 1];
        System.arraycopy(slots, 0, less, 0, at);
        System.arraycopy(slots, at + 1, less, at, less.length - at);
        return of(block, less);
    }
}
