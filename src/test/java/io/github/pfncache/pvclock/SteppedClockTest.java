package io.github.pfncache.pvclock;

import io.github.pfncache.interleaving.Stepped;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Races of clocks in which threads switch before each access to what they share. */
final class SteppedClockTest {

    private static final int PREEMPTIONS = 2;
    private static final int BUDGET = 300;

    @TestFactory
    Stream<DynamicTest> everyScheduleGoesWell() {
        return new Stepped("pvclock.").tests(SteppedClockScenarios.class, PREEMPTIONS, BUDGET);
    }
}
