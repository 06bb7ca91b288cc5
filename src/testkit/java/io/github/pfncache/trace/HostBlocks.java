package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import java.util.HashMap;
import java.util.Map;

/** The blocks of a trace, in an emulated host's memory: private zero pages, far apart. */
final class HostBlocks {

    /** {@link MemslotTrace#MAX_BLOCKS} of them end below the end of a host's user addresses. */
    private static final long STRIDE = 4 * SlotOperation.MAX_BLOCK_END;

    private final Map<String, Long> bases = new HashMap<>();

    HostBlocks(HostMemory host, Map<String, Long> lengths) {
        long base = STRIDE / 2;
        for (Map.Entry<String, Long> block : lengths.entrySet()) { // bounded by MemslotTrace.MAX_BLOCKS
            // A block that is only deleted from has length 0, and one of a call that failed may end inside a page.
            long npages = Math.max(1, block.getValue() + Pages.PAGE_SIZE - 1 >>> Pages.PAGE_SHIFT);
            HostResult result = host.mapAnonymous(base, npages, Protection.READ_WRITE);
            if (result != HostResult.OK) {
                throw new IllegalStateException(result + ": " + npages + " pages at " + Pages.hex(base));
            }
            bases.put(block.getKey(), base);
            base += STRIDE;
        }
    }

    long hva(String block, long offset) {
        return bases.get(block) + offset;
    }
}
