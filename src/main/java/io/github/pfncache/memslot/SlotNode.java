package io.github.pfncache.memslot;

import java.util.Arrays;

/**
 * A block of guest frames cut into equal parts, with the slots of each part. The slot that fills a part is in one list,
 * and is found there without a look at the slot: for look-ups far apart the processor's cache has little more than that
 * list. Slots that overlap a part without filling it are in another list: null for none, a {@link Memslot} for one, a
 * {@link SlotIndex} for several.
 *
 * <p>There are at least {@value #PARTS_PER_SLOT} parts to a slot: more would share fewer parts, and take more of the
 * cache. Each list is kept in chunks of {@value #CHUNK}, so that a change copies a chunk or two and the list of chunks;
 * where a slot fills whole chunks, one chunk stands for all of them.
 *
 * <p>When a node has outgrown its parts or its block it is made anew. What was too small at least doubles then, so this
 * happens some twenty times on the way to 32,764 slots and adds no more than a constant to the average change.
 *
 * <p>The depth is bounded by five: every node has at least {@value #CHUNK} parts, so five of them, one inside the
 * other, cut the 2<sup>40</sup> guest frames into single ones, and a part of one frame is not shared.
 */
final class SlotNode extends SlotIndex {

    private static final int CHUNK_BITS = 8;
    private static final int CHUNK = 1 << CHUNK_BITS;

    private static final int PARTS_PER_SLOT_BITS = 2;
    private static final int PARTS_PER_SLOT = 1 << PARTS_PER_SLOT_BITS;

    /** Stand for every chunk without a slot that fills a part, and without another one. */
    private static final Memslot[] NOBODY_FILLS = new Memslot[CHUNK];
    private static final Object[] NOBODY_OVERLAPS = new Object[CHUNK];

    /** A node inside another one that is left with so few slots becomes a leaf: no change does that back and forth. */
    private static final int COLLAPSE_AT = LEAF_SLOTS / 2;

    /** No slot. */
    static final SlotNode EMPTY = of(Block.WHOLE);

    private final Block block;

    // Part i is element i % CHUNK of chunk i / CHUNK.

    /** The slot that fills a part. */
    private final Memslot[][] filled;

    /** The other slots that overlap it; null wherever a slot fills it. */
    private final Object[][] shared;

    private final int size;

    /** Binary logarithm of the number of frames in a part. */
    private final int shift;

    /** Number of parts, less one. */
    private final int mask;

    /** First frame of the block. */
    private final long start;

    private SlotNode(Block block, Memslot[][] filled, Object[][] shared, int size) {
        this.block = block;
        this.filled = filled;
        this.shared = shared;
        this.size = size;
        this.mask = (filled.length << CHUNK_BITS) - 1;
        this.shift = block.bits() - Integer.bitCount(mask);
        this.start = block.start();
    }

    /**
     * A node of some slots.
     *
     * @param within the block to find them in
     * @param sorted slots that overlap it
     */
    static SlotNode of(Block within, Memslot... sorted) {
        int partBits = partBitsFor(sorted.length);
        Block block = sorted.length == 0
                ? new Block(0, partBits)
                : Block.spanning(within.firstOf(sorted[0]), within.lastOf(sorted[sorted.length - 1]), partBits);
        int chunks = 1 << partBits - CHUNK_BITS;
        SlotNode node = new SlotNode(block, new Memslot[chunks][], new Object[chunks][], sorted.length);
        node.fill(sorted);
        return node;
    }

    /** Binary logarithm of the parts that so many slots need. */
    private static int partBitsFor(int slots) {
        int slotBits = Integer.SIZE - Integer.numberOfLeadingZeros(slots);
        return Math.max(CHUNK_BITS, PARTS_PER_SLOT_BITS + slotBits);
    }

    private void fill(Memslot[] sorted) {
        int from = 0;
        for (int c = 0; c < filled.length; c++) { // bounded by the chunks
            Block all = blockOf(c << CHUNK_BITS, shift + CHUNK_BITS);
            from = skipBelow(sorted, from, all.start());
            filled[c] = NOBODY_FILLS;
            shared[c] = NOBODY_OVERLAPS;
            if (from < sorted.length && all.isFilledBy(sorted[from])) {
                boolean again = c > 0 && blockOf(c - 1 << CHUNK_BITS, all.bits()).isFilledBy(sorted[from]);
                filled[c] = again ? filled[c - 1] : filledBy(sorted[from]);
            } else if (from < sorted.length && sorted[from].baseGfn() < all.end()) {
                fillChunk(c, sorted, from);
            }
        }
    }

    private void fillChunk(int c, Memslot[] sorted, int firstSlot) {
        int from = firstSlot;
        for (int i = 0; i < CHUNK; i++) { // bounded by the parts of a chunk
            Block part = blockOf((c << CHUNK_BITS) + i, shift);
            from = skipBelow(sorted, from, part.start());
            int to = from;
            while (to < sorted.length && sorted[to].baseGfn() < part.end()) { // bounded by the slots
                to++;
            }
            if (to > from && part.isFilledBy(sorted[from])) {
                filled[c] = filled[c] == NOBODY_FILLS ? new Memslot[CHUNK] : filled[c];
                filled[c][i] = sorted[from];
            } else if (to > from) {
                shared[c] = shared[c] == NOBODY_OVERLAPS ? new Object[CHUNK] : shared[c];
                shared[c][i] = to - from == 1 ? sorted[from] : several(part, Arrays.copyOfRange(sorted, from, to));
            }
        }
    }

    private static SlotIndex several(Block part, Memslot[] sorted) {
        return sorted.length <= LEAF_SLOTS ? new SlotBucket(sorted) : of(part, sorted);
    }

    private static int skipBelow(Memslot[] sorted, int from, long gfn) {
        int i = from;
        while (i < sorted.length && sorted[i].endGfn() <= gfn) { // bounded by the slots, all calls of a fill together
            i++;
        }
        return i;
    }

    @Override
    Memslot find(long gfn) {
        long i = gfn - start >>> shift;
        if (i < 0 || i > mask) {
            return null;
        }
        Memslot slot = filled[(int) i >>> CHUNK_BITS][(int) i & CHUNK - 1];
        return slot != null ? slot : findShared((int) i, gfn);
    }

    private Memslot findShared(int i, long gfn) {
        Object part = shared[i >>> CHUNK_BITS][i & CHUNK - 1];
        if (part instanceof Memslot slot) {
            return slot.contains(gfn) ? slot : null;
        }
        return part == null ? null : ((SlotIndex) part).find(gfn);
    }

    @Override
    Memslot atOrAbove(long gfn) {
        if (gfn >= block.end()) {
            return null;
        }
        int i = partOf(Math.max(gfn, block.start()));
        while (i <= mask) { // bounded by the chunks, and the parts of those that are not empty
            int c = i >>> CHUNK_BITS;
            if (filled[c] == NOBODY_FILLS && shared[c] == NOBODY_OVERLAPS) {
                i = (i | CHUNK - 1) + 1;
                continue;
            }
            Object part = filled[c][i & CHUNK - 1];
            part = part == null ? shared[c][i & CHUNK - 1] : part;
            if (part instanceof SlotIndex index) {
                Memslot found = index.atOrAbove(gfn);
                if (found != null) {
                    return found;
                }
            } else if (part instanceof Memslot slot && slot.endGfn() > gfn) {
                return slot;
            }
            i++;
        }
        return null;
    }

    @Override
    int size() {
        return size;
    }

    @Override
    SlotNode with(Block outer, Memslot slot) {
        boolean inside = block.holds(outer.firstOf(slot)) && block.holds(outer.lastOf(slot));
        if (!inside || 1 << partBitsFor(size + 1) > mask + 1) {
            return of(outer, sortedWith(slot));
        }
        return changed(slot, true);
    }

    @Override
    SlotIndex without(Memslot slot) {
        SlotNode less = changed(slot, false);
        return less.size <= COLLAPSE_AT ? new SlotBucket(less.sortedWith(null)) : less;
    }

    /** This node with one slot more or less. */
    SlotNode changed(Memslot slot, boolean add) {
        SlotNode copy = new SlotNode(block, filled.clone(), shared.clone(), size + (add ? 1 : -1));
        int first = partOf(block.firstOf(slot));
        int last = partOf(block.lastOf(slot));
        Memslot[] all = null;
        for (int c = first >>> CHUNK_BITS; c <= last >>> CHUNK_BITS; c++) { // bounded by the chunks
            int begin = c << CHUNK_BITS;
            if (!blockOf(begin, shift + CHUNK_BITS).isFilledBy(slot)) {
                int end = Math.min(last, begin + CHUNK - 1);
                copy.changeChunk(c, Math.max(first, begin), end, slot, add);
            } else if (add) {
                all = all == null ? filledBy(slot) : all;
                copy.filled[c] = all;
            } else {
                copy.filled[c] = NOBODY_FILLS;
            }
        }
        return copy;
    }

    /** Changes some parts of a chunk; called on a node that is being made, whose chunks may still be another one's. */
    private void changeChunk(int c, int first, int last, Memslot slot, boolean add) {
        Memslot[] formerFilled = filled[c];
        Object[] formerShared = shared[c];
        for (int i = first; i <= last; i++) { // bounded by the parts of a chunk
            int at = i & CHUNK - 1;
            if (blockOf(i, shift).isFilledBy(slot)) {
                filled[c] = filled[c] == formerFilled ? formerFilled.clone() : filled[c];
                filled[c][at] = add ? slot : null;
            } else {
                shared[c] = shared[c] == formerShared ? formerShared.clone() : shared[c];
                shared[c][at] = add ? plus(formerShared[at], i, slot) : minus(formerShared[at], slot);
            }
        }
    }

    private Object plus(Object part, int number, Memslot slot) {
        if (part instanceof SlotIndex index) {
            return index.with(blockOf(number, shift), slot);
        }
        if (part instanceof Memslot other) {
            return other.baseGfn() < slot.baseGfn() ? new SlotBucket(other, slot) : new SlotBucket(slot, other);
        }
        return slot;
    }

    private static Object minus(Object part, Memslot slot) {
        if (part == slot) {
            return null;
        }
        SlotIndex rest = ((SlotIndex) part).without(slot);
        return rest instanceof SlotBucket leaf && leaf.size() == 1 ? leaf.single() : rest;
    }

    /** All slots in order, with one more unless it is null. */
    private Memslot[] sortedWith(Memslot slot) {
        Memslot[] sorted = new Memslot[slot == null ? size : size + 1];
        Memslot pending = slot;
        Memslot next = atOrAbove(block.start());
        for (int i = 0; i < sorted.length; i++) { // bounded by the slots
            if (pending != null && (next == null || next.baseGfn() > pending.baseGfn())) {
                sorted[i] = pending;
                pending = null;
            } else {
                sorted[i] = next;
                next = atOrAbove(next.endGfn());
            }
        }
        return sorted;
    }

    private static Memslot[] filledBy(Memslot slot) {
        Memslot[] chunk = new Memslot[CHUNK];
        Arrays.fill(chunk, slot);
        return chunk;
    }

    private int partOf(long gfn) {
        return (int) (gfn >>> shift) & mask;
    }

    /** The block that begins with a part. */
    private Block blockOf(int part, int bits) {
        return new Block(block.start() + ((long) part << shift), bits);
    }
}
