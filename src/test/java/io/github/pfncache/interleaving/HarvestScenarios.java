package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.scenario.Guest;

/** What a harvest may count on where a writer begins in the middle of it, and does not end. */
public final class HarvestScenarios {

    private HarvestScenarios() {}

    /** The first store of a page marks it, and then writes: the harvest that has the mark has the data. */
    public static void firstStoreAgainstHarvest(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        long[] copied = {guest.peek(0)};
        stage.thread("harvest", () -> {
            if (guest.harvest().length != 0) {
                copied[0] = guest.peek(0);
            }
        });
        stage.thread("store", () -> assertThat(cache.storeLong(0, 7)).as("store").isEqualTo(Outcome.OK));
        stage.afterwards(() -> {
            assertThat(copied[0] == 7 || guest.harvest().length != 0).as("copied, or marked").isTrue();
            guest.atRest();
        });
    }
}
