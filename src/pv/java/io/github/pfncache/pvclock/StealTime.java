package io.github.pfncache.pvclock;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.util.List;
import java.util.Map;

/**
 * Steal time: how long a vCPU would have run but did not, and whether it has just been preempted, where its guest can
 * see it. The guest registers an address by a register write; the structure is written at every run.
 *
 * <pre>
 *  offset  0               8         12       16   17                64
 *          +---------------+---------+--------+----+-- ... -----------+
 *          |  steal, ns    | version | flags  | pr |      padding     |
 *          |     u64       |   u32   |  u32   | u8 |                  |
 *          +---------------+---------+--------+----+-- ... -----------+
 * </pre>
 *
 * <p>Only steal, version and preempted are ever written. The address is a multiple of 64, so the structure never
 * crosses a page: the bits below are reserved, but for bit 0.
 *
 * <p>Thread-safe. Kernel counterpart: {@code record_steal_time()}, {@code kvm_steal_time_set_preempted()},
 * {@code struct kvm_steal_time}.
 *
 * @since 0.1.0
 */
public final class StealTime {

    /** The register: address of the structure, and {@link #ENABLE}. */
    public static final int MSR_STEAL_TIME = 0x4b564d03;

    /** Bit of the register that turns steal time on. */
    public static final long ENABLE = 1;

    /** Bytes of the structure. */
    public static final int SIZE = 64;

    /** Bits of the register that must be zero. */
    private static final long RESERVED = SIZE - 1 & ~ENABLE;

    private final Vm vm;

    /** By vCPU id; fixed. */
    private final List<VcpuStealTime> vcpus;

    private StealTime(Vm vm) {
        this.vm = vm;
        this.vcpus = vm.vcpus().stream().map(VcpuStealTime::new).toList();
    }

    /**
     * Gives a VM steal time.
     *
     * @param vm the VM
     * @return its steal time, nothing stolen yet
     * @throws IllegalStateException if it has it
     */
    public static StealTime attach(Vm vm) {
        StealTime steal = new StealTime(vm);
        vm.addInterface(Map.of(MSR_STEAL_TIME, steal.new Register()), new EntryHook() {
            @Override
            public void beforeRun(Vcpu vcpu) {
                steal.vcpus.get(vcpu.id()).beforeRun();
            }
        });
        return steal;
    }

    /**
     * Time was stolen from a vCPU: it was ready and did not run. The guest sees it, added to what its memory holds,
     * from the next run that can write it. Never waits.
     *
     * @param vcpu the vCPU
     * @param nanos how long; not negative
     * @throws IllegalArgumentException if negative, or if the vCPU belongs to another VM
     */
    public void addSteal(Vcpu vcpu, long nanos) {
        if (nanos < 0) {
            throw new IllegalArgumentException("nanos=" + nanos + " is negative");
        }
        of(vcpu).addSteal(nanos);
    }

    /**
     * A vCPU is taken off its processor: tells the other vCPUs of its guest, so that they do not wait for it. Its next
     * run clears the mark. Meant for interrupt-like context: never waits, and gives up instead ([rule L9]).
     *
     * @param vcpu the vCPU, between two runs
     * @return OK; INACTIVE if steal time is off or was never written; BUSY if the mark could not be made without
     *     waiting
     * @throws IllegalArgumentException if the vCPU belongs to another VM
     */
    public Outcome preempted(Vcpu vcpu) {
        return of(vcpu).preempted();
    }

    private VcpuStealTime of(Vcpu vcpu) {
        if (vcpu.vm() != vm) {
            throw new IllegalArgumentException(vcpu + " belongs to another VM");
        }
        return vcpus.get(vcpu.id());
    }

    private final class Register implements MsrHandler {

        @Override
        public long read(Vcpu vcpu, int index) {
            return vcpus.get(vcpu.id()).register();
        }

        /** Reserved bits are rejected whether or not the value turns steal time on. */
        @Override
        public boolean write(Vcpu vcpu, int index, long value) {
            if ((value & RESERVED) != 0) {
                return false;
            }
            vcpus.get(vcpu.id()).register(value);
            return true;
        }
    }
}
