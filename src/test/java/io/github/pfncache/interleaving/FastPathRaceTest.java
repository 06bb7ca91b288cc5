package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of a load or a store against what takes its page away. */
final class FastPathRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void readersAgainstWriter() {
        explore(FastPathScenarios::readersAgainstWriter);
    }

    @Test
    void loadAgainstMigrations() {
        explore(FastPathScenarios::loadAgainstMigrations);
    }

    @Test
    void loadAgainstRepoint() {
        explore(FastPathScenarios::loadAgainstRepoint);
    }

    @Test
    void oneShotsAgainstDeactivation() {
        explore(FastPathScenarios::oneShotsAgainstDeactivation);
    }

    @Test
    void storeAgainstMigrations() {
        explore(FastPathScenarios::storeAgainstMigrations);
    }

    @Test
    void twoStoresAgainstMigration() {
        explore(FastPathScenarios::twoStoresAgainstMigration);
    }

    @Test
    void storeAgainstNonBlockingEviction() {
        explore(FastPathScenarios::storeAgainstNonBlockingEviction);
    }

    @Test
    void oneShotsAgainstDelete() {
        explore(FastPathScenarios::oneShotsAgainstDelete);
    }

    @Test
    void storeAgainstHarvest() {
        explore(FastPathScenarios::storeAgainstHarvest);
    }
}
