package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;

/**
 * The target that a cache points at: guest memory by its guest physical address, or host memory directly. Immutable.
 * There is no sentinel address to test for: a target is one or the other.
 *
 * <p>Kernel counterpart: the pair {@code gpa} and {@code uhva} of {@code struct gfn_to_pfn_cache}.
 *
 * @since 0.1.0
 */
public sealed interface CacheTarget {

    /**
     * Guest memory: follows the memslots, and writes are logged.
     *
     * @param gpa guest physical address of the first byte
     */
    record ByGpa(long gpa) implements CacheTarget {

        @Override
        public boolean isCacheable(int length) {
            return gpa != Pages.INVALID_GPA && Pages.fitsInPage(gpa, length);
        }

        @Override
        public String toString() {
            return "gpa=" + Pages.hex(gpa);
        }
    }

    /**
     * Host memory: no memslot, no generation, no dirty log.
     *
     * @param hva host user virtual address of the first byte
     */
    record ByHva(long hva) implements CacheTarget {

        @Override
        public boolean isCacheable(int length) {
            return Pages.fitsInPage(hva, length) && Pages.rangeFits(hva, length, HvaRange.USER_END);
        }

        @Override
        public String toString() {
            return "hva=" + Pages.hex(hva);
        }
    }

    /**
     * Whether a cache of some length can point here at all; says nothing about what is there.
     *
     * @param length bytes, 1 to 4096
     * @return false for no address, a range that crosses a page, and an hva outside user space
     */
    boolean isCacheable(int length);
}
