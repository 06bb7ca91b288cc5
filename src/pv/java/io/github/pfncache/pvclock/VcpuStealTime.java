package io.github.pfncache.pvclock;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vcpu;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One vCPU's steal time.
 *
 * <p>Two caches. The vCPU's run faults the page in by the half-cached way, which marks it dirty whether or not that
 * succeeds. The structure itself is written through a mapping, in one access, during which no page-fault handler runs;
 * the scheduler, which may not wait for anything, marks the vCPU preempted through the same mapping, which the run has
 * made ready, and gives up if it has gone.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.st}.
 */
final class VcpuStealTime {

    private static final int STEAL = 0;
    private static final int VERSION = 8;
    private static final int PREEMPTED = 16;
    private static final byte IS_PREEMPTED = 1;

    /** What was stolen and the guest has not been told. Atomic; any thread adds. */
    private final AtomicLong untold = new AtomicLong();

    /**
     * One run at a time. Held while page-fault handlers run, so it is taken for a bounded time; a handler that comes
     * back here tells nothing.
     */
    private final TrackedLock turn = new TrackedLock(LockClass.REFRESH);

    /** Used in a turn, at the address of {@link #pointed}. */
    private final GfnToHvaCache structure;

    /** The register's value that {@link #structure} was pointed for. Used in a turn. */
    private long pointed;

    /** Any thread writes it. */
    private volatile long register;

    /** The mapping. Pointed somewhere in a turn; accessed at any time, if {@link #mapped} is the register. */
    private final GfnPfnCache mapping;

    /** The register's value that {@link #mapping} was pointed for. Written in a turn. */
    private volatile long mapped;

    VcpuStealTime(Vcpu vcpu) {
        structure = vcpu.vm().caches().newGfnToHvaCache(StealTime.SIZE);
        mapping = vcpu.vm().newCache(StealTime.SIZE);
    }

    void addSteal(long nanos) {
        untold.addAndGet(nanos);
    }

    long register() {
        return register;
    }

    /** The register is written; its reserved bits are known to be zero. */
    void register(long value) {
        register = value;
        // Not before the next run is anything accessed, at the new address or, from here on, at the old one.
        Outcome outcome = mapping.deactivate();
        PvclockRule.DISABLED_MEANS_INACTIVE.check(
                outcome == Outcome.BUSY || (register & StealTime.ENABLE) != 0 || !mapping.state().active(), outcome);
    }

    /** A run begins: tells the guest. Without memory nothing happens, and the next run tries again. */
    void beforeRun() {
        long value = register;
        if ((value & StealTime.ENABLE) == 0
                || !turn.tryLock(System.nanoTime() + RetryPolicy.DEFAULT.patience().toNanos())) {
            return;
        }
        try {
            long told = untold.get();
            if (tell(value, told)) {
                untold.addAndGet(-told); // not set to 0: more may have been stolen meanwhile
            }
        } finally {
            turn.unlock();
        }
    }

    private boolean tell(long value, long nanos) {
        long gpa = value & ~StealTime.ENABLE;
        for (int attempt = 0; attempt < RetryPolicy.DEFAULT.attempts(); attempt++) { // bounded by that number
            try (GuestAccess access = mapping.tryAccess()) {
                if (access.isUsable() && mapped == value && register == value) {
                    write(access, nanos);
                    return true;
                }
            }
            if (pointed != value) {
                structure.activate(gpa);
                pointed = value;
            }
            // Page-fault handlers run here, before the version is touched.
            if (structure.update(window -> window.put(PREEMPTED, Byte.BYTES, 0)) != Outcome.OK) {
                return false;
            }
            if (register != value || mapping.activate(gpa) != Outcome.OK) {
                return false;
            }
            mapped = value;
        }
        return false;
    }

    private static void write(GuestAccess access, long nanos) {
        access.putByte(PREEMPTED, (byte) 0);
        int before = access.getInt(VERSION);
        int odd = before + 1 | 1;
        access.putInt(VERSION, odd);
        VarHandle.storeStoreFence(); // the guest sees the odd version before the new value
        access.putLong(STEAL, access.getLong(STEAL) + nanos);
        VarHandle.storeStoreFence(); // and the new value before the even version
        access.putInt(VERSION, odd + 1);
        PvclockRule.I12_STEAL_VERSION_EVEN.check(odd + 1 - before == 2 + (before & 1), before);
    }

    /** Marks the vCPU preempted. Takes no lock that it would have to wait for. */
    Outcome preempted() {
        try (GuestAccess access = mapping.tryAccess()) {
            if (access.isUsable() && mapped != register) {
                return Outcome.INACTIVE; // the register was written, and no run has begun since
            }
            if (access.isUsable()) {
                access.putByte(PREEMPTED, IS_PREEMPTED);
            }
            return access.outcome();
        }
    }
}
