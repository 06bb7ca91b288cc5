package io.github.pfncache.xen;

/**
 * What becomes of a hypercall. Immutable.
 *
 * @param kind which side answers the guest
 * @param value what the guest is told, if it is DONE or HALTED; 0 or a negative error number
 * @since 0.1.0
 */
public record HypercallResult(Kind kind, long value) {

    /** Who answers the guest. */
    public enum Kind {

        /** It is answered. */
        DONE,

        /** The guest polls and halts: the answer is given when {@link XenVcpu#awaitPoll} says other than BUSY. */
        HALTED,

        /** The emulator answers. {@code KVM_EXIT_XEN_HCALL}. */
        EMULATOR
    }

    /** The memory that an argument points at cannot be read. */
    static final long EFAULT = -14;

    static final long EINVAL = -22;

    /** There are no hypercalls. */
    static final long KVM_ENOSYS = -1000;

    static final HypercallResult EMULATOR = new HypercallResult(Kind.EMULATOR, 0);

    static HypercallResult done(long value) {
        return new HypercallResult(Kind.DONE, value);
    }
}
