package io.github.pfncache.xen;

import io.github.pfncache.cache.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the guest passes to hypercalls, at any address of its memory, also over the end of a page.
 *
 * <pre>
 *  sched_poll      64-bit  0               8          12        16               24
 *                          +---------------+----------+---------+----------------+
 *                          | ports, u64    | nr_ports |         | timeout, u64   |
 *                          +---------------+----------+---------+----------------+
 *                  compat  0          4          8               16
 *                          +----------+----------+---------------+
 *                          | ports,u32| nr_ports | timeout, u64  |
 *                          +----------+----------+---------------+
 *  singleshot timer        0               8          12 (compat)  16 (64-bit)
 *                          +---------------+----------+---------+
 *                          | timeout, u64  | flags    |         |
 *                          +---------------+----------+---------+
 * </pre>
 *
 * <p>Pointers are guest physical here: walking the guest's own page tables is its host's business.
 *
 * <p>ABI: {@code struct sched_poll}, {@code struct vcpu_set_singleshot_timer}, and their compat versions.
 */
enum HypercallLayout {
    NATIVE(Long.BYTES, 16, 24, 16),
    COMPAT(Integer.BYTES, 8, 16, 12);

    private final int pointerSize;
    private final int pollTimeout;
    private final int pollSize;
    private final int timerSize;

    HypercallLayout(int pointerSize, int pollTimeout, int pollSize, int timerSize) {
        this.pointerSize = pointerSize;
        this.pollTimeout = pollTimeout;
        this.pollSize = pollSize;
        this.timerSize = timerSize;
    }

    /**
     * What to poll for.
     *
     * @param portsGpa where the array of port numbers is, u32 each
     * @param portCount its length, unsigned as the guest wrote it
     * @param timeoutNanos when to stop, by the guest's clock; 0 for never
     */
    record SchedPoll(long portsGpa, long portCount, long timeoutNanos) {}

    /** Reads a poll's argument; null if it cannot be read. */
    SchedPoll readSchedPoll(GuestMemory memory, long gpa) {
        ByteBuffer bytes = read(memory, gpa, pollSize);
        if (bytes == null) {
            return null;
        }
        long ports = pointerSize == Long.BYTES ? bytes.getLong(0) : Integer.toUnsignedLong(bytes.getInt(0));
        return new SchedPoll(ports, Integer.toUnsignedLong(bytes.getInt(pointerSize)), bytes.getLong(pollTimeout));
    }

    /** Reads port numbers, unsigned as the guest wrote them; null if they cannot be read. */
    static long[] readPorts(GuestMemory memory, long gpa, int count) {
        ByteBuffer bytes = read(memory, gpa, count * Integer.BYTES);
        if (bytes == null) {
            return null;
        }
        long[] ports = new long[count];
        for (int i = 0; i < count; i++) { // bounded by the most ports that a poll may name
            ports[i] = Integer.toUnsignedLong(bytes.getInt(i * Integer.BYTES));
        }
        return ports;
    }

    /**
     * Reads when a single-shot timer is to fire; null if the argument cannot be read. The flags ask for nothing here.
     */
    Long readSingleShot(GuestMemory memory, long gpa) {
        ByteBuffer bytes = read(memory, gpa, timerSize);
        return bytes == null ? null : Long.valueOf(bytes.getLong(0));
    }

    private static ByteBuffer read(GuestMemory memory, long gpa, int length) {
        byte[] bytes = new byte[length];
        boolean whole = memory.read(gpa, bytes) == length;
        return whole ? ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN) : null;
    }
}
