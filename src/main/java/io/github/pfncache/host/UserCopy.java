package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.util.Objects;

/**
 * The process's own access to its memory: obeys protections, faults pages in, asks fault handlers. The bytes are moved
 * with the page table locked, so a page that has been taken away is never touched.
 *
 * <p>Kernel counterpart: {@code copy_to_user()} and {@code copy_from_user()}, of one page.
 */
final class UserCopy {

    private UserCopy() {}

    /** Writes bytes of one page; false if the page cannot be written. */
    static boolean to(AddressSpace space, long hva, byte[] from, int at, int length) {
        if (!isInOnePage(hva, from, at, length)) {
            return false;
        }
        int within = Pages.offsetInPage(hva);
        FaultPath.FrameUse write = pfn -> space.store.frames.write(pfn, within, from, at, length);
        FaultPath fault = new FaultPath(space, hva >>> Pages.PAGE_SHIFT, FaultPath.Access.WRITE, write);
        return fault.run() == FaultPath.End.DONE;
    }

    /** Reads bytes of one page; false if the page cannot be read. */
    static boolean from(AddressSpace space, long hva, byte[] into, int at, int length) {
        if (!isInOnePage(hva, into, at, length)) {
            return false;
        }
        int within = Pages.offsetInPage(hva);
        FaultPath.FrameUse read = new FaultPath.FrameUse() {
            @Override
            public void use(int pfn) {
                space.store.frames.read(pfn, within, into, at, length);
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
}
