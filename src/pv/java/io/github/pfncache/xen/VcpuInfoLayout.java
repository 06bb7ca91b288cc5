package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.pvclock.PvclockField;

/**
 * Where the fields of one vCPU's structure lie. Both layouts are 64 bytes and have the clock in the same place.
 *
 * <pre>
 *  64-bit  0         1      2         8                     16              32                   64
 *          +---------+------+---------+---------------------+---------------+--------------------+
 *          | pending | mask |         | pending_sel    u64  | cr2 ...       | time, 32 bytes     |
 *          +---------+------+---------+---------------------+---------------+--------------------+
 *  compat  0         1      2         4            8                        32                   64
 *          +---------+------+---------+------------+------------------------+--------------------+
 *          | pending | mask |         | pend. u32  | cr2 ...                | time, 32 bytes     |
 *          +---------+------+---------+------------+------------------------+--------------------+
 * </pre>
 *
 * <p>ABI: {@code struct vcpu_info}, {@code struct compat_vcpu_info}.
 */
enum VcpuInfoLayout {
    NATIVE(8, Long.SIZE),
    COMPAT(4, Integer.SIZE);

    /** Bytes of the structure: the length of the cache that holds it. */
    static final int SIZE = 64;

    /** The clock: not at the structure's end by necessity, and its place is checked against the structure's length. */
    static final PvclockField TIME = PvclockField.at(32, SIZE);

    private static final int UPCALL_PENDING = 0;

    private final int pendingSelector;
    private final int words;

    VcpuInfoLayout(int pendingSelector, int words) {
        this.pendingSelector = pendingSelector;
        this.words = words;
    }

    /** Says in which word of the pending map to look, with the effect of a full fence; true iff it was said before. */
    boolean testAndSetSelector(GuestAccess access, int word) {
        return access.testAndSetBit(pendingSelector, word);
    }

    /** Raises the upcall. After the selector: the guest clears the upcall before it looks at the selector. */
    void raiseUpcall(GuestAccess access) {
        access.putByte(UPCALL_PENDING, (byte) 1);
    }

    static boolean isUpcallPending(GuestAccess access) {
        return access.getByte(UPCALL_PENDING) != 0;
    }

    /** Whether these selector bits mean something in this layout. */
    boolean covers(long selectorBits) {
        return words == Long.SIZE || selectorBits >>> words == 0;
    }

    /**
     * What selector bits of the other layout mean in this one: the same ports, in words of another width. A word of 64
     * ports is two of 32; a word of 32 is half of one of 64, so the result may name a word in which nothing is pending,
     * which costs the guest a look. Bits of ports that this layout does not have are dropped.
     */
    long rescaled(long bits, VcpuInfoLayout from) {
        if (from == this) {
            return bits;
        }
        long result = 0;
        for (int word = 0; word < from.words; word++) { // bounded by the bits of a selector
            if ((bits >>> word & 1) != 0) {
                result |= this == NATIVE ? 1L << word / 2 : word < words / 2 ? 3L << 2 * word : 0;
            }
        }
        return result;
    }
}
