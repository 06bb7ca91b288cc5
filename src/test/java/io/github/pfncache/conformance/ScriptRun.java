package io.github.pfncache.conformance;

import io.github.pfncache.kvm.KernelDifference;
import io.github.pfncache.kvm.Script;
import java.util.EnumSet;
import java.util.Set;

/** One script on a machine of its own, with a deep look at the state behind it. */
final class ScriptRun {

    private ScriptRun() {}

    /** What was observed, and by which differences from the kernel. */
    record Prediction(String observed, Set<KernelDifference> differences) {

        /** The differences that make another observation of this than was recorded of the kernel. */
        Set<KernelDifference> differencesFrom(Script script, String recorded) {
            if (observed.equals(recorded)) {
                return Set.of();
            }
            Set<KernelDifference> all = EnumSet.noneOf(KernelDifference.class);
            if (!Tolerance.agree(script, recorded, observed)) {
                all.addAll(differences);
            }
            if (!Tolerance.logs(script, recorded).equals(Tolerance.logs(script, observed))) {
                all.add(KernelDifference.DIRTY);
            }
            return all;
        }
    }

    /** What was observed; a failure of the library, or a broken invariant, is an observation like others. */
    static String of(Script script) {
        try (XenMachine machine = new XenMachine()) {
            return machine.runAndAudit(script);
        }
    }

    /** What is to be observed if a guest's events go as by the model. */
    static Prediction predict(Script script, Set<KernelDifference> ours) {
        try (XenMachine machine = new XenMachine(ours)) {
            String observed = machine.runAndAudit(script);
            return new Prediction(observed, EnumSet.copyOf(machine.differences()));
        }
    }
}
