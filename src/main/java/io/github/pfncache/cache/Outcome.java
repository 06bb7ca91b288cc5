package io.github.pfncache.cache;

/**
 * The answer of a call on a cache. What a guest can bring about at will is one of these and never an exception: a guest
 * must not be able to make its host build stack traces.
 *
 * <p>Kernel counterpart: the return values of {@code kvm_gpc_activate()} and {@code kvm_gpc_refresh()}.
 *
 * @since 0.1.0
 */
public enum Outcome {

    /** Done. */
    OK,

    /** The cache is not active; {@code -EINVAL} upstream. */
    INACTIVE,

    /** The address cannot be cached: none, crossing a page, or not a user address. Nothing changed. */
    INVALID,

    /**
     * The address has no writable memory now; {@code -EFAULT} upstream. Also the answer for a page that the host has no
     * memory for: {@link io.github.pfncache.host.HostMemory#shortage} tells the two apart.
     */
    FAULT,

    /**
     * Not without waiting longer than allowed, or than is possible here; {@code -EAGAIN} upstream. The caller decides.
     */
    BUSY
}
