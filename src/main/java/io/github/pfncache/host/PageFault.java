package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;

/**
 * One page fault, as shown to a {@link PageFaultHandler}. Confined to the faulting thread.
 *
 * @param hva page-aligned address of the page
 * @param write whether the access is a write; every resolution by a guest-memory cache is
 * @param reason why the access faulted
 * @param page the content that {@code RESOLVE} installs: zeros, the file's content or the evicted content, 4096 bytes
 *     from index 0, little endian; the handler may overwrite it in place. Of a write-protected page a read-only copy
 * @since 0.1.0
 */
public record PageFault(long hva, boolean write, Reason reason, ByteBuffer page) {

    /** Why an access faulted. */
    public enum Reason {
        /** No page was ever there. */
        MISSING,
        /**
         * What was there, or would have been, was discarded since it was mapped: by {@link HostMemory#discard}; or in
         * its file by {@link HostMemory#remove}, {@link HostFile#punchHole}, or a {@link HostFile#truncate} before the
         * file grew again.
         */
        DISCARDED,
        /** The page was evicted; its content is kept, in memory or in its file. */
        EVICTED,
        /** The page is there, write-protected by {@link HostMemory#writeProtect}. */
        WRITE_PROTECTED
    }

    @Override
    public String toString() {
        return reason + (write ? " write" : " read") + " at hva=" + Pages.hex(hva);
    }
}
