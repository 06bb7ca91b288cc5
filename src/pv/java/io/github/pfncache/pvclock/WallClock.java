package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;

/**
 * When the guest's clock read zero, as real time. Written once for each write of its register, at any address, also
 * over the end of a page; where there is no memory, nothing is written, and no caller is told.
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

    private static final int SIZE = 12;
    private static final int VERSION = 0;
    private static final int BODY = 4;
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private final Vm vm;

    /** Held over each write, so that two vCPUs that write one place leave an even version. No code of others in it. */
    private final TrackedLock lock = new TrackedLock(LockClass.VM_USER);

    /** Out of use, unless memory ran out when it was to be: then the next write does it. Null while it is used. */
    private final AtomicReference<GuestArea> idle = new AtomicReference<>();

    /** One register for the VM. Any thread writes it. */
    private volatile long register;

    /** What could not be written as its page did not hold still; null if nothing waits. Any thread sets it. */
    private final AtomicReference<Due> due = new AtomicReference<>();

    private record Due(long gpa, long bootRealtime) {}

    WallClock(Vm vm) {
        this.vm = vm;
    }

    long register() {
        return register;
    }

    /**
     * The register is written. Zero, its value after a reset, is no address. If a page-fault handler throws, the
     * register has its value, and nothing is written; if the page does not hold still, {@link #writeIfDue} writes it.
     *
     * @param gpa where the guest wants the time, any value
     * @param bootRealtime when the guest's clock read zero, nanoseconds since 1970
     */
    void register(long gpa, long bootRealtime) {
        register = gpa;
        due.set(null); // what waited is superseded
        serve(new Due(gpa, bootRealtime));
    }

    /** A vCPU enters its guest. */
    void writeIfDue() {
        Due waits = due.getAndSet(null);
        if (waits != null) {
            serve(waits);
        }
    }

    private void serve(Due asked) {
        if (asked.gpa != 0 && write(asked.gpa, asked.bootRealtime) == Outcome.BUSY) {
            due.compareAndSet(null, asked);
        }
    }

    private Outcome write(long gpa, long bootRealtime) {
        GuestArea known = idle.getAndSet(null);
        GuestArea area = known == null ? vm.newArea() : known;
        try {
            Outcome outcome = write(area, gpa, SIZE, bootRealtime);
            int first = Pages.PAGE_SIZE - Pages.offsetInPage(gpa);
            return outcome != Outcome.OK && outcome != Outcome.BUSY && first >= BODY && first < SIZE
                    ? write(area, gpa, first, bootRealtime) // as much of it as there is memory for
                    : outcome;
        } finally {
            try {
                area.deactivate();
            } finally {
                idle.set(area);
            }
        }
    }

    /** Writes the first bytes of the structure, all if the outcome is OK, else none. */
    private Outcome write(GuestArea area, long gpa, int length, long bootRealtime) {
        byte[] body = ByteBuffer.allocate(SIZE - BODY)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt((int) Math.floorDiv(bootRealtime, NANOS_PER_SECOND))
                .putInt((int) Math.floorMod(bootRealtime, NANOS_PER_SECOND))
                .array();
        byte[] part = Arrays.copyOf(body, length - BODY);
        Outcome outcome = area.activate(gpa, length); // page-fault handlers run here, with no lock held
        return outcome == Outcome.OK
                ? Registration.retrying(vm, () -> write(area, part), () -> bringIn(area))
                : outcome;
    }

    private static Outcome bringIn(GuestArea area) {
        try (AreaAccess access = area.access()) { // and here
            return access.outcome();
        }
    }

    private Outcome write(GuestArea area, byte[] body) {
        lock.lock();
        try (AreaAccess access = area.tryAccess()) {
            if (access.isUsable()) {
                int odd = access.getInt(VERSION) + 1 | 1;
                access.putInt(VERSION, odd);
                VarHandle.storeStoreFence(); // the guest sees the odd version before anything of the body
                access.put(BODY, body);
                VarHandle.storeStoreFence(); // and the whole body before the even version
                access.putInt(VERSION, odd + 1);
            }
            return access.outcome();
        } finally {
            lock.unlock();
        }
    }
}
