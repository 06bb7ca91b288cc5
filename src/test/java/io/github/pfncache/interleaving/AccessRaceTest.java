package io.github.pfncache.interleaving;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import org.junit.jupiter.api.Test;

/** Every schedule, up to a bound, of an access against what takes its page away. */
final class AccessRaceTest {

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(4, 2_000).random(300, 1).explore().requireNoFailure();
    }

    @Test
    void heldAccessAgainstMigration() {
        explore(AccessScenarios::heldAccessAgainstMigration);
    }

    @Test
    void writeAgainstEviction() {
        explore(AccessScenarios::writeAgainstEviction);
    }

    @Test
    void accessOutlastsNonBlockingEviction() {
        explore(AccessScenarios::accessOutlastsNonBlockingEviction);
    }

    @Test
    void nonBlockingEvictionAgainstTwoCaches() {
        explore(AccessScenarios::nonBlockingEvictionAgainstTwoCaches);
    }

    @Test
    void atomicAccessAgainstMigration() {
        explore(AccessScenarios::atomicAccessAgainstMigration);
    }

    @Test
    void writeAgainstFork() {
        explore(AccessScenarios::writeAgainstFork);
    }

    @Test
    void writeAgainstHolePunch() {
        explore(AccessScenarios::writeAgainstHolePunch);
    }
}
