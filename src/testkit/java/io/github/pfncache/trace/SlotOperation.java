package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * One recorded change of a memslot: the arguments and the result of {@code KVM_SET_USER_MEMORY_REGION}. Immutable. The
 * arguments need not keep KVM's rules: a recording may hold a call that failed.
 *
 * @param index number of the call in its trace, from 0
 * @param micros microseconds since the first call, 0 to {@link #MAX_MICROS}
 * @param kind what the call asked for
 * @param slot number of the slot, not negative
 * @param flags {@code KVM_MEM_*} bits, any
 * @param gpa first guest physical address, any; of a delete the former one
 * @param size bytes, unsigned; 0 deletes
 * @param block name of the block of host memory, see {@link #isBlockName}
 * @param blockOffset bytes from the start of the block to the slot's first byte; with {@code size}, at most
 *     {@link #MAX_BLOCK_END}
 * @param result 0, or a negative errno, down to -4095
 * @since 0.1.0
 */
public record SlotOperation(
        int index,
        long micros,
        Kind kind,
        int slot,
        int flags,
        long gpa,
        long size,
        String block,
        long blockOffset,
        int result) {

    /** Latest time of a call, microseconds: about 35 years. */
    public static final long MAX_MICROS = 1L << 50;

    /** Longest block of host memory, bytes. */
    public static final long MAX_BLOCK_END = 1L << 47;

    /** Lowest result: as far as errnos go. */
    public static final int MIN_RESULT = -4095;

    private static final Pattern BLOCK_NAME = Pattern.compile("[!-~]{1,64}");

    /** What a call asked for, by the state of its slot before. */
    public enum Kind {
        /** The slot was empty. */
        CREATE,
        /** The size was 0. */
        DELETE,
        /** The slot was elsewhere in guest memory. */
        MOVE,
        /** The slot was there already. */
        FLAGS;

        /**
         * The word in a trace.
         *
         * @return the name in lower case
         */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * One call.
     *
     * @param index number of the call in its trace, from 0
     * @param micros microseconds since the first call, 0 to {@link #MAX_MICROS}
     * @param kind what the call asked for
     * @param slot number of the slot, not negative
     * @param flags {@code KVM_MEM_*} bits, any
     * @param gpa first guest physical address, any; of a delete the former one
     * @param size bytes, unsigned; 0 deletes
     * @param block name of the block of host memory, see {@link #isBlockName}
     * @param blockOffset bytes from the start of the block to the slot's first byte; with {@code size}, at most
     *     {@link #MAX_BLOCK_END}
     * @param result 0, or a negative errno, down to -4095
     * @throws IllegalArgumentException if a component is out of its range, or only one of size and kind says delete
     */
    public SlotOperation {
        boolean inRange = index >= 0
                && micros >= 0
                && micros <= MAX_MICROS
                && slot >= 0
                && result <= 0
                && result >= MIN_RESULT
                && isBlockName(block)
                && Pages.rangeFits(blockOffset, size, MAX_BLOCK_END);
        if (!inRange || (size == 0) != (kind == Kind.DELETE)) {
            throw new IllegalArgumentException("operation " + index + ": " + kind + " slot " + slot + " at t_us="
                    + micros + ", size=" + Pages.hex(size) + ", in " + block + " at " + Pages.hex(blockOffset)
                    + ", result " + result);
        }
    }

    /**
     * Whether a text can name a block.
     *
     * @param text any text
     * @return true for 1 to 64 printable ASCII characters without a blank
     */
    public static boolean isBlockName(String text) {
        return BLOCK_NAME.matcher(text).matches();
    }

    /**
     * Whether the call succeeded.
     *
     * @return true if the result is 0
     */
    public boolean succeeded() {
        return result == 0;
    }
}
