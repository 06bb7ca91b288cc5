package io.github.pfncache.rules;

/**
 * An invariant that checks itself. Implemented by one enum in each stateful package; a constant is one rule, and its
 * usages are the places that enforce it and the tests that prove it.
 *
 * <p>Thread-safe.
 *
 * @since 0.1.0
 */
public interface Rule {

    /**
     * What always holds, in one sentence.
     *
     * @return the statement
     */
    String statement();

    /**
     * Where the rule comes from: the kernel function, ABI header or document it mirrors.
     *
     * @return the source
     */
    String mirrors();

    /**
     * The constant's name.
     *
     * @return unique within its enum
     */
    String name();

    /**
     * Checks the rule, when rules are {@linkplain Rules#ENABLED checked}; otherwise does nothing.
     *
     * @param holds whether the invariant holds now
     * @param state what to show when it does not; only its {@code toString()} is used, and only then
     * @throws RuleViolation if it does not hold
     */
    default void check(boolean holds, Object state) {
        if (Rules.ENABLED) {
            RuleStats.count(this, holds);
            if (!holds) {
                throw new RuleViolation(this, String.valueOf(state));
            }
        }
    }
}
