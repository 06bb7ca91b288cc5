package io.github.pfncache.vm;

/**
 * A part of a paravirtual interface that works when a vCPU enters the guest. Called on the vCPU's thread, in the order
 * in which the hooks were added. A hook that throws ends the run before the guest is entered; the next run calls every
 * hook again. So a hook takes a request away only when it has served it. No lock of the library is held, no access is
 * open, and the vCPU is not in guest mode: a hook may wait, and may call the whole library.
 *
 * <p>Kernel counterpart: the requests handled by {@code vcpu_enter_guest()}, and {@code kvm_arch_vcpu_load()}.
 *
 * @since 0.1.0
 */
public interface EntryHook {

    /**
     * A run begins; once for each {@link Vcpu#run}.
     *
     * @param vcpu the vCPU
     */
    default void beforeRun(Vcpu vcpu) {}

    /**
     * The guest is about to execute: at the start of a run, and again after each register write that left it.
     *
     * @param vcpu the vCPU
     */
    default void beforeEntry(Vcpu vcpu) {}
}
