package io.github.pfncache.host;

import io.github.pfncache.address.Pages;

/**
 * One reference to the frame that backed an address when it was resolved. It keeps the frame from being reused, not the
 * address from being given another one. Released by {@link HostMemory#release}.
 *
 * <p>Kernel counterpart: {@code struct page} with an elevated reference count, as {@code hva_to_pfn()} returns it.
 *
 * @since 0.1.0
 */
public final class HostPage extends FrameHandle {

    /**
     * No page: there is one, and it cannot be had now. An invalidation that it takes was refused, by a vCPU that does
     * not poll for example, or the mappings would not hold still.
     */
    public static final HostPage BUSY = new HostPage(null, -1);

    HostPage(AddressSpace space, int pfn) {
        super(space, pfn);
    }

    @Override
    public String toString() {
        return this == BUSY ? "no page now" : "pfn=" + Pages.hex(pfn());
    }
}
