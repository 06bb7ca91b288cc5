package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of a vCPU's loads and stores against what moves its pages. */
final class TlbRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 1_500).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void hitsAgainstMigration() {
        explore(TlbScenarios::hitsAgainstMigration);
    }

    @Test
    void hitsInsideAgainstMigration() {
        explore(TlbScenarios::hitsInsideAgainstMigration);
    }

    @Test
    void missAndHitAgainstMigration() {
        explore(TlbScenarios::missAndHitAgainstMigration);
    }

    @Test
    void pagesOfOneEntryAgainstEviction() {
        explore(TlbScenarios::pagesOfOneEntryAgainstEviction);
    }

    @Test
    void crossingAgainstMigrationOfBothPages() {
        explore(TlbScenarios::crossingAgainstMigrationOfBothPages);
    }

    @Test
    void crossingStoreAgainstUnmapOfTheSecondPage() {
        explore(TlbScenarios::crossingStoreAgainstUnmapOfTheSecondPage);
    }

    @Test
    void storeAgainstSlotDeletion() {
        explore(TlbScenarios::storeAgainstSlotDeletion);
    }
}
