package io.github.pfncache.pvclock;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vcpu;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One vCPU's steal time.
 *
 * <p>Two caches, because there are two kinds of writer. The vCPU's run may fault pages in, and uses the half-cached
 * way. The scheduler, which marks the vCPU preempted, may not wait for anything: it uses a mapping of that one byte,
 * which the run has made ready, and gives up if it has gone.
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

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    // Guarded by lock.

    private final GfnToHvaCache structure;
    private long register;

    /** The preempted byte. Pointed somewhere and refreshed with lock held; accessed without, at any time. */
    private final GfnPfnCache preemptedByte;

    VcpuStealTime(Vcpu vcpu) {
        structure = vcpu.vm().caches().newGfnToHvaCache(StealTime.SIZE);
        preemptedByte = vcpu.vm().newCache(Byte.BYTES);
    }

    void addSteal(long nanos) {
        untold.addAndGet(nanos);
    }

    long register() {
        lock.lock();
        try {
            return register;
        } finally {
            lock.unlock();
        }
    }

    /** The register is written; its reserved bits are known to be zero. */
    void register(long value) {
        lock.lock();
        try {
            register = value;
            // Not before the next run is anything accessed, at the new address or, from here on, at the old one.
            Outcome outcome = preemptedByte.deactivate();
            PvclockRule.DISABLED_MEANS_INACTIVE.check(
                    outcome == Outcome.OK && !preemptedByte.state().active(), outcome);
            if ((value & StealTime.ENABLE) == 0) {
                structure.deactivate();
            } else {
                structure.activate(value & ~StealTime.ENABLE);
            }
        } finally {
            lock.unlock();
        }
    }

    /** A run begins: tells the guest. Without memory nothing happens, and the next run tries again. */
    void beforeRun() {
        lock.lock();
        try {
            if ((register & StealTime.ENABLE) == 0) {
                return;
            }
            long told = untold.get();
            if (structure.update(window -> write(window, told)) == Outcome.OK) {
                untold.addAndGet(-told); // not set to 0: more may have been stolen meanwhile
                makeReady();
            }
        } finally {
            lock.unlock();
        }
    }

    private static void write(GfnToHvaCache.Window window, long nanos) {
        window.put(PREEMPTED, Byte.BYTES, 0);
        int before = (int) window.get(VERSION, Integer.BYTES);
        int odd = before + 1 | 1;
        window.put(VERSION, Integer.BYTES, odd);
        VarHandle.storeStoreFence(); // the guest sees the odd version before the new value
        window.put(STEAL, Long.BYTES, window.get(STEAL, Long.BYTES) + nanos);
        VarHandle.storeStoreFence(); // and the new value before the even version
        window.put(VERSION, Integer.BYTES, odd + 1);
        PvclockRule.I12_STEAL_VERSION_EVEN.check(odd + 1 - before == 2 + (before & 1), before);
    }

    /** Maps the preempted byte, on the page that was written a moment ago. If that fails, nothing will be marked. */
    private void makeReady() {
        if (!preemptedByte.check()) {
            preemptedByte.activate((register & ~StealTime.ENABLE) + PREEMPTED);
        }
    }

    /** Marks the vCPU preempted. Takes no lock that it would have to wait for. */
    Outcome preempted() {
        try (GuestAccess access = preemptedByte.tryAccess()) {
            if (access.isUsable()) {
                access.putByte(0, IS_PREEMPTED);
            }
            return access.outcome();
        }
    }
}
