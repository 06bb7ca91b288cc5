package io.github.pfncache.museum;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The races that only exhibits have, in the source as it is: every schedule up to a bound. */
final class FaultRaceTest {

    private static final Map<String, Scenario> RACES = Map.of(
            "deactivationDuringAWalk", FaultScenarios::deactivationDuringAWalk,
            "tryDuringAnotherInvalidation", FaultScenarios::tryDuringAnotherInvalidation,
            "slotChangeDuringALongInvalidation", FaultScenarios::slotChangeDuringALongInvalidation,
            "heldForLongerThanTheOwnerWaits", FaultScenarios::heldForLongerThanTheOwnerWaits,
            "bitBesideAByte", FaultScenarios::bitBesideAByte);

    @TestFactory
    Stream<DynamicTest> noScheduleFails() {
        return RACES.entrySet().stream()
                .map(race -> DynamicTest.dynamicTest(race.getKey(), () -> explore(race.getValue())));
    }

    private static void explore(Scenario race) {
        new ScheduleExplorer(race).exhaustive(4, 1_200).random(300, 1).explore().requireNoFailure();
    }
}
