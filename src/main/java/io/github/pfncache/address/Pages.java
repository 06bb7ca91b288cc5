package io.github.pfncache.address;

/**
 * Page arithmetic on 64-bit addresses.
 *
 * <p>An address is a plain {@code long} read as an unsigned number; a parameter's name says whose address it is
 * ({@code gpa}, {@code hva}). Every sum in here is safe against overflow, so that callers never add a length to an
 * address themselves. Pure functions; safe from any thread.
 *
 * <p>Kernel counterpart: {@code PAGE_SHIFT}, {@code offset_in_page()}, {@code gpa_to_gfn()} and {@code gfn_to_gpa()}.
 *
 * @since 0.1.0
 */
public final class Pages {

    /** Binary logarithm of {@link #PAGE_SIZE}. */
    public static final int PAGE_SHIFT = 12;

    /** Bytes in a page, of the guest as of the host. */
    public static final int PAGE_SIZE = 1 << PAGE_SHIFT;

    /** The guest physical address that stands for "none" in the guest ABI: all ones. */
    public static final long INVALID_GPA = ~0L;

    /** First gfn that no memslot can hold: guest physical memory ends at 2<sup>52</sup> bytes. */
    public static final long GFN_END = 1L << (52 - PAGE_SHIFT);

    private static final int OFFSET_MASK = PAGE_SIZE - 1;

    private Pages() {}

    /**
     * Frame number of a guest physical address.
     *
     * @param gpa guest physical address, any 64-bit value
     * @return {@code gpa >> 12}, never negative
     */
    public static long gpaToGfn(long gpa) {
        return gpa >>> PAGE_SHIFT;
    }

    /**
     * First guest physical address of a frame.
     *
     * @param gfn guest frame number
     * @return {@code gfn << 12}
     */
    public static long gfnToGpa(long gfn) {
        return gfn << PAGE_SHIFT;
    }

    /**
     * Offset of an address inside its page.
     *
     * @param address a gpa or an hva, any 64-bit value
     * @return 0 to 4095
     */
    public static int offsetInPage(long address) {
        return (int) address & OFFSET_MASK;
    }

    /**
     * First address of the page that holds an address.
     *
     * @param address a gpa or an hva, any 64-bit value
     * @return the address with its low 12 bits cleared
     */
    public static long pageStart(long address) {
        return address & ~(long) OFFSET_MASK;
    }

    /**
     * Whether an address is the first of its page.
     *
     * @param address a gpa or an hva, any 64-bit value
     * @return true iff the low 12 bits are zero
     */
    public static boolean isPageAligned(long address) {
        return offsetInPage(address) == 0;
    }

    /**
     * Whether {@code length} bytes from {@code address} lie in one page. The sum is formed from the page offset, never
     * from the whole address, so the last page below 2<sup>64</sup> needs no special case.
     *
     * @param address a gpa or an hva, any 64-bit value
     * @param length bytes; nothing fits that is not positive
     * @return true iff {@code 1 <= length <= 4096 - offsetInPage(address)}
     */
    public static boolean fitsInPage(long address, int length) {
        return length > 0 && length <= PAGE_SIZE - offsetInPage(address);
    }

    /**
     * Whether the bytes {@code [offset, offset + width)} lie in {@code [0, limit)}, for any values of the three.
     *
     * @param offset first byte
     * @param width number of bytes
     * @param limit first byte that is out of bounds
     * @return false for any negative argument and for every range that would pass the limit or overflow
     */
    public static boolean rangeFits(long offset, long width, long limit) {
        // width is subtracted from the limit, not added to the offset: nothing here can overflow.
        return offset >= 0 && width >= 0 && width <= limit && offset <= limit - width;
    }

    /**
     * Unsigned comparison of two addresses.
     *
     * @param address any 64-bit value
     * @param other any 64-bit value
     * @return true iff {@code address < other} as unsigned numbers
     */
    public static boolean isBelow(long address, long other) {
        return Long.compareUnsigned(address, other) < 0;
    }

    /**
     * Whether {@code address + length} wraps past 2<sup>64</sup>, both read as unsigned numbers. A range that ends at
     * exactly 2<sup>64</sup> wraps too: its exclusive end has no representation.
     *
     * @param address first byte of a range
     * @param length bytes, unsigned
     * @return true iff the exclusive end cannot be represented
     */
    public static boolean wraps(long address, long length) {
        return length != 0 && Long.compareUnsigned(address + length, address) <= 0;
    }

    /**
     * An address for a message.
     *
     * @param address any 64-bit value
     * @return lower-case hexadecimal with the prefix {@code 0x}
     */
    public static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }
}
