package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestAccess;
import java.lang.invoke.VarHandle;

/**
 * Where the fields of the page lie that a VM shares with its host. Bit maps are little endian and byte addressed, so a
 * port's bit is at the same byte whatever the width of the words; only the maps' places differ.
 *
 * <pre>
 *  64-bit  0x000          0x800               0xa00            0xc00                     0xc0c        0xc40
 *          +--------------+-------------------+----------------+---------+-----+------+------------+---+
 *          | vcpu_info[32]| pending, 64 x u64 | mask, 64 x u64 | version | sec | nsec | wc_sec_hi  |   |
 *          +--------------+-------------------+----------------+---------+-----+------+------------+---+
 *  compat  0x000          0x800               0x880            0x900                       0x924   0x928
 *          +--------------+-------------------+----------------+---------+-----+------+---+----------+
 *          | vcpu_info[32]| pending, 32 x u32 | mask, 32 x u32 | version | sec | nsec |   |wc_sec_hi |
 *          +--------------+-------------------+----------------+---------+-----+------+---+----------+
 * </pre>
 *
 * <p>ABI: {@code struct shared_info}, {@code struct compat_shared_info}.
 */
enum SharedInfoLayout {
    NATIVE(Long.SIZE, 0x800, 0xa00, 0xc00, 0xc0c, 0xc40),
    COMPAT(Integer.SIZE, 0x800, 0x880, 0x900, 0x924, 0x928);

    private static final int SECONDS = 4;
    private static final int NANOSECONDS = 8;
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private final int bitsPerWord;
    private final int pending;
    private final int mask;
    private final int wallClock;
    private final int wallClockSecondsHigh;
    private final int size;

    SharedInfoLayout(
            int bitsPerWord, int pending, int mask, int wallClock, int wallClockSecondsHigh, int size) {
        this.bitsPerWord = bitsPerWord;
        this.pending = pending;
        this.mask = mask;
        this.wallClock = wallClock;
        this.wallClockSecondsHigh = wallClockSecondsHigh;
        this.size = size;
    }

    /** Bytes of the structure. */
    int size() {
        return size;
    }

    /** First number that is no port: as many words as a word has bits. */
    int portLimit() {
        return bitsPerWord * bitsPerWord;
    }

    /** The selector bit of a port: the word of the pending map that it is in. */
    int wordOf(int port) {
        return port / bitsPerWord;
    }

    /** Marks a port pending, with the effect of a full fence; true iff it was. */
    boolean testAndSetPending(GuestAccess access, int port) {
        return access.testAndSetBit(pending, inBounds(access, port));
    }

    boolean isPending(GuestAccess access, int port) {
        return access.testBit(pending, inBounds(access, port));
    }

    boolean isMasked(GuestAccess access, int port) {
        return access.testBit(mask, inBounds(access, port));
    }

    private int inBounds(GuestAccess access, int port) {
        XenRule.ABI_LAYOUT_FITS.check(access.length() >= size, this);
        XenRule.I7_PORT_IN_BOUNDS.check(port >= 0 && port < portLimit(), port);
        return port;
    }

    /** Writes when the guest's clock read zero, by the version protocol, going on from the version in guest memory. */
    void writeWallClock(GuestAccess access, long realtimeNanos) {
        XenRule.ABI_LAYOUT_FITS.check(access.length() >= size, this);
        long seconds = Math.floorDiv(realtimeNanos, NANOS_PER_SECOND);
        int odd = access.getInt(wallClock) + 1 | 1; // the guest owns the memory and may have left it odd
        access.putInt(wallClock, odd);
        VarHandle.storeStoreFence(); // the guest sees the odd version before anything of the body
        access.putInt(wallClock + SECONDS, (int) seconds);
        access.putInt(wallClock + NANOSECONDS, (int) Math.floorMod(realtimeNanos, NANOS_PER_SECOND));
        access.putInt(wallClockSecondsHigh, (int) (seconds >>> Integer.SIZE));
        VarHandle.storeStoreFence(); // and the whole body before the even version
        access.putInt(wallClock, odd + 1);
        XenRule.I12_WALL_CLOCK_VERSION.check((odd & 1) == 1, odd);
    }
}
