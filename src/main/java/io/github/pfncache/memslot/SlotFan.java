package io.github.pfncache.memslot;

import java.util.Arrays;

/**
 * A block cut into equal parts, and for each part who is there: null for nobody, a {@link Memslot} if one slot overlaps
 * the part, a {@link SlotIndex} if several do.
 *
 * <p>There are at least {@value #PARTS_PER_SLOT} parts to a slot: more would share fewer parts, and take more of the
 * processor's cache. They are kept in chunks of {@value #CHUNK}, so that a change copies a chunk or two and the list of
 * chunks; where a slot fills whole chunks, one chunk stands for all of them.
 *
 * <p>When a fan has outgrown its parts or its block it is made anew. What was too small at least doubles then, so this
 * happens some twenty times on the way to 32,764 slots and adds no more than a constant to the average change.
 *
 * <p>The depth is bounded by five: every fan has at least {@value #CHUNK} parts, so five of them, one inside the other,
 * cut the 2<sup>40</sup> guest frames into single ones, and a part of one frame is not shared.
 */
final class SlotFan extends SlotIndex {

    private static final int CHUNK_BITS = 8;
    private static final int CHUNK = 1 << CHUNK_BITS;

    private static final int PARTS_PER_SLOT_BITS = 2;
    private static final int PARTS_PER_SLOT = 1 << PARTS_PER_SLOT_BITS;

    /** Stands for every chunk without a slot. */
    private static final Object[] EMPTY_CHUNK = new Object[CHUNK];

    /** A fan inside another one that is left with so few slots becomes a leaf: no change does that back and forth. */
    private static final int COLLAPSE_AT = LEAF_SLOTS / 2;

    /** No slot. */
    static final SlotFan EMPTY = of(Block.WHOLE);

    private final Block block;

    /** Part {@code i} is element {@code i % CHUNK} of chunk {@code i / CHUNK}. */
    private final Object[][] chunks;

    private final int size;

    /** Binary logarithm of the number of frames in a part. */
    private final int shift;

    /** Number of parts, less one. */
    private final int mask;

    private SlotFan(Block block, Object[][] chunks, int size) {
        this.block = block;
        this.chunks = chunks;
        this.size = size;
        this.mask = (chunks.length << CHUNK_BITS) - 1;
        this.shift = block.bits() - Integer.bitCount(mask);
    }

    /**
     * A fan of some slots.
     *
     * @param within the block to find them in
     * @param sorted slots that overlap it
     */
    static SlotFan of(Block within, Memslot... sorted) {
        int partBits = partBitsFor(sorted.length);
        Block block = sorted.length == 0
                ? new Block(0, partBits)
                : Block.spanning(within.firstOf(sorted[0]), within.lastOf(sorted[sorted.length - 1]), partBits);
        SlotFan fan = new SlotFan(block, new Object[1 << partBits - CHUNK_BITS][], sorted.length);
        fan.fill(sorted);
        return fan;
    }

    /** Binary logarithm of the parts that so many slots need. */
    private static int partBitsFor(int slots) {
        int slotBits = Integer.SIZE - Integer.numberOfLeadingZeros(slots);
        return Math.max(CHUNK_BITS, PARTS_PER_SLOT_BITS + slotBits);
    }

    private void fill(Memslot[] sorted) {
        int from = 0;
        for (int c = 0; c < chunks.length; c++) { // bounded by the chunks
            Block all = blockOf(c << CHUNK_BITS, shift + CHUNK_BITS);
            from = skipBelow(sorted, from, all.start());
            if (from == sorted.length || sorted[from].baseGfn() >= all.end()) {
                chunks[c] = EMPTY_CHUNK;
            } else if (all.isFilledBy(sorted[from])) {
                boolean again = c > 0 && blockOf(c - 1 << CHUNK_BITS, all.bits()).isFilledBy(sorted[from]);
                chunks[c] = again ? chunks[c - 1] : filledBy(sorted[from]);
            } else {
                chunks[c] = chunkOf(c, sorted, from);
            }
        }
    }

    private Object[] chunkOf(int c, Memslot[] sorted, int start) {
        Object[] chunk = new Object[CHUNK];
        int from = start;
        for (int i = 0; i < CHUNK; i++) { // bounded by the parts of a chunk
            Block part = blockOf((c << CHUNK_BITS) + i, shift);
            from = skipBelow(sorted, from, part.start());
            int to = from;
            while (to < sorted.length && sorted[to].baseGfn() < part.end()) { // bounded by the slots
                to++;
            }
            chunk[i] = switch (to - from) {
                case 0 -> null;
                case 1 -> sorted[from];
                default -> several(part, Arrays.copyOfRange(sorted, from, to));
            };
        }
        return chunk;
    }

    private static SlotIndex several(Block part, Memslot[] sorted) {
        return sorted.length <= LEAF_SLOTS ? new SlotLeaf(sorted) : of(part, sorted);
    }

    private static int skipBelow(Memslot[] sorted, int from, long gfn) {
        int i = from;
        while (i < sorted.length && sorted[i].endGfn() <= gfn) { // bounded by the slots, all calls of a fill together
            i++;
        }
        return i;
    }

    /**
     * The slot that holds a frame. No slot that concerns this fan holds a frame outside of its block, so for such a
     * frame any part will do: whoever is found there is asked.
     *
     * @param gfn any value
     * @return the slot or null
     */
    Memslot find(long gfn) {
        Object part = part(gfn);
        while (part instanceof SlotFan fan) { // bounded by the depth
            part = fan.part(gfn);
        }
        if (part instanceof Memslot slot) {
            return slot.contains(gfn) ? slot : null;
        }
        return part == null ? null : ((SlotLeaf) part).find(gfn);
    }

    private Object part(long gfn) {
        int i = partOf(gfn);
        return chunks[i >>> CHUNK_BITS][i & CHUNK - 1];
    }

    @Override
    Memslot atOrAbove(long gfn) {
        if (gfn >= block.end()) {
            return null;
        }
        int i = partOf(Math.max(gfn, block.start()));
        while (i <= mask) { // bounded by the chunks, and the parts of those that are not empty
            Object[] chunk = chunks[i >>> CHUNK_BITS];
            if (chunk == EMPTY_CHUNK) {
                i = (i | CHUNK - 1) + 1;
                continue;
            }
            Object part = chunk[i & CHUNK - 1];
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
    SlotFan with(Block outer, Memslot slot) {
        boolean inside = block.holds(outer.firstOf(slot)) && block.holds(outer.lastOf(slot));
        if (!inside || 1 << partBitsFor(size + 1) > mask + 1) {
            return of(outer, sortedWith(slot));
        }
        return changed(slot, true);
    }

    @Override
    SlotIndex without(Memslot slot) {
        SlotFan less = changed(slot, false);
        return less.size <= COLLAPSE_AT ? new SlotLeaf(less.sortedWith(null)) : less;
    }

    /** This fan with one slot more or less. */
    SlotFan changed(Memslot slot, boolean add) {
        Object[][] copy = chunks.clone();
        int first = partOf(block.firstOf(slot));
        int last = partOf(block.lastOf(slot));
        Object[] filled = null;
        for (int c = first >>> CHUNK_BITS; c <= last >>> CHUNK_BITS; c++) { // bounded by the chunks
            int start = c << CHUNK_BITS;
            if (!blockOf(start, shift + CHUNK_BITS).isFilledBy(slot)) {
                copy[c] = chunks[c].clone();
                int end = Math.min(last, start + CHUNK - 1);
                for (int i = Math.max(first, start); i <= end; i++) { // bounded by the parts of a chunk
                    Object part = copy[c][i - start];
                    copy[c][i - start] = add ? plus(part, i, slot) : minus(part, slot);
                }
            } else if (add) {
                filled = filled == null ? filledBy(slot) : filled;
                copy[c] = filled;
            } else {
                copy[c] = EMPTY_CHUNK;
            }
        }
        return new SlotFan(block, copy, size + (add ? 1 : -1));
    }

    private Object plus(Object part, int number, Memslot slot) {
        if (part instanceof SlotIndex index) {
            return index.with(blockOf(number, shift), slot);
        }
        if (part instanceof Memslot other) {
            return other.baseGfn() < slot.baseGfn() ? new SlotLeaf(other, slot) : new SlotLeaf(slot, other);
        }
        return slot;
    }

    private static Object minus(Object part, Memslot slot) {
        if (part == slot) {
            return null;
        }
        SlotIndex rest = ((SlotIndex) part).without(slot);
        return rest instanceof SlotLeaf leaf && leaf.size() == 1 ? leaf.single() : rest;
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

    private static Object[] filledBy(Memslot slot) {
        Object[] chunk = new Object[CHUNK];
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
