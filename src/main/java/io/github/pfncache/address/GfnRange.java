package io.github.pfncache.address;

/**
 * A half-open range of guest frames, {@code [start, start + npages)}, inside the guest physical space of 2<sup>40</sup>
 * frames. Immutable.
 *
 * @param start first guest frame number, 0 to 2<sup>40</sup> - 1
 * @param npages number of pages, at least 1
 * @since 0.1.0
 */
public record GfnRange(long start, long npages) {

    /**
     * Checks that the range is not empty and ends inside the guest physical space.
     *
     * @param start first guest frame number
     * @param npages number of pages
     * @throws IllegalArgumentException if it does not
     */
    public GfnRange {
        if (npages < 1 || !Pages.rangeFits(start, npages, Pages.GFN_END)) {
            throw new IllegalArgumentException(
                    "gfn=" + Pages.hex(start) + " npages=" + npages + " is not inside the guest physical space");
        }
    }

    /**
     * First frame after the range.
     *
     * @return {@code start + npages}, at most 2<sup>40</sup>
     */
    public long end() {
        return start + npages;
    }

    /**
     * Whether a frame lies in the range.
     *
     * @param gfn any value
     * @return true iff {@code start <= gfn < end}
     */
    public boolean contains(long gfn) {
        return gfn >= start && gfn < end();
    }

    /**
     * Whether two ranges share a frame.
     *
     * @param other another range
     * @return true iff at least one frame is in both
     */
    public boolean overlaps(GfnRange other) {
        return start < other.end() && other.start < end();
    }

    @Override
    public String toString() {
        return "gfn [" + Pages.hex(start) + ", " + Pages.hex(end()) + ")";
    }
}
