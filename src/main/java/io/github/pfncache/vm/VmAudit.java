package io.github.pfncache.vm;

/**
 * The audit of a whole VM: looks at its state and finds what breaks an invariant. Meant for the end of every test, and
 * for a stress run: what it checks counts as a check of the rule.
 *
 * @since 0.1.0
 */
public final class VmAudit {

    private VmAudit() {}

    /**
     * Looks at everything of a VM at rest: no call or access of it may be under way. Of its host memory, if it has that
     * alone, at everything as well, for which the relatives of the host have to be at rest, too. If other VMs have the
     * same host, at the VM's own part: they may run. To look at the host, with all its VMs at rest, use {@code
     * vm.host().audit()}.
     *
     * @param vm the VM
     * @throws io.github.pfncache.rules.RuleViolation if an invariant is broken
     */
    public static void atRest(Vm vm) {
        vm.caches().audit(true);
        if (vm.host().mappingOwners() <= 1) {
            vm.host().audit();
        }
    }

    /**
     * Looks at what can be looked at while threads are busy.
     *
     * @param vm the VM
     * @throws io.github.pfncache.rules.RuleViolation if an invariant is broken
     */
    public static void whileBusy(Vm vm) {
        vm.caches().audit(false);
    }
}
