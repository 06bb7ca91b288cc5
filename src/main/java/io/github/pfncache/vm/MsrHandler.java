package io.github.pfncache.vm;

/**
 * A part of a paravirtual interface that answers when a model-specific register is accessed. Called on the thread that
 * accesses the register, with no lock of the library held, outside of guest mode: a handler may wait, and may call the
 * whole library. Call {@link Vcpu#writeMsr} and its like with no access open. Implementations are thread-safe.
 *
 * <p>Kernel counterpart: a case of {@code kvm_set_msr_common()} and {@code kvm_get_msr_common()}.
 *
 * @since 0.1.0
 */
public interface MsrHandler {

    /**
     * The register is read.
     *
     * @param vcpu whose register
     * @param index which register
     * @return its value
     */
    long read(Vcpu vcpu, int index);

    /**
     * The register is written, by the host, or by the guest unless {@link #guestWrite} says otherwise.
     *
     * @param vcpu whose register
     * @param index which register
     * @param value the new value, any: a guest may have chosen it
     * @return false to reject it with the old value kept; a guest then takes a general protection fault
     */
    boolean write(Vcpu vcpu, int index, long value);

    /**
     * The guest writes the register. By default as if the host did; an interface that tells the two apart overrides it.
     *
     * @param vcpu whose register
     * @param index which register
     * @param value the new value, any
     * @return false to reject it with the old value kept; the guest then takes a general protection fault
     */
    default boolean guestWrite(Vcpu vcpu, int index, long value) {
        return write(vcpu, index, value);
    }
}
