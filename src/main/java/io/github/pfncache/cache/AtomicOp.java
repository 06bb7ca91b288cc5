package io.github.pfncache.cache;

import io.github.pfncache.host.HostMapping;

/**
 * The operation of an atomic read-modify-write of guest memory: computed of what is there and an operand.
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
    /** The operand, if what is expected is there; what {@code compareAndSet} does, and nothing else. */
    COMPARE_AND_SET;

    /** One that computes of an operand alone. */
    AtomicOp computing() {
        if (this == COMPARE_AND_SET) {
            throw new IllegalArgumentException(this + " needs the expected value: compareAndSet has it");
        }
        return this;
    }

    /**
     * Does it to 4 or 8 aligned bytes of a page, in one, sequentially consistent.
     *
     * @return what was there before
     */
    long on(HostMapping at, int offset, int width, long operand, long expected) {
        while (true) { // lock-free: each turn but the last means that another thread has written
            long there = at.getVolatile(offset, width);
            if (at.compareAndSet(offset, width, there, applied(there, operand, expected))) {
                return there;
            }
        }
    }

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
