package io.github.pfncache.xen;

import io.github.pfncache.interleaving.Stepped;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Races of the interfaces in which threads switch before each access to what they share: two accesses in the wrong
 * order, or an atomic step in two, are found for sure. {@code -Dxen.steppedSchedules=N} looks further.
 */
final class SteppedRaceTest {

    private static final int PREEMPTIONS = 2;
    private static final int BUDGET = Integer.getInteger("xen.steppedSchedules", 2_000);
    private static final int BUDGET_OF_OTHERS = BUDGET / 10;

    @TestFactory
    Stream<DynamicTest> everyScheduleGoesWell() {
        Stepped interfaces = new Stepped("xen.", "pvclock.");
        return Stream.concat(
                Stream.of(SteppedEventScenarios.class, SteppedScenarios.class)
                        .flatMap(scenarios -> interfaces.tests(scenarios, PREEMPTIONS, BUDGET)),
                Stream.of(
                                SteppedTimerScenarios.class, EventScenarios.class, PollScenarios.class,
                                RunstateScenarios.class, ClockScenarios.class)
                        .flatMap(scenarios -> interfaces.tests(scenarios, PREEMPTIONS, BUDGET_OF_OTHERS)));
    }
}
