package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.scenario.RefreshScenarios;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of a refresh, an activation or a deactivation against the host and each other. */
final class RefreshRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void accessAgainstMigration() {
        explore(RefreshScenarios::accessAgainstMigration);
    }

    @Test
    void activationAgainstMigration() {
        explore(RefreshScenarios::activationAgainstMigration);
    }

    @Test
    void accessAgainstUnmap() {
        explore(RefreshScenarios::accessAgainstUnmap);
    }

    @Test
    void accessAgainstReplacement() {
        explore(RefreshScenarios::accessAgainstReplacement);
    }

    @Test
    void refreshAgainstReplacement() {
        explore(RefreshScenarios::refreshAgainstReplacement);
    }

    @Test
    void accessAgainstTwoInvalidations() {
        explore(RefreshScenarios::accessAgainstTwoInvalidations);
    }

    @Test
    void refreshInsideItsOwnInvalidation() {
        explore(RefreshScenarios::refreshInsideItsOwnInvalidation);
    }

    @Test
    void activationAgainstDeactivation() {
        explore(RefreshScenarios::activationAgainstDeactivation);
    }

    @Test
    void accessByHvaAgainstMigrationAndDelete() {
        explore(RefreshScenarios::accessByHvaAgainstMigrationAndDelete);
    }

    @Test
    void refreshAgainstRefresh() {
        explore(RefreshScenarios::refreshAgainstRefresh);
    }

    @Test
    void accessAgainstRepoint() {
        explore(RefreshScenarios::accessAgainstRepoint);
    }

    @Test
    void repointAgainstRepoint() {
        explore(RefreshScenarios::repointAgainstRepoint);
    }

    @Test
    void deactivationAgainstRefresh() {
        explore(RefreshScenarios::deactivationAgainstRefresh);
    }

    @Test
    void deactivationAgainstMigrationAndAccess() {
        explore(RefreshScenarios::deactivationAgainstMigrationAndAccess);
    }

    @Test
    void activationAgainstLookingAtTheList() {
        explore(RefreshScenarios::activationAgainstLookingAtTheList);
    }

    @Test
    void activationAgainstReader() {
        explore(RefreshScenarios::activationAgainstReader);
    }

    @Test
    void twoCachesOfOnePage() {
        explore(RefreshScenarios::twoCachesOfOnePage);
    }

    @Test
    void faultHandlerChangesMemory() {
        explore(RefreshScenarios::faultHandlerChangesMemory);
    }
}
