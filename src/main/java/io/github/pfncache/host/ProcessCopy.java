package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.Objects;

/**
 * Copies into and out of the memory of a process.
 *
 * <p>Its own accesses obey protections, fault pages in, ask fault handlers; a debugger's do not. Bytes are moved with
 * the page table locked, so a page that has been taken away is never touched. Methods that end in {@code Locked} run
 * under the family lock.
 *
 * <p>Kernel counterpart: {@code copy_to_user()} and {@code copy_from_user()}, of one page; {@code access_process_vm()}.
 */
final class ProcessCopy extends SpaceOps {

    ProcessCopy(AddressSpace space) {
        super(space);
    }

    /** Writes bytes of one page; false if the page cannot be written. */
    boolean toUser(long hva, byte[] from, int at, int length) {
        if (!isInOnePage(hva, from, at, length)) {
            return false;
        }
        int within = Pages.offsetInPage(hva);
        FaultPath.FrameUse write = pfn -> store.frames.write(pfn, within, from, at, length);
        FaultPath fault = new FaultPath(space, hva >>> Pages.PAGE_SHIFT, FaultPath.Access.WRITE, write);
        return fault.run() == FaultPath.End.DONE;
    }

    /** Reads bytes of one page; false if the page cannot be read. */
    boolean fromUser(long hva, byte[] into, int at, int length) {
        if (!isInOnePage(hva, into, at, length)) {
            return false;
        }
        int within = Pages.offsetInPage(hva);
        FaultPath.FrameUse read = new FaultPath.FrameUse() {
            @Override
            public void use(int pfn) {
                store.frames.read(pfn, within, into, at, length);
            }

            @Override
            public void useContent(byte[] content) {
                System.arraycopy(content, within, into, at, length);
            }
        };
        FaultPath fault = new FaultPath(space, hva >>> Pages.PAGE_SHIFT, FaultPath.Access.LOOK, read);
        return fault.run() == FaultPath.End.DONE;
    }

    /**
     * Whether these are user bytes of one page. An access over a page's end is the caller's fault, a bad hva is not.
     */
    private static boolean isInOnePage(long hva, byte[] bytes, int at, int length) {
        Objects.checkFromIndexSize(at, length, bytes.length);
        if (!Pages.fitsInPage(hva, length)) {
            throw new IllegalArgumentException(
                    "hva=" + Pages.hex(hva) + " length=" + length + " is not inside one page");
        }
        return Pages.rangeFits(hva, length, HvaRange.USER_END);
    }

    /** A debugger's read of the bytes from {@code hva} on, which lie in a range. */
    HostResult peek(HvaRange range, long hva, byte[] into) {
        FetchedPages fetched = new FetchedPages();
        byte[] bytes = range.npages() == 1 ? into : new byte[into.length]; // a page is read whole or not at all
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) { // more than two: mappings changed
            HostResult covered = family.getLocked(() -> peekLocked(range, hva, bytes, fetched));
            if (!fetched.isWaiting()) {
                if (covered == HostResult.OK) {
                    System.arraycopy(bytes, 0, into, 0, bytes.length);
                }
                return covered;
            }
            if (!fetched.fetch()) {
                return HostResult.EIO;
            }
        }
        return HostResult.BUSY;
    }

    private HostResult peekLocked(HvaRange range, long hva, byte[] into, FetchedPages fetched) {
        if (space.coverageLocked(range) != HostResult.OK) {
            return HostResult.EFAULT;
        }
        for (int at = 0; at < into.length; ) { // bounded by the pages of the array
            int within = Pages.offsetInPage(hva + at);
            int length = Math.min(into.length - at, Pages.PAGE_SIZE - within);
            long page = (hva + at) >>> Pages.PAGE_SHIFT;
            space.readLocked(space.vmas.find(page), page, within, into, at, length, fetched);
            at += length;
        }
        return HostResult.OK;
    }

    /** A debugger's write of the bytes from {@code hva} on. */
    HostResult poke(long hva, byte[] from) {
        for (int done = 0; done < from.length; ) { // bounded by the pages of the array
            int at = done;
            int within = Pages.offsetInPage(hva + at);
            int length = Math.min(from.length - at, Pages.PAGE_SIZE - within);
            long page = (hva + at) >>> Pages.PAGE_SHIFT;
            FaultPath.FrameUse write = pfn -> store.frames.write(pfn, within, from, at, length);
            HostResult result = new FaultPath(space, page, FaultPath.Access.DEBUG_WRITE, write).run().poked;
            if (result != HostResult.OK) {
                return result;
            }
            done += length;
        }
        return HostResult.OK;
    }
}
