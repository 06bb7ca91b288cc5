package io.github.pfncache.host;

import java.util.Arrays;

/** The contents that entries of page tables and files name: frames and swap slots. Under the family lock. */
final class PageStore {

    final FrameStore frames;
    final SwapStore swap = new SwapStore();

    PageStore(FrameStore frames) {
        this.frames = frames;
    }

    /** One more entry names what this one does. Allocates nothing. */
    void share(long entry) {
        if (Pte.isPresent(entry)) {
            frames.addOwner(Pte.index(entry));
        } else if (Pte.isSwapped(entry)) {
            swap.share(Pte.index(entry));
        }
    }

    /** Lets go of what an entry owns. Allocates nothing. */
    void drop(long entry) {
        if (Pte.isPresent(entry)) {
            frames.dropOwner(Pte.index(entry));
        } else if (Pte.isSwapped(entry)) {
            swap.drop(Pte.index(entry));
        }
    }

    /** Copies what an entry holds: a frame, evicted content, or zeros. */
    void read(long entry, int offset, byte[] into, int at, int length) {
        if (Pte.isPresent(entry)) {
            frames.read(Pte.index(entry), offset, into, at, length);
        } else if (Pte.isSwapped(entry)) {
            System.arraycopy(swap.content(Pte.index(entry)), offset, into, at, length);
        } else {
            Arrays.fill(into, at, at + length, (byte) 0);
        }
    }
}
