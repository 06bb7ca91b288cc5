package io.github.pfncache.pvclock;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One vCPU's steal time.
 *
 * <p>The vCPU's run brings the page in, and writes the structure through a mapping, in one access, during which no
 * page-fault handler runs: one write, which marks its page once. Where there is no memory the page is marked, too, by
 * the half-cached way, whose marks do not depend on what becomes of a write. The scheduler, which may not wait for
 * anything, marks the vCPU preempted through the same mapping, which the run has made ready, and gives up if it has
 * gone.
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

    private final Vm vm;
    private final Registration place;

    VcpuStealTime(Vcpu vcpu) {
        vm = vcpu.vm();
        place = new Registration(vm, StealTime.SIZE);
    }

    void addSteal(long nanos) {
        untold.addAndGet(nanos);
    }

    long register() {
        return place.register();
    }

    /** The register is written; its reserved bits are known to be zero. Before the next run nothing is accessed. */
    void register(long value) {
        boolean on = (value & StealTime.ENABLE) != 0;
        place.point(value, on ? new CacheTarget.ByGpa(value & ~StealTime.ENABLE) : null);
    }

    /** A run begins: tells the guest. Without memory nothing happens, and the next run tries again. */
    void beforeRun() {
        if (place.target() != null) {
            Registration.retrying(
                    vm,
                    () -> place.exclusively(() -> place.tryUpdate(access -> write(access, untold.getAndSet(0)))),
                    this::faultIn);
        }
    }

    /** Page-fault handlers run here, before the version is touched. A write marks its page, also one that fails. */
    private Outcome faultIn() {
        Outcome outcome = place.bringIn();
        if (outcome == Outcome.FAULT && place.target() instanceof CacheTarget.ByGpa where) {
            GfnToHvaCache structure = vm.caches().newGfnToHvaCache(StealTime.SIZE);
            structure.activate(where.gpa());
            structure.update(window -> window.put(PREEMPTED, Byte.BYTES, 0));
        }
        return outcome;
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

    /** Marks the vCPU preempted, if a run has begun since the register was written. Takes no lock. */
    Outcome preempted() {
        return place.isPlaced()
                ? place.tryUpdate(access -> access.putByte(PREEMPTED, IS_PREEMPTED))
                : Outcome.INACTIVE;
    }
}
