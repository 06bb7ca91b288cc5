package io.github.pfncache.xen;

/**
 * How a poll ended. ABI: the results of {@code SCHEDOP_poll}; those that are not errors are all 0 to the guest, which
 * looks for itself.
 *
 * @since 0.1.0
 */
public enum PollOutcome {

    /** A polled port is pending, may be pending, or something else woke the vCPU. */
    WOKEN,

    /** The time that the guest gave has come. */
    TIMED_OUT,

    /** Too many ports, or one that the guest's mode does not have; {@code -EINVAL}. */
    INVALID,

    /** The argument or the array of ports cannot be read; {@code -EFAULT}. */
    FAULT,

    /** Nothing of that within the caller's patience: the vCPU halts on. */
    BUSY
}
