package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of areas across pages against what moves the pages or the area. */
final class AreaRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void nothingIsWrittenWhereTheAreaWas() {
        explore(AreaScenarios::writeAgainstRepointInThePages);
    }

    @Test
    void accessAgainstMigrationOfBothPages() {
        explore(AreaScenarios::accessAgainstMigrationOfBothPages);
    }

    @Test
    void accessAgainstRepoint() {
        explore(AreaScenarios::readAcrossAgainstRepoint);
    }

    @Test
    void overlappingAreas() {
        explore(AreaScenarios::overlappingAreas);
    }

    @Test
    void deactivationAgainstAccessAndUnmap() {
        explore(AreaScenarios::deactivationAgainstAccessAndUnmap);
    }
}
