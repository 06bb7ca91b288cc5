package io.github.pfncache.cache;

/**
 * The operation of an atomic read-modify-write of a {@link GuestTlb}: computed of what is there and an operand.
 *
 * @since 0.1.0
 */
public enum AtomicOp {

    /** The sum. */
    ADD,
    /** The bits set in both. */
    AND,
    /** The bits set in one of them or both. */
    OR,
    /** The bits set in one of them and not in both. */
    XOR,
    /** The smaller one, signed. */
    MIN,
    /** The larger one, signed. */
    MAX,
    /** The smaller one, unsigned. */
    MIN_UNSIGNED,
    /** The larger one, unsigned. */
    MAX_UNSIGNED,
    /** The operand. */
    EXCHANGE,
    /** The operand, if what is expected is there; by way of {@link GuestTlb#compareAndSetLong} only. */
    COMPARE_AND_SET;

    /** Of sign-extended numbers: that keeps the unsigned order as well. */
    long applied(long there, long operand, long expected) {
        return switch (this) {
            case ADD -> there + operand;
            case AND -> there & operand;
            case OR -> there | operand;
            case XOR -> there ^ operand;
            case MIN -> Math.min(there, operand);
            case MAX -> Math.max(there, operand);
            case MIN_UNSIGNED -> Long.compareUnsigned(there, operand) <= 0 ? there : operand;
            case MAX_UNSIGNED -> Long.compareUnsigned(there, operand) >= 0 ? there : operand;
            case EXCHANGE -> operand;
            case COMPARE_AND_SET -> there == expected ? operand : there;
        };
    }
}
