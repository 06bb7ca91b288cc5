package io.github.pfncache.xen;

import io.github.pfncache.vm.Vcpu;

/**
 * How the guest's processor hears that it has events: the part of the emulator that these interfaces cannot do. Called
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
