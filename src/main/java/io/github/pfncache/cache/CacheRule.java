package io.github.pfncache.cache;

import io.github.pfncache.rules.Rule;

/**
 * The invariants of the cache, numbered as in {@code .github/RULES.md}. The rules of locks are in LockRule.
 *
 * @since 0.1.0
 */
public enum CacheRule implements Rule {

    /** [I1] Checked whenever an access starts, with the lock held. */
    I1_MAPPING_IS_CURRENT(
            "a usable mapping is the frame that backs the uhva now", "kvm_gpc_check(), mmu_notifier contract"),

    /** [I2] Checked by the audit and at each activation and deactivation. */
    I2_ACTIVE_IFF_LISTED("a cache is active exactly when it is listed", "kvm->gpc_list"),

    /** [I3] Checked whenever the state changes. */
    I3_VALID_IMPLIES_ACTIVE("a valid cache is active", "kvm_gpc_deactivate()"),

    /** [I4] Checked whenever the state changes. */
    I4_VALID_IMPLIES_MAPPED(
            "a valid cache owns a mapping, and target, uhva and mapping agree on the page offset",
            "__kvm_gpc_refresh()"),

    /** [I5] Checked by the audit, at quiescence. */
    I5_BALANCE(
            "at rest no page is referenced and each mapping belongs to one listed cache", "kvm_release_page_clean()"),

    /** [I6] Checked at the end of every refresh. */
    I6_BOUNDED_ATTEMPTS("a refresh ends within its bound of attempts", "mmu_notifier_retry_cache() has none"),

    /** [I7] Checked whenever accesses get a window; each access is checked against the window by itself. */
    I7_IN_BOUNDS("an access lies inside the cache's length and inside one page", "kvm_gpc_check(gpc, len)"),

    /** [I8] Checked whenever an access by gpa starts, with the lock held. */
    I8_GENERATION_IS_CURRENT(
            "a usable mapping by gpa was translated by the current memslots", "kvm_gpc_check(): gpc->generation"),

    /** [I9] Checked when an access that wrote ends. */
    I9_DIRTY_UNDER_LOCK(
            "the gfn that was written is marked dirty before the lock is dropped", "mark_page_dirty_in_slot()"),

    /** [I11] Checked where the kernel would have a lockdep assertion. */
    I11_NO_GUARD_ACROSS_REFRESH(
            "no thread refreshes a cache that it holds for access", "kvm_gpc_refresh(): might_sleep()"),

    /** [I14] Checked by the audit, at quiescence. */
    I14_VALID_IS_FOUND(
            "a valid cache is found by a walk over its host page", "gfn_to_pfn_cache_invalidate_start(): gpc_list"),

    /** Starts and ends of invalidations pair up. */
    NOTIFIER_PAIRS("every invalidation that ends has started", "kvm->mn_active_invalidate_count");

    private final String statement;
    private final String mirrors;

    CacheRule(String statement, String mirrors) {
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
