package io.github.pfncache.xen;

import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.rules.Interleaving;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Where the fields of the runstate lie, at any byte address, and how they are written while the guest may look.
 *
 * <pre>
 *  64-bit  0       4       8             15  16                          48
 *          +-------+-------+---------------+-----------------------------+
 *          | state |  pad  | entry_time    | time[4], u64                |
 *          +-------+-------+---------------+-----------------------------+
 *  compat  0       4             11  12                          44      ^ the last byte of entry_time holds the
 *          +-------+---------------+-----------------------------+         UPDATE flag, its bit 7
 *          | state | entry_time    | time[4], u64                |
 *          +-------+---------------+-----------------------------+
 * </pre>
 *
 * <p>ABI: {@code struct vcpu_runstate_info}, {@code XEN_RUNSTATE_UPDATE}.
 */
enum RunstateLayout {
    NATIVE(8),
    COMPAT(4);

    private static final int STATE = 0;
    private static final int TIMES = RunState.values().length;
    private static final long UPDATE = 1L << 63;
    private static final int UPDATE_BYTE = Long.BYTES - 1;

    private final int entryTime;

    RunstateLayout(int entryTime) {
        this.entryTime = entryTime;
    }

    /** Bytes of the structure. */
    int size() {
        return entryTime + Long.BYTES + TIMES * Long.BYTES;
    }

    /**
     * Writes a runstate.
     *
     * @param access a usable access to an area of this layout's size
     * @param times what to write
     * @param announced whether the guest asked to be told, by the UPDATE flag, that a write is under way
     * @param keepsPadding whether the padding stays as it is; else it is zeroed
     */
    void write(AreaAccess access, RunstateTimes times, boolean announced, boolean keepsPadding) {
        XenRule.I12_TIMES_ADD_UP.check(times.isConsistent(), times);
        // The body carries the flag as well, or it would clear it before the times are written.
        long entry = announced ? times.entryNanos() | UPDATE : times.entryNanos();
        // A buffer of its own for every write: nothing of an earlier one can reach the guest.
        ByteBuffer body = ByteBuffer.allocate(Long.BYTES + TIMES * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        body.putLong(entry);
        for (RunState state : RunState.values()) { // the four of them
            body.putLong(times.in(state));
        }
        XenRule.I12_UPDATE_ONLY_IF_ASKED.check(entry < 0 == (announced || times.entryNanos() < 0), times);

        if (announced) {
            access.putByte(entryTime + UPDATE_BYTE, (byte) (UPDATE >>> 56)); // one byte: it cannot be seen half written
            VarHandle.storeStoreFence(); // the guest sees the flag before anything of the body
        }
        Interleaving.reached("runstate about to be written");
        access.putInt(STATE, times.state().ordinal());
        if (!keepsPadding && entryTime > Integer.BYTES) {
            access.putInt(Integer.BYTES, 0);
        }
        Interleaving.reached("runstate half written");
        access.put(entryTime, body.array());
        Interleaving.reached("runstate written but for its flag");
        if (announced) {
            VarHandle.storeStoreFence(); // and the whole body before the flag goes
            // Of a time before zero the flag goes as well.
            access.putByte(entryTime + UPDATE_BYTE, (byte) ((times.entryNanos() & ~UPDATE) >>> 56));
        }
    }
}
