package io.github.pfncache.lincheck;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt.forClasses;

import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/**
 * How hard Lincheck looks. It switches threads at shared memory accesses of the real classes, so what no thread can
 * interfere with is told to it as one step: the counters of the rules, the bytes of a page, and the host's tables,
 * which its own lock guards.
 */
final class Checking {

    /** What Lincheck says when the results fit no order of the operations, and not, say, when an operation hangs. */
    static final String NO_ORDER_EXPLAINS = "Invalid execution results";

    /** What it says when the check at the end fails. */
    static final String END_STATE_WRONG = "Validation function";

    private static final String HOST = "io.github.pfncache.host.";

    private Checking() {}

    /** For every build: many scenarios, because most faults need a certain pair of operations, and few switches. */
    static ModelCheckingOptions quick() {
        return options().iterations(20).invocationsPerIteration(40).actorsPerThread(2);
    }

    /** For the nightly run. */
    static ModelCheckingOptions deep() {
        return options().iterations(60).invocationsPerIteration(3000).actorsPerThread(3);
    }

    private static ModelCheckingOptions options() {
        return new ModelCheckingOptions()
                .threads(2)
                .actorsBefore(1)
                .actorsAfter(1)
                .minimizeFailedScenario(false)
                // Loops over a table are no sign of a thread that spins: no loop here waits for another thread.
                .loopBound(5000)
                .loopIterationsBeforeThreadSwitch(1000)
                .addGuarantee(forClasses("io.github.pfncache.rules.RuleStats").allMethods().ignore())
                .addGuarantee(forClasses(
                                HOST + "HostMapping",
                                HOST + "FrameStore",
                                HOST + "PageTable",
                                HOST + "VmaSet")
                        .allMethods()
                        .treatAsAtomic());
    }

    /** A canary: the same search, with a fault that it has to find, for the reason given. */
    static void mustFind(String reason, ModelCheckingOptions search, Class<?> faulty) {
        assertThatThrownBy(() -> search.check(faulty))
                .isInstanceOf(LincheckAssertionError.class)
                .hasMessageContaining(reason);
    }
}
