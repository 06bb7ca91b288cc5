package io.github.pfncache.bench;

import io.github.pfncache.memslot.Memslots;

/**
 * A guest memory map of many equal slots, every one followed by a gap of its size: a slot can be moved by one place and
 * back, which is one change each time.
 */
final class SlotMap {

    private static final int SLOT_PAGES = 16;
    private static final int PLACE_PAGES = 2 * SLOT_PAGES;

    final Memslots memslots = new Memslots();
    final int slots;

    /** Which slots are in the second half of their place. Confined to the thread that moves them. */
    private final boolean[] moved;

    SlotMap(int slots) {
        this.slots = slots;
        this.moved = new boolean[slots];
        for (int id = 0; id < slots; id++) { // bounded by the number of slots
            long size = (long) SLOT_PAGES * BenchMachine.PAGE;
            long hva = BenchMachine.HVA + id * size;
            Memslots.Change change = memslots.set(id, 0, gfn(id) * BenchMachine.PAGE, size, hva);
            BenchMachine.require(change == Memslots.Change.DONE, "slot " + id);
        }
    }

    /** First frame of a slot's place. */
    static long gfn(int id) {
        return 0x10000L + (long) id * PLACE_PAGES;
    }

    /** Frames of random slots, each somewhere in its slot. */
    long[] randomGfns(int count) {
        int[] pages = Words.random(count, slots * SLOT_PAGES);
        long[] gfns = new long[count];
        for (int i = 0; i < count; i++) { // bounded by the count
            gfns[i] = gfn(pages[i] / SLOT_PAGES) + pages[i] % SLOT_PAGES;
        }
        return gfns;
    }

    /** Moves a slot by its size, or back. */
    void move(int id) {
        moved[id] = !moved[id];
        Memslots.Change change = memslots.move(id, (gfn(id) + (moved[id] ? SLOT_PAGES : 0)) * BenchMachine.PAGE);
        BenchMachine.require(change == Memslots.Change.DONE, "move");
    }
}
