package io.github.pfncache.address;

/**
 * A half-open, page-aligned range of host user virtual addresses. Immutable.
 *
 * <p>User addresses end at {@link #USER_END}, so neither bound can be taken for a negative number. Invalidations are
 * always ranges of whole pages: a byte range is {@linkplain #roundedOut rounded out}.
 *
 * @param start first address, page aligned
 * @param end first address after the range, page aligned, above {@code start}
 * @since 0.1.0
 */
public record HvaRange(long start, long end) {

    /** First address that is not a user address: 2<sup>56</sup>, as in {@code access_ok()}. */
    public static final long USER_END = 1L << 56;

    /** The whole user address space. */
    public static final HvaRange WHOLE = new HvaRange(0, USER_END);

    /**
     * Checks alignment, order and bounds.
     *
     * @param start first address
     * @param end first address after the range
     * @throws IllegalArgumentException if the range is empty, not page aligned, or not inside the user address space
     */
    public HvaRange {
        if (!Pages.isPageAligned(start) || !Pages.isPageAligned(end) || start < 0 || end <= start || end > USER_END) {
            throw new IllegalArgumentException("hva range [" + Pages.hex(start) + ", " + Pages.hex(end)
                    + ") is empty, not page aligned or not in user space");
        }
    }

    /**
     * The range of {@code npages} pages from an address.
     *
     * @param hva first address, page aligned
     * @param npages number of pages, at least 1
     * @return the range
     * @throws IllegalArgumentException if it is not a range of user pages
     */
    public static HvaRange ofPages(long hva, long npages) {
        if (npages < 1 || npages > USER_END >>> Pages.PAGE_SHIFT) {
            throw new IllegalArgumentException("hva=" + Pages.hex(hva) + " npages=" + npages);
        }
        return new HvaRange(hva, hva + (npages << Pages.PAGE_SHIFT));
    }

    /**
     * The page that holds an address.
     *
     * @param hva a user address
     * @return the page as a range
     * @throws IllegalArgumentException if it is not a user address
     */
    public static HvaRange pageOf(long hva) {
        return ofPages(Pages.pageStart(hva), 1);
    }

    /**
     * The smallest range of whole pages that holds a byte range.
     *
     * @param hva first byte, a user address
     * @param length bytes, at least 1
     * @return the rounded range
     * @throws IllegalArgumentException if the bytes are not all user addresses
     */
    public static HvaRange roundedOut(long hva, long length) {
        if (length < 1 || !Pages.rangeFits(hva, length, USER_END)) {
            throw new IllegalArgumentException("hva=" + Pages.hex(hva) + " length=" + length);
        }
        return new HvaRange(Pages.pageStart(hva), Pages.pageStart(hva + length - 1) + Pages.PAGE_SIZE);
    }

    /**
     * Number of pages.
     *
     * @return at least 1
     */
    public long npages() {
        return (end - start) >>> Pages.PAGE_SHIFT;
    }

    /**
     * Whether an address lies in the range.
     *
     * @param hva any 64-bit value
     * @return true iff {@code start <= hva < end}
     */
    public boolean contains(long hva) {
        return hva >= start && hva < end;
    }

    /**
     * Whether two ranges share a page.
     *
     * @param other another range
     * @return true iff at least one page is in both
     */
    public boolean overlaps(HvaRange other) {
        return start < other.end && other.start < end;
    }

    @Override
    public String toString() {
        return "hva [" + Pages.hex(start) + ", " + Pages.hex(end) + ")";
    }
}
