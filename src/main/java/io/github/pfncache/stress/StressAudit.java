package io.github.pfncache.stress;

import io.github.pfncache.vm.Vm;
import io.github.pfncache.vm.VmAudit;

/** What must hold of a VM after any load: its caches, its slots, and the host memory below. */
public final class StressAudit {

    private StressAudit() {}

    /**
     * Looks at everything, at rest: no call and no access is under way, and no fork is left.
     *
     * @param vm the VM
     * @throws io.github.pfncache.rules.RuleViolation if an invariant is broken
     */
    public static void atRest(Vm vm) {
        VmAudit.atRest(vm);
        vm.host().audit();
    }
}
