package io.github.pfncache.rules;

/**
 * The rules that every lock of the library obeys.
 *
 * @since 0.1.0
 */
public enum LockRule implements Rule {

    /** [rule L8] [rule L13] [rule L14] Checked at each acquisition. */
    ORDER("locks are acquired in the order of LockClass, caches in creation order", "lockdep, [rule L8]"),

    /** [I11] Checked at each acquisition that waits. A reentrant lock would hide the fault. */
    NO_RECURSION("no thread acquires a lock that it holds", "rwlock_t and struct mutex are not recursive, [I11]"),

    /** Checked at each release. */
    RELEASED_BY_HOLDER("a thread releases only what it holds", "lockdep: bad unlock balance"),

    /** [rule L10] Checked where a page is resolved, mapped or unmapped, and at each wait. */
    NO_SLEEP_UNDER_SHORT_LOCK("nothing that can sleep runs under a short lock", "might_sleep(), [rule L10]"),

    /** [rule L9] Checked before each wait. */
    NO_WAIT_IN_ATOMIC_CONTEXT("nothing waits in atomic context", "might_sleep() and in_atomic(), [rule L9]"),

    /** Checked before each wait. Another thread may wait for the pages that a thread in guest mode holds. */
    NO_WAIT_IN_GUEST_MODE("nothing waits in guest mode", "might_sleep() between vcpu_enter_guest() and its exit");

    private final String statement;
    private final String mirrors;

    LockRule(String statement, String mirrors) {
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
