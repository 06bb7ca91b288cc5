package io.github.pfncache.memslot;

import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * One generation of the guest memory map. Immutable, so it is read without a lock and may be handed from thread to
 * thread. Iteration is by ascending guest frame.
 *
 * <p>A look-up costs about the same for one slot as for 32,764, and so does making the next generation: slots are found
 * by frame through a {@linkplain SlotNode wide and shallow tree}, and by id in chunks of an array; of both, a change
 * copies the chunks it touches.
 *
 * <p>Kernel counterpart: {@code struct kvm_memslots}, {@code search_memslots()}, {@code id_to_memslot()}.
 *
 * @since 0.1.0
 */
public final class MemslotTable implements Iterable<Memslot> {

    /** Slot ids end here. ABI: {@code KVM_CAP_NR_MEMSLOTS} of x86. */
    public static final int MAX_SLOTS = 32764;

    private static final int IDS_PER_CHUNK_SHIFT = 7;
    private static final int IDS_PER_CHUNK = 1 << IDS_PER_CHUNK_SHIFT;

    private final long generation;
    private final SlotNode byGfn;

    /** Element {@code id >>> 7} is the chunk of an id, or null when it has no slot. */
    private final Memslot[][] byId;

    private MemslotTable(long generation, SlotNode byGfn, Memslot[][] byId) {
        this.generation = generation;
        this.byGfn = byGfn;
        this.byId = byId;
    }

    /** Generation 0: no slot. */
    static MemslotTable empty() {
        return new MemslotTable(0, SlotNode.EMPTY, new Memslot[MAX_SLOTS / IDS_PER_CHUNK + 1][]);
    }

    /**
     * Number of this generation. Every table that is published has a larger one than the table before.
     *
     * @return 0 for the empty table a holder starts with
     */
    public long generation() {
        return generation;
    }

    /**
     * The slot that holds a guest frame.
     *
     * @param gfn any value
     * @return the slot, or null if no slot does
     */
    public Memslot find(long gfn) {
        return byGfn.find(gfn);
    }

    /**
     * The slot of an id.
     *
     * @param id any value
     * @return the slot, or null if there is none
     */
    public Memslot byId(int id) {
        if (id < 0 || id >= MAX_SLOTS) {
            return null;
        }
        Memslot[] chunk = byId[id >>> IDS_PER_CHUNK_SHIFT];
        return chunk == null ? null : chunk[id & IDS_PER_CHUNK - 1];
    }

    /**
     * How many slots there are.
     *
     * @return 0 to 32764
     */
    public int size() {
        return byGfn.size();
    }

    /**
     * The slots by ascending guest frame.
     *
     * @return an iterator that cannot remove
     */
    @Override
    public Iterator<Memslot> iterator() {
        return new Iterator<>() { // one small object: memory that is short is marked in such a walk
            private Memslot next = atOrAbove(0);

            @Override
            public boolean hasNext() {
                return next != null;
            }

            @Override
            public Memslot next() {
                Memslot slot = next;
                if (slot == null) {
                    throw new NoSuchElementException("behind the last of " + size() + " slots");
                }
                next = atOrAbove(slot.endGfn());
                return slot;
            }
        };
    }

    /**
     * The slot that holds a frame, or else the next one above.
     *
     * @param gfn a frame number, not negative
     * @return the first slot that ends above {@code gfn}, or null
     */
    Memslot atOrAbove(long gfn) {
        return byGfn.atOrAbove(gfn);
    }

    /**
     * The next generation.
     *
     * @param former a slot of this table to leave out, or null
     * @param successor a slot to add, or null; overlaps no slot but {@code former}, and has its id or a free one
     */
    MemslotTable with(Memslot former, Memslot successor) {
        SlotNode index = byGfn;
        Memslot[][] ids = byId.clone();
        if (former != null) {
            index = index.changed(former, false);
            place(ids, former.id(), null);
        }
        if (successor != null) {
            index = index.with(SlotIndex.Block.WHOLE, successor);
            place(ids, successor.id(), successor);
        }
        return new MemslotTable(generation + 1, index, ids);
    }

    /** The same slots as a later generation. */
    MemslotTable after(MemslotTable other) {
        return new MemslotTable(other.generation + 1, byGfn, byId);
    }

    private static void place(Memslot[][] ids, int id, Memslot slot) {
        int chunk = id >>> IDS_PER_CHUNK_SHIFT;
        Memslot[] copy = ids[chunk] == null ? new Memslot[IDS_PER_CHUNK] : ids[chunk].clone();
        copy[id & IDS_PER_CHUNK - 1] = slot;
        ids[chunk] = copy;
    }

    @Override
    public String toString() {
        return "memslot generation " + generation + " of " + size() + " slots";
    }
}
