package io.github.pfncache.host;

/**
 * The bits of a page-table entry, and of a file's page entry, which has the same form. Zero is "nothing here"; an
 * entry may also be armed and nothing else.
 *
 * <pre>
 *  63        40                    8   7..4   3       2         1          0
 *  +----------+---------------------+------+-------+---------+----------+---------+
 *  | round    | frame or swap slot  |  0   | ARMED | SWAPPED | WRITABLE | PRESENT |
 *  +----------+---------------------+------+-------+---------+----------+---------+
 * </pre>
 * ARMED: the next write goes to a fault handler first. Round: which arming that was, so that an answer to an earlier
 * one is not taken for an answer to this one.
 */
final class Pte {

    private static final long PRESENT = 1;
    private static final long WRITABLE = 2;
    private static final long SWAPPED = 4;
    private static final long ARMED = 8;
    private static final int INDEX_SHIFT = 8;
    private static final int ROUND_SHIFT = 40;
    private static final long INDEX = (1L << ROUND_SHIFT) - (1L << INDEX_SHIFT);
    /** What stays with the address when its frame changes. */
    private static final long ARMING = -1L << ROUND_SHIFT | ARMED;

    private Pte() {}

    static long ofFrame(int pfn, boolean writable) {
        return (long) pfn << INDEX_SHIFT | PRESENT | (writable ? WRITABLE : 0);
    }

    static long ofSwap(int slot) {
        return (long) slot << INDEX_SHIFT | SWAPPED;
    }

    static boolean isPresent(long pte) {
        return (pte & PRESENT) != 0;
    }

    /** A writable entry is present: an access needs nothing more than the frame. */
    static boolean isWritable(long pte) {
        return (pte & WRITABLE) != 0;
    }

    static boolean isSwapped(long pte) {
        return (pte & SWAPPED) != 0;
    }

    /** Whether there is a page, here or evicted. */
    static boolean hasContent(long pte) {
        return (pte & (PRESENT | SWAPPED)) != 0;
    }

    /** Whether both are the same page: one frame, or one evicted content, or nothing. */
    static boolean isSameContent(long pte, long other) {
        return ((pte ^ other) & (PRESENT | SWAPPED | INDEX)) == 0;
    }

    static boolean isArmed(long pte) {
        return (pte & ARMED) != 0;
    }

    /** Frame number of a present entry, slot of a swapped one. */
    static int index(long pte) {
        return (int) (pte >>> INDEX_SHIFT);
    }

    static long readOnly(long pte) {
        return pte & ~WRITABLE;
    }

    /** Armed entries are never writable: the write has to fault. Of the round, 24 bits count. */
    static long armed(long pte, int round) {
        return pte & ~(WRITABLE | ARMING) | ARMED | (long) round << ROUND_SHIFT;
    }

    /** What stays of an entry whose frame goes away but comes back on the next fault: whether it is armed. */
    static long withoutFrame(long pte) {
        return pte & ARMING;
    }

    static long disarmed(long pte) {
        return pte & ~ARMING;
    }

    /** The same entry for another frame. */
    static long withFrame(long pte, int pfn) {
        return (long) pfn << INDEX_SHIFT | pte & ~INDEX;
    }

    /** Carries the armed bit over to the entry that takes {@code former}'s place. */
    static long keepArmed(long pte, long former) {
        return isArmed(former) ? pte & ~WRITABLE | former & ARMING : pte;
    }
}
