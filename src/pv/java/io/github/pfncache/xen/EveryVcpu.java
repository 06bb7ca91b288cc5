package io.github.pfncache.xen;

import java.util.List;
import java.util.function.Consumer;

/** Steps that are taken for every vCPU, whatever becomes of one. */
final class EveryVcpu {

    private EveryVcpu() {}

    /** Takes the step for each, and afterwards throws what the first threw that did: mostly, code of others. */
    static void each(List<XenVcpu> vcpus, Consumer<XenVcpu> step) {
        Throwable thrown = null;
        for (XenVcpu vcpu : vcpus) { // bounded by the number of vCPUs
            try {
                step.accept(vcpu);
            } catch (RuntimeException | Error e) {
                thrown = thrown == null ? e : thrown;
            }
        }
        if (thrown instanceof Error error) {
            throw error;
        } else if (thrown != null) {
            throw (RuntimeException) thrown;
        }
    }
}
