package io.github.pfncache.vm;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;

/** The pages that a rewind has changed, to be marked in every slot that shows them. Confined to one thread. */
final class RewoundPages implements LongConsumer {

    private final LongStream.Builder hvas = LongStream.builder();

    /** Whether there was no memory to remember one. */
    private boolean lost;

    @Override
    public void accept(long hva) {
        boolean kept = false;
        try {
            hvas.add(hva);
            kept = true;
        } finally {
            lost |= !kept;
        }
    }

    /** After the bytes: a follower of the log copies the page again [rule L12]; at all its addresses. */
    void mark(MemslotTable now, SharedMemory shared) {
        boolean marked = false;
        try {
            if (!lost) {
                shared.pagesAt(hvas.build()).forEach((slot, pages) ->
                        pages.stream().forEach(page -> slot.markDirty(slot.baseGfn() + page)));
                marked = true;
            }
        } finally {
            if (!marked) { // no memory to find out which: all
                now.forEach(RewoundPages::markWhole);
            }
        }
    }

    private static void markWhole(Memslot slot) {
        for (long gfn = slot.baseGfn(); slot.hasLog() && gfn < slot.endGfn(); gfn++) { // bounded by the slot
            slot.markDirty(gfn);
        }
    }
}
