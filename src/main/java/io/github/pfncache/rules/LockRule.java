package io.github.pfncache.rules;

/**
 * The rules that every lock of the library obeys.
 *
 * @since 0.1.0
 */
public enum LockRule implements Rule {

    /** [rule L8] [rule L13] [rule L14]: checked at every acquisition. */
    ORDER("locks are acquired in the order of LockClass, caches in creation order", "lockdep, [rule L8]"),

    /** [I11]: the kernel's locks are not reentrant, and neither are ours; a reentrant lock would hide the fault. */
    NO_RECURSION("no thread acquires a lock that it holds", "rwlock_t and struct mutex are not recursive, [I11]"),

    /** A lock is given back by the thread that took it. */
    RELEASED_BY_HOLDER("a thread releases only what it holds", "lockdep: bad unlock balance"),

    /** [rule L10]: checked where a page is resolved, mapped or unmapped, and at every wait. */
    NO_SLEEP_UNDER_SHORT_LOCK("nothing that can sleep runs under a short lock", "might_sleep(), [rule L10]"),

    /** [rule L9]: interrupt-like context tries, and gives up. */
    NO_WAIT_IN_ATOMIC_CONTEXT("nothing waits in atomic context", "might_sleep() and in_atomic(), [rule L9]"),

    /** Somebody may be waiting for the pages that a thread in guest mode holds: it leaves first, or tries. */
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
