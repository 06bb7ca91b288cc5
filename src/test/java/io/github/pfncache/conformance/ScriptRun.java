package io.github.pfncache.conformance;

/** One script on a machine of its own, with a deep look at the state behind it. */
final class ScriptRun {

    private ScriptRun() {}

    /** What was observed; a failure of the library, or a broken invariant, is an observation like others. */
    static String of(Script script) {
        try (Machine machine = new Machine()) {
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
