package io.github.pfncache.xen;

import io.github.pfncache.vm.Vcpu;

/**
 * The emulator's part of an upcall: it makes a vCPU enter, or interrupts it, because events are pending. Called
 * in any context, also atomic, with no lock of this package held; implementations are thread-safe and never wait.
 *
 * @since 0.1.0
 */
public interface UpcallListener {

    /**
     * The vCPU has something to see at its next entry: if it is in the guest, it should leave and enter again; if it
     * halts, it should wake.
     *
     * @param vcpu the vCPU
     */
    void kick(Vcpu vcpu);

    /**
     * Raises the interrupt that the guest chose for events, see {@link XenVcpu#setUpcallVector}.
     *
     * @param vcpu the vCPU
     * @param vector the interrupt's vector, 16 to 255
     */
    default void interrupt(Vcpu vcpu, int vector) {
        kick(vcpu);
    }
}
