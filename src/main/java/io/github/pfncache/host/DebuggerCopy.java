package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;

/**
 * A debugger's access to the memory of a process: protections do not matter, handlers are not asked. Methods that end
 * in {@code Locked} run under the family lock.
 *
 * <p>Kernel counterpart: {@code access_process_vm()}.
 */
final class DebuggerCopy extends SpaceOps {

    DebuggerCopy(AddressSpace space) {
        super(space);
    }

    /** A debugger's read of the bytes from {@code hva} on, which lie in a range. */
    HostResult peek(HvaRange range, long hva, byte[] into) {
        FetchedPages fetched = new FetchedPages();
        byte[] bytes = range.npages() == 1 ? into : new byte[into.length]; // a page is read whole or not at all
        for (int attempt = 0; attempt < FaultPath.MAX_ATTEMPTS; attempt++) { // more than two: mappings changed
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
            Vma vma = space.vmas.find(page);
            long pte = space.table.get(page);
            if (Pte.isPresent(pte) || Pte.isSwapped(pte) || vma.file() == null) {
                store.read(pte, within, into, at, length);
            } else {
                vma.file().read(vma.toFilePage(page), within, into, at, length, fetched);
            }
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
