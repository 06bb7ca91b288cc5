package io.github.pfncache.pvclock;

import io.github.pfncache.vm.Vcpu;

/**
 * An interface that shows a clock to the guest besides kvmclock: it is told when it is time to write that clock.
 * Implementations are thread-safe.
 *
 * <p>Kernel counterpart: the further {@code kvm_setup_guest_pvclock()} calls of {@code kvm_guest_time_update()}.
 *
 * @since 0.1.0
 */
@FunctionalInterface
public interface ClockUpdateListener {

    /**
     * A vCPU is about to enter the guest with an update requested, whether or not it registered a kvmclock. Called on
     * the vCPU's thread with no lock held, after the kvmclock was written; {@link Kvmclock#timeFor} gives the value.
     *
     * @param vcpu the vCPU
     */
    void clockUpdated(Vcpu vcpu);
}
