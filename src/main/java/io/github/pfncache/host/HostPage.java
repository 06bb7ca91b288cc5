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

    HostPage(AddressSpace space, int pfn) {
        super(space, pfn);
    }

    @Override
    public String toString() {
        return "pfn=" + Pages.hex(pfn());
    }
}
