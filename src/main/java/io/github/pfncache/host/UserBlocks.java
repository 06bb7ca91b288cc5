package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The check of a caller's memory that is to be guest memory: whole pages, writable. Where it begins does not matter,
 * see {@link HostMemory#hasNativeAtomics}.
 *
 * <p>A part of a page is refused, not padded and not left out. Padding would be memory that only the guest sees, and a
 * page left out is one that the guest takes for there; either way the user finds out much later.
 */
final class UserBlocks {

    private UserBlocks() {}

    /** Each block from its position to its limit, as a view of its own: the user's buffers are never changed. */
    static List<ByteBuffer> checked(List<ByteBuffer> blocks) {
        List<ByteBuffer> views = new ArrayList<>(blocks.size());
        long npages = 0;
        for (ByteBuffer block : blocks) { // bounded by the caller's blocks
            check(block, views.size(), blocks.size());
            views.add(block.slice());
            npages += block.remaining() >>> Pages.PAGE_SHIFT;
        }
        if (npages == 0 || npages > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("blocks=" + blocks.size() + " npages=" + npages + " cannot be memory");
        }
        return views;
    }

    private static void check(ByteBuffer block, int index, int blocks) {
        String which = blocks == 1 ? "the block" : "block " + index + " of " + blocks;
        int length = block.remaining();
        if (block.isReadOnly()) {
            throw new IllegalArgumentException(which + " is read-only: guest memory can be written");
        }
        if (length == 0) {
            throw new IllegalArgumentException(which + " is empty");
        }
        int rest = Pages.offsetInPage(length);
        if (rest != 0) {
            throw new IllegalArgumentException(which + " has length=" + length + ", which is not a number of pages of "
                    + Pages.PAGE_SIZE + " bytes: " + (length - rest) + " of them can be used (slice them), or add "
                    + (Pages.PAGE_SIZE - rest));
        }
    }
}
