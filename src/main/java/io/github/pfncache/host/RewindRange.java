package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;

/**
 * One range of pages that {@link HostMemory#rewind} puts back.
 *
 * @param from first address in the snapshot
 * @param hva first address here
 * @param npages number of pages, at least 1
 * @since 0.1.0
 */
public record RewindRange(long from, long hva, long npages) {

    /**
     * Checks that both are ranges of user pages.
     *
     * @param from first address in the snapshot
     * @param hva first address here
     * @param npages number of pages, at least 1
     * @throws IllegalArgumentException if one of them is not
     */
    public RewindRange {
        HvaRange.ofPages(from, npages);
        HvaRange.ofPages(hva, npages);
    }

    HvaRange source() {
        return HvaRange.ofPages(from, npages);
    }

    HvaRange target() {
        return HvaRange.ofPages(hva, npages);
    }
}
