package io.github.pfncache.host;

/**
 * The accesses that a mapping allows to the process: the {@code PROT_*} values of {@code mmap()}.
 *
 * @since 0.1.0
 */
public enum Protection {

    /** No access ({@code PROT_NONE}). */
    NONE,

    /** Reads only ({@code PROT_READ}). */
    READ,

    /** Reads and writes ({@code PROT_READ | PROT_WRITE}). */
    READ_WRITE
}
