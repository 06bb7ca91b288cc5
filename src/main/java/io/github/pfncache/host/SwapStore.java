package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.Arrays;

/**
 * Contents of evicted pages. A slot is shared by the entries that fork copied; it goes when the last of them goes.
 * All methods run under the lock of the owning family.
 */
final class SwapStore {

    // Guarded by the family lock. The free ones are as many as all slots: giving one back allocates nothing.
    private byte[][] contents = new byte[16][];
    private int[] owners = new int[16];
    private int[] free = new int[16];
    private int used;
    private int freeCount;

    /** A slot with one owner, for a content that is still to be put there. All that can fail about an eviction. */
    int allocate() {
        byte[] content = new byte[Pages.PAGE_SIZE];
        if (freeCount == 0 && used == free.length) {
            contents = Arrays.copyOf(contents, 2 * used); // one longer than the others does no harm
            owners = Arrays.copyOf(owners, 2 * used);
            free = new int[2 * used]; // it held nothing
        }
        int slot = freeCount > 0 ? free[--freeCount] : used++;
        contents[slot] = content;
        owners[slot] = 1;
        return slot;
    }

    byte[] content(int slot) {
        return contents[slot];
    }

    void share(int slot) {
        owners[slot]++;
    }

    void drop(int slot) {
        if (--owners[slot] == 0) {
            contents[slot] = null;
            free[freeCount++] = slot;
        }
    }

    int owners(int slot) {
        return owners[slot];
    }

    /** Number of contents kept. */
    int size() {
        return used - freeCount;
    }
}
