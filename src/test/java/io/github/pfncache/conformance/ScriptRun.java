package io.github.pfncache.conformance;

import java.util.EnumSet;
import java.util.Set;

/** One script on a machine of its own, with a deep look at the state behind it. */
final class ScriptRun {

    private ScriptRun() {}

    /** What was observed, and by which differences from the kernel. */
    record Prediction(String observed, Set<Difference> differences) {

        /** The differences that make another observation of this than was recorded of the kernel. */
        Set<Difference> differencesFrom(Script script, String recorded) {
            if (observed.equals(recorded)) {
                return Set.of();
            }
            Set<Difference> all = EnumSet.noneOf(Difference.class);
            if (!Tolerance.agree(script, recorded, observed)) {
                all.addAll(differences);
            }
            if (!Tolerance.logs(script, recorded).equals(Tolerance.logs(script, observed))) {
                all.add(Difference.DIRTY);
            }
            return all;
        }
    }

    /** What was observed; a failure of the library, or a broken invariant, is an observation like others. */
    static String of(Script script) {
        try (Machine machine = new Machine()) {
            return run(machine, script);
        }
    }

    /** What is to be observed if a guest's events go as by the model. */
    static Prediction predict(Script script, Set<Difference> ours) {
        try (Machine machine = new Machine(ours)) {
            String observed = run(machine, script);
            return new Prediction(observed, EnumSet.copyOf(machine.differences()));
        }
    }

    private static String run(Machine machine, Script script) {
        try {
            String observed = machine.run(script);
            machine.audit();
            return observed;
        } catch (Script.Unreadable e) {
            throw e;
        } catch (RuntimeException | AssertionError e) {
            return e + " at " + e.getStackTrace()[0];
        }
    }
}
