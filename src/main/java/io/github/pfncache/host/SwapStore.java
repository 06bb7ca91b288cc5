package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.Arrays;

/**
 * Contents of evicted pages. A slot is shared by the entries that fork copied; it goes when the last of them goes.
 * All methods run under the lock of the owning family.
 */
final class SwapStore {

    private static final class Slot {
        final byte[] content = new byte[Pages.PAGE_SIZE];
        int owners = 1;
    }

    // Guarded by the family lock. The free ones are as many as all slots: giving one back allocates nothing.
    private Slot[] slots = new Slot[16];
    private int[] free = new int[16];
    private int used;
    private int freeCount;

    /** A slot with one owner, for a content that is still to be put there. All that can fail about an eviction. */
    int allocate() {
        Slot slot = new Slot();
        if (freeCount == 0 && used == slots.length) {
            int[] more = new int[2 * used];
            slots = Arrays.copyOf(slots, 2 * used);
            free = more; // it held nothing
        }
        int index = freeCount > 0 ? free[--freeCount] : used++;
        slots[index] = slot;
        return index;
    }

    byte[] content(int slot) {
        return slots[slot].content;
    }

    void share(int slot) {
        slots[slot].owners++;
    }

    void drop(int slot) {
        if (--slots[slot].owners == 0) {
            slots[slot] = null;
            free[freeCount++] = slot;
        }
    }

    int owners(int slot) {
        return slots[slot].owners;
    }

    /** Number of contents kept. */
    int size() {
        return used - freeCount;
    }
}
