package io.github.pfncache.xen;

import java.util.List;

/**
 * A hypercall, as the guest makes it. Immutable.
 *
 * @param mode the mode of the calling code, which may differ from the guest's: it decides the layout of arguments in
 *     memory
 * @param interruptible whether the guest has interrupts on
 * @param number which call
 * @param arguments six of them; of a compat guest 32 bits of each count
 * @since 0.1.0
 */
public record Hypercall(GuestMode mode, boolean interruptible, long number, List<Long> arguments) {

    private static final int ARGUMENTS = 6;

    /**
     * Describes a hypercall.
     *
     * @param mode the mode of the calling code
     * @param interruptible whether the guest has interrupts on
     * @param number which call
     * @param arguments six of them
     * @throws IllegalArgumentException if there are not six arguments
     */
    public Hypercall {
        arguments = List.copyOf(arguments);
        if (arguments.size() != ARGUMENTS) {
            throw new IllegalArgumentException(arguments.size() + " arguments, a hypercall has six");
        }
    }

    /** An argument as an address or a number of the calling code's width. */
    long argument(int index) {
        long value = arguments.get(index);
        return mode == GuestMode.COMPAT ? Integer.toUnsignedLong((int) value) : value;
    }
}
