package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.scenario.SlotScenarios;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of memory map changes and harvests against the users of guest memory. */
final class SlotRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void deleteAgainstCachedWrite() {
        explore(SlotScenarios::deleteAgainstCachedWrite);
    }

    @Test
    void deleteAgainstUncachedWrite() {
        explore(SlotScenarios::deleteAgainstUncachedWrite);
    }

    @Test
    void deleteAgainstActivation() {
        explore(SlotScenarios::deleteAgainstActivation);
    }

    @Test
    void deleteAgainstMigrationAndAccess() {
        explore(SlotScenarios::deleteAgainstMigrationAndAccess);
    }

    @Test
    void moveAgainstAccess() {
        explore(SlotScenarios::moveAgainstAccess);
    }

    @Test
    void replacementAgainstRefresh() {
        explore(SlotScenarios::replacementAgainstRefresh);
    }

    @Test
    void harvestAgainstWrite() {
        explore(SlotScenarios::harvestAgainstWrite);
    }

    @Test
    void repointAgainstLoggedWrite() {
        explore(SlotScenarios::repointAgainstLoggedWrite);
    }

    @Test
    void loggingStartsAgainstWrite() {
        explore(SlotScenarios::loggingStartsAgainstWrite);
    }

    @Test
    void changeAgainstChange() {
        explore(SlotScenarios::changeAgainstChange);
    }

    @Test
    void streamOfChangesAgainstAccess() {
        explore(SlotScenarios::streamOfChangesAgainstAccess);
    }
}
