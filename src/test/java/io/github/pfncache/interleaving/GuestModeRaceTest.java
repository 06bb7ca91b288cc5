package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of vCPUs that hold pages raw against what takes the pages away. */
final class GuestModeRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 1_500).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void heldStoreAgainstMigration() {
        explore(GuestModeScenarios::heldStoreAgainstMigration);
    }

    @Test
    void enterAgainstMigration() {
        explore(GuestModeScenarios::enterAgainstMigration);
    }

    @Test
    void migrationOfWhatIsHeldOutside() {
        explore(GuestModeScenarios::migrationOfWhatIsHeldOutside);
    }

    @Test
    void holdWhoseHandlerEntersAgainstMigration() {
        explore(GuestModeScenarios::holdWhoseHandlerEntersAgainstMigration);
    }

    @Test
    void heldStoreAgainstMoveAndHarvest() {
        explore(GuestModeScenarios::heldStoreAgainstMoveAndHarvest);
    }

    @Test
    void pollAgainstTwoMigrations() {
        explore(GuestModeScenarios::pollAgainstTwoMigrations);
    }

    @Test
    void twoVcpusAgainstEvictionOfARange() {
        explore(GuestModeScenarios::twoVcpusAgainstEvictionOfARange);
    }

    @Test
    void heldStoreAgainstHarvest() {
        explore(GuestModeScenarios::heldStoreAgainstHarvest);
    }

    @Test
    void heldStoreAgainstLoggingTurnedOn() {
        explore(GuestModeScenarios::heldStoreAgainstLoggingTurnedOn);
    }

    @Test
    void heldStoreAgainstSlotDeletion() {
        explore(GuestModeScenarios::heldStoreAgainstSlotDeletion);
    }

    @Test
    void everybodyAtOnce() {
        explore(GuestModeScenarios::everybodyAtOnce);
    }
}
