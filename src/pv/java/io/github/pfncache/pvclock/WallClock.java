package io.github.pfncache.pvclock;

import io.github.pfncache.cache.GuestMemory;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * When the guest's clock read zero, as real time. Written once for each write of its register, at any address, also
 * over the end of a page; where there is no memory, nothing is written, and nobody is told.
 *
 * <pre>
 *  offset  0         4         8         12
 *          +---------+---------+---------+
 *          | version |   sec   |  nsec   |
 *          +---------+---------+---------+
 * </pre>
 *
 * <p>Thread-safe. Kernel counterpart: {@code kvm_write_wall_clock()}, {@code struct pvclock_wall_clock}.
 */
final class WallClock {

    private static final int VERSION_SIZE = 4;
    private static final int BODY_SIZE = 8;
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private final GuestMemory memory;

    /** Also held over the write, so that two vCPUs that write one place leave an even version. */
    private final TrackedLock lock = new TrackedLock(LockClass.VM_USER);

    // Guarded by lock. One register for the VM.

    private long register;

    WallClock(GuestMemory memory) {
        this.memory = memory;
    }

    long register() {
        lock.lock();
        try {
            return register;
        } finally {
            lock.unlock();
        }
    }

    /**
     * The register is written. Zero, its value after a reset, is no address.
     *
     * @param gpa where the guest wants the time, any value
     * @param bootRealtime when the guest's clock read zero, nanoseconds since 1970
     */
    void register(long gpa, long bootRealtime) {
        lock.lock();
        try {
            register = gpa;
            if (gpa != 0) {
                write(gpa, bootRealtime);
            }
        } finally {
            lock.unlock();
        }
    }

    private void write(long gpa, long bootRealtime) {
        byte[] found = new byte[VERSION_SIZE];
        if (memory.read(gpa, found) != VERSION_SIZE) {
            return;
        }
        int odd = little(found).getInt() + 1 | 1;
        // Each write is visible before the next: the host's copies are ordered by its page lock.
        memory.write(gpa, version(odd));
        byte[] body = new byte[BODY_SIZE];
        little(body)
                .putInt((int) Math.floorDiv(bootRealtime, NANOS_PER_SECOND))
                .putInt((int) Math.floorMod(bootRealtime, NANOS_PER_SECOND));
        memory.write(gpa + VERSION_SIZE, body); // as much of it as there is memory for
        memory.write(gpa, version(odd + 1));
    }

    private static byte[] version(int version) {
        byte[] bytes = new byte[VERSION_SIZE];
        little(bytes).putInt(version);
        return bytes;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
