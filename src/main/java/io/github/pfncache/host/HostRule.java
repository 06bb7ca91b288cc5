package io.github.pfncache.host;

import io.github.pfncache.rules.Rule;

/**
 * The invariants of the emulated host memory. Checked under {@code -ea}; see {@link Rule}.
 *
 * @since 0.1.0
 */
public enum HostRule implements Rule {

    /** [I5]: a reference that is given back twice would free a frame that is in use. */
    REFCOUNT_NOT_NEGATIVE("a frame's reference count is never negative", "page_ref_dec_and_test()"),

    /** [I1]: a frame stays allocated while a page table, a file or a caller holds it. */
    FRAME_LIVE_WHILE_REFERENCED("a frame is not given away while something refers to it", "put_page()"),

    /** A frame is written only by threads that hold it; the poison of a free frame is found untouched. */
    FREE_FRAME_UNTOUCHED("nobody writes to a frame after it was freed", "page poisoning"),

    /** [I5]: a page reference is released once. */
    PAGE_RELEASED_ONCE("a page reference is used while it is held and released exactly once", "put_page()"),

    /** [I5]: a mapping is unmapped once, by the memory that made it. */
    MAPPING_UNMAPPED_ONCE("a mapping is unmapped exactly once", "gpc_unmap()"),

    /** An end without a start, or a start without an end, leaves a cache waiting for ever. */
    NOTIFIER_PAIRED("every invalidation that was started is ended", "mmu_notifier_invalidate_range_end()"),

    /** Notifiers and fault handlers may call back into the host. */
    NO_HOST_LOCK_IN_CALLBACK("no lock of this package is held while a callback runs", "might_sleep(), [rule L8]"),

    /** What {@link HostMemory#audit} recounts from the page tables, file pages and swap. */
    OWNERS_COUNTED("a frame has as many owners as entries that name it", "page_mapcount()"),

    /** A page-table entry never outlives or exceeds its mapping. */
    ENTRY_WITHIN_MAPPING("a page-table entry lies in a mapping and is writable only if the mapping is", "pte_write()"),

    /** A write through a writable entry is not seen: what is not marked by then is never written back. */
    WRITABLE_FILE_PAGE_IS_CHANGED("a writable page of a file is written back by the next sync", "page_mkclean()"),

    /** Copy on write: one writable entry for one private frame. */
    PRIVATE_WRITABLE_IS_SOLE("a writable private page has one owner", "wp_page_copy()");

    private final String statement;
    private final String mirrors;

    HostRule(String statement, String mirrors) {
        this.statement = statement;
        this.mirrors = mirrors;
    }

    @Override
    public String statement() {
        return statement;
    }

    @Override
    public String mirrors() {
        return mirrors;
    }
}
