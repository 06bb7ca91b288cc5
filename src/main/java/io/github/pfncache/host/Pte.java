package io.github.pfncache.host;

/**
 * The bits of a page-table entry, and of a file's page entry, which has the same form. Zero is "nothing here"; an
 * entry may also be armed and nothing else.
 *
 * <pre>
 *  63                      8        3          2         1          0
 *  +------------------------+--------+----------+---------+----------+
 *  | frame or swap slot     |  0     | ARMED    | SWAPPED | WRITABLE | PRESENT
 *  +------------------------+--------+----------+---------+----------+
 * </pre>
 * ARMED: the next write goes to a fault handler first.
 */
final class Pte {

    private static final long PRESENT = 1;
    private static final long WRITABLE = 2;
    private static final long SWAPPED = 4;
    private static final long ARMED = 8;
    private static final int INDEX_SHIFT = 8;

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

    /** Armed entries are never writable: the write has to fault. */
    static long armed(long pte) {
        return pte & ~WRITABLE | ARMED;
    }

    /** What stays of an entry whose frame goes away but comes back on the next fault: whether it is armed. */
    static long withoutFrame(long pte) {
        return pte & ARMED;
    }

    static long disarmed(long pte) {
        return pte & ~ARMED;
    }

    /** The same entry for another frame. */
    static long withFrame(long pte, int pfn) {
        return (long) pfn << INDEX_SHIFT | pte & PRESENT | pte & WRITABLE | pte & ARMED;
    }

    /** Carries the armed bit over to the entry that takes {@code former}'s place. */
    static long keepArmed(long pte, long former) {
        return isArmed(former) ? armed(pte) : pte;
    }
}
