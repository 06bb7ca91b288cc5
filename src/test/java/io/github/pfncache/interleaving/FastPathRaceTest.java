package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of a load or a store against what takes its page away. */
final class OneShotRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void readersAgainstWriter() {
        explore(OneShotScenarios::readersAgainstWriter);
    }

    @Test
    void loadAgainstMigrations() {
        explore(OneShotScenarios::loadAgainstMigrations);
    }

    @Test
    void loadAgainstRepoint() {
        explore(OneShotScenarios::loadAgainstRepoint);
    }

    @Test
    void oneShotsAgainstDeactivation() {
        explore(OneShotScenarios::oneShotsAgainstDeactivation);
    }

    @Test
    void storeAgainstMigrations() {
        explore(OneShotScenarios::storeAgainstMigrations);
    }

    @Test
    void twoStoresAgainstMigration() {
        explore(OneShotScenarios::twoStoresAgainstMigration);
    }

    @Test
    void storeAgainstNonBlockingEviction() {
        explore(OneShotScenarios::storeAgainstNonBlockingEviction);
    }

    @Test
    void oneShotsAgainstDelete() {
        explore(OneShotScenarios::oneShotsAgainstDelete);
    }

    @Test
    void storeAgainstHarvest() {
        explore(OneShotScenarios::storeAgainstHarvest);
    }
}
