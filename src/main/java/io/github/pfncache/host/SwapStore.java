package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Contents of evicted pages. A slot is shared by the entries that fork copied; it goes when the last of them goes.
 * All methods run under the lock of the owning family.
 */
final class SwapStore {

    private static final class Slot {
        final byte[] content = new byte[Pages.PAGE_SIZE];
        int owners = 1;
    }

    // Guarded by the family lock.
    private final List<Slot> slots = new ArrayList<>();
    private final Deque<Integer> free = new ArrayDeque<>();

    /** Keeps a copy of a frame's content for one owner. */
    int store(FrameStore frames, int pfn) {
        Slot slot = new Slot();
        frames.read(pfn, 0, slot.content, 0, Pages.PAGE_SIZE);
        Integer index = free.poll();
        if (index == null) {
            slots.add(slot);
            return slots.size() - 1;
        }
        slots.set(index, slot);
        return index;
    }

    byte[] content(int slot) {
        return slots.get(slot).content;
    }

    void share(int slot) {
        slots.get(slot).owners++;
    }

    void drop(int slot) {
        if (--slots.get(slot).owners == 0) {
            slots.set(slot, null);
            free.push(slot);
        }
    }

    int owners(int slot) {
        return slots.get(slot).owners;
    }

    /** Number of contents kept. */
    int size() {
        return slots.size() - free.size();
    }
}
