package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.memslot.WriteWatch;
import io.github.pfncache.scenario.Guest;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What a watch of pages may count on. */
public final class WatchScenarios {

    private static final long GFN = Pages.gpaToGfn(Guest.GPA);

    private WatchScenarios() {}

    /** A page that is written while others are taken is among them, or due. */
    public static void writeAgainstTake(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(1);
        WriteWatch watch = guest.vm.memslots().newWriteWatch();
        assertThat(watch.watch(GFN) && watch.watch(GFN + 1)).as("watched").isTrue();
        assertThat(Guest.write(guest.cacheOf(0), 5)).as("written").isTrue();
        List<Long> taken = new ArrayList<>();
        stage.thread("take", () -> watch.take(taken::add));
        stage.thread("write", () -> assertThat(cache.storeLong(0, 7)).isEqualTo(Outcome.OK));
        stage.afterwards(() -> assertThat(watch.isDue() || taken.contains(GFN + 1)).as("told").isTrue());
    }

    /** A writer that finds the mark of another one, who has not told yet. */
    public static void twoWritersAgainstWatch(ScenarioRun stage) {
        secondWriterAgainstWatch(stage, first -> assertThat(Guest.write(first, 5)).isTrue());
    }

    /** So it is where the first one marks under a brief hold, which is waited for in another way. */
    public static void twoStoresAgainstWatch(ScenarioRun stage) {
        secondWriterAgainstWatch(stage, first -> assertThat(first.storeLong(0, 5)).isEqualTo(Outcome.OK));
    }

    private static void secondWriterAgainstWatch(ScenarioRun stage, Consumer<GfnPfnCache> writer) {
        Guest guest = Guest.logging();
        GfnPfnCache first = guest.cacheOf(0);
        GfnPfnCache second = guest.cacheOf(0);
        WriteWatch watch = guest.vm.memslots().newWriteWatch();
        boolean[] watched = new boolean[1];
        stage.thread("first", () -> writer.accept(first));
        stage.thread("watch", () -> watched[0] = watch.watch(GFN));
        stage.thread("second", () -> {
            boolean before = watched[0];
            assertThat(second.storeLong(0, 7)).isEqualTo(Outcome.OK);
            assertThat(!before || watch.isDue()).as("told before the write has returned").isTrue();
        });
    }

    /** What is marked again for all, because a vCPU may go on writing it, is told of before it is marked. */
    public static void writeAgainstMarksThatComeBack(ScenarioRun stage) {
        Guest guest = Guest.logging();
        GfnPfnCache cache = guest.cacheOf(0);
        assertThat(cache.storeLong(0, 5)).isEqualTo(Outcome.OK);
        WriteWatch watch = guest.vm.memslots().newWriteWatch();
        assertThat(watch.watch(GFN)).isTrue();
        stage.thread("harvest", () -> guest.vm.memslots().harvestDirty(Guest.SLOT));
        stage.thread("follow", () -> guest.vm.memslots().table().forEach(guest.vm.memslots().newDirtyReader()::follow));
        stage.thread("write", () -> {
            assertThat(cache.storeLong(0, 7)).isEqualTo(Outcome.OK);
            assertThat(watch.isDue()).as("told before the write has returned").isTrue();
        });
    }

    /** A page whose slot goes while it is begun to be watched is not watched, or told of. */
    public static void watchAgainstDeletion(ScenarioRun stage) {
        Guest guest = Guest.logging();
        WriteWatch watch = guest.vm.memslots().newWriteWatch();
        boolean[] watched = new boolean[1];
        stage.thread("watch", () -> watched[0] = watch.watch(GFN));
        stage.thread("delete", () -> guest.vm.memslots().delete(Guest.SLOT));
        stage.afterwards(() -> {
            boolean gone = guest.vm.memslots().table().find(GFN) == null;
            assertThat(!watched[0] || !gone || watch.isDue()).as("told").isTrue();
        });
    }
}
