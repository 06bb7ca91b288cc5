package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A run of mapped pages, with the memory that it is of. Two runs of the same memory that overlap there show the same
 * bytes, at whatever addresses they are mapped: see {@link HostMemory#runs}.
 *
 * @param memory what it is of, compared by identity: an address space, a file, a caller's array or buffer
 * @param offset first byte of the run in it, not negative; of an array any, of the others page aligned
 * @param hva address of the first page
 * @param npages number of pages, at least 1
 * @since 0.1.0
 */
public record MemoryRun(Object memory, long offset, long hva, long npages) {

    /** Runs of a range, ascending by address. Family lock held. */
    static List<MemoryRun> within(AddressSpace space, HvaRange range) {
        List<MemoryRun> runs = new ArrayList<>();
        for (Vma part : space.partsLocked(range)) { // bounded by the number of mappings
            long hva = PageTable.hvaOf(part.start());
            long npages = part.end() - part.start();
            if (!part.shared()) {
                runs.add(new MemoryRun(space, hva, hva, npages));
            }
            if (part.file() != null && part.file().userMemory) {
                addBlocks(runs, part);
            } else if (part.file() != null) { // of a private mapping, too: it shows the file until it is written
                runs.add(new MemoryRun(part.file(), PageTable.hvaOf(part.filePage()), hva, npages));
            }
        }
        return runs;
    }

    /** An array that was brought in twice, or cut in pieces, is one memory; of other buffers that is not known. */
    private static void addBlocks(List<MemoryRun> runs, Vma part) {
        FilePages file = part.file();
        MemoryRun last = null;
        for (long page = part.start(); page < part.end(); page++) { // bounded by the pages mapped
            long entry = file.entry(part.toFilePage(page));
            if (!Pte.isPresent(entry)) {
                continue; // after the end of the blocks: nothing is there
            }
            Chunk chunk = file.store.frames.supply.chunk(Pte.index(entry));
            ByteBuffer block = chunk.buffer;
            boolean known = block.hasArray();
            Object of = known ? block.array() : file;
            long offset = known
                    ? block.arrayOffset() + (long) chunk.base(FrameSupply.index(Pte.index(entry)))
                    : PageTable.hvaOf(part.toFilePage(page));
            if (last != null && last.memory == of && last.offset + (last.npages << Pages.PAGE_SHIFT) == offset) {
                last = new MemoryRun(of, last.offset, last.hva, last.npages + 1);
                runs.set(runs.size() - 1, last);
            } else {
                last = new MemoryRun(of, offset, PageTable.hvaOf(page), 1);
                runs.add(last);
            }
        }
    }

    @Override
    public String toString() {
        return npages + " pages at hva=" + Pages.hex(hva) + " offset=" + Pages.hex(offset);
    }
}
