package io.github.pfncache.vm;

/**
 * Looks at the state of a whole VM and finds what breaks an invariant. Meant for the end of every test, and for a
 * stress run: what it checks counts as a check of the rule.
 */
public final class VmAudit {

    private VmAudit() {}

    /**
     * Looks at everything, its host memory included, at rest: no call, access or invalidation may be under way, also
     * not for another VM or a relative of the same {@link Vm#host}.
     *
     * @param vm the VM
     * @throws io.github.pfncache.rules.RuleViolation if an invariant is broken
     */
    public static void atRest(Vm vm) {
        vm.caches().audit(true);
        vm.host().audit();
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
