package io.github.pfncache.rules;

/**
 * The error that says which rule was found broken: a fault of the library or a caller's misuse of it, never something a
 * guest can cause.
 *
 * @since 0.1.0
 */
public final class RuleViolation extends AssertionError {

    private static final long serialVersionUID = 1L;

    private final transient Rule rule;

    /**
     * A broken rule.
     *
     * @param rule the rule
     * @param state the state that breaks it
     */
    public RuleViolation(Rule rule, String state) {
        super(rule.getClass().getSimpleName() + "." + rule.name() + ": " + rule.statement() + " [mirrors "
                + rule.mirrors() + "] but: " + state);
        this.rule = rule;
    }

    /**
     * Which rule.
     *
     * @return the rule; null only on a copy that was serialised
     */
    public Rule rule() {
        return rule;
    }
}
