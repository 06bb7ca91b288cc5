package io.github.pfncache.host;

/**
 * The answer of a memory call: success, or the {@code errno} that the system call it emulates would set. A result other
 * than {@link #OK} says nothing about partial effects; each call documents its own.
 *
 * @since 0.1.0
 */
public enum HostResult {

    /** Done. */
    OK,

    /** The call does not apply to this kind of mapping ({@code EINVAL}). */
    EINVAL,

    /** Part of the range is not mapped, or a limit on mappings or frames is reached ({@code ENOMEM}). */
    ENOMEM,

    /** A write was asked of a file that is open for reading only ({@code EACCES}). */
    EACCES,

    /** The file of the page cannot be read ({@code EIO}). */
    EIO,

    /** The address has no page to give ({@code EFAULT}). */
    EFAULT,

    /** A page is in use, a notifier would have to wait, or the mappings would not hold still ({@code EBUSY}). */
    BUSY
}
