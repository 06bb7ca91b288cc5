package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;

/**
 * One page fault, as shown to a {@link PageFaultHandler}. Confined to the faulting thread.
 *
 * @since 0.1.0
 */
public final class PageFault {

    /** Why an access faulted. */
    public enum Reason {
        /** No page was ever there, or it was discarded. */
        MISSING,
        /** The page was evicted; its content is kept. */
        EVICTED,
        /** The page is there, write-protected by {@link HostMemory#writeProtect}. */
        WRITE_PROTECTED
    }

    private final long hva;
    private final boolean write;
    private final Reason reason;
    private final ByteBuffer page;

    PageFault(long hva, boolean write, Reason reason, ByteBuffer page) {
        this.hva = hva;
        this.write = write;
        this.reason = reason;
        this.page = page;
    }

    /**
     * Address of the page.
     *
     * @return a page-aligned hva
     */
    public long hva() {
        return hva;
    }

    /**
     * Whether the access is a write. Every resolution by a guest-memory cache is.
     *
     * @return true for a write
     */
    public boolean write() {
        return write;
    }

    /**
     * Why the access faulted.
     *
     * @return the reason
     */
    public Reason reason() {
        return reason;
    }

    /**
     * The content that {@code RESOLVE} installs: zeros, the file's content or the evicted content; the handler may
     * overwrite it in place. Of a write-protected page a read-only copy.
     *
     * @return 4096 bytes from index 0, little endian
     */
    public ByteBuffer page() {
        return page;
    }

    @Override
    public String toString() {
        return reason + (write ? " write" : " read") + " at hva=" + Pages.hex(hva);
    }
}
