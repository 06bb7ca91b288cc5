package io.github.pfncache.rules;

/**
 * The switch of the rules: whether they are checked in this process.
 *
 * @since 0.1.0
 */
public final class Rules {

    /**
     * True when this class was loaded with assertions on, or with {@code -Dpfncache.rules=true}. A constant: the code
     * under {@code if (Rules.ENABLED)} does not exist in a process that runs without.
     */
    public static final boolean ENABLED = Rules.class.desiredAssertionStatus() || Boolean.getBoolean("pfncache.rules");

    private Rules() {}
}
