package io.github.pfncache.xen;

/**
 * Which parts of the Xen interfaces a VM has. Immutable. ABI: {@code KVM_XEN_HVM_CONFIG}.
 *
 * @param flags {@link #INTERCEPT_HYPERCALLS}, {@link #SEND_EVENTS} and {@link #TSC_UNSTABLE}, or 0
 * @param msr the register by which the guest asks for its hypercall page; 0 if the interfaces are off: then the guest's
 *     runstate is not kept up by its entries
 * @since 0.1.0
 */
public record XenConfig(int flags, int msr) {

    /** Hypercalls are taken from the guest; without, it is told that there are none. */
    public static final int INTERCEPT_HYPERCALLS = 1 << 1;

    /** Events may be sent. They may be sent without it too, but a guest's poll then ends at once, whatever it names. */
    public static final int SEND_EVENTS = 1 << 5;

    /** The clocks of these interfaces do not promise the guest a stable TSC. */
    public static final int TSC_UNSTABLE = 1 << 7;

    /** The register's usual number. */
    public static final int DEFAULT_MSR = 0x4000_0200;

    /** Everything: what a VM has at first. */
    static final XenConfig ALL = new XenConfig(INTERCEPT_HYPERCALLS | SEND_EVENTS, DEFAULT_MSR);

    /**
     * States what a VM has.
     *
     * @param flags the flags
     * @param msr the register, or 0
     * @throws IllegalArgumentException if there is another flag
     */
    public XenConfig {
        if ((flags & ~(INTERCEPT_HYPERCALLS | SEND_EVENTS | TSC_UNSTABLE)) != 0) {
            throw new IllegalArgumentException("flags=0x" + Integer.toHexString(flags) + " has one that is not known");
        }
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    boolean isOn() {
        return msr != 0;
    }
}
