package io.github.pfncache.scenario;

import io.github.pfncache.explore.Scenario;
import java.util.List;
import java.util.Optional;

/**
 * A race that can be explored by its name. Every schedule of each of them must go well.
 *
 * @param name what to call it
 * @param scenario what to run
 * @param description what happens in it
 */
public record Race(String name, Scenario scenario, String description) {

    private static final List<Race> ALL = List.of(
            new Race("accessAgainstMigration", RefreshScenarios::accessAgainstMigration,
                    "The page moves while it is read."),
            new Race("activationAgainstMigration", RefreshScenarios::activationAgainstMigration,
                    "The page moves while the cache is first pointed at it."),
            new Race("accessAgainstUnmap", RefreshScenarios::accessAgainstUnmap,
                    "The page goes for good."),
            new Race("accessAgainstReplacement", RefreshScenarios::accessAgainstReplacement,
                    "Another page takes its place."),
            new Race("refreshAgainstReplacement", RefreshScenarios::refreshAgainstReplacement,
                    "Another page takes its place while the cache is on its way to the old one."),
            new Race("accessAgainstTwoInvalidations", RefreshScenarios::accessAgainstTwoInvalidations,
                    "Two overlapping invalidations come and go while the cache is refreshed."),
            new Race("refreshInsideItsOwnInvalidation", RefreshScenarios::refreshInsideItsOwnInvalidation,
                    "Whoever refreshes the very page that it is invalidating is told BUSY, also when another"
                            + " thread's refresh waits for that invalidation with the cache to itself."),
            new Race("refreshAgainstRefresh", RefreshScenarios::refreshAgainstRefresh,
                    "Two users find the cache invalid at once, and the page moves again."),
            new Race("accessAgainstRepoint", RefreshScenarios::accessAgainstRepoint,
                    "A user reads while the cache is pointed at another page."),
            new Race("repointAgainstRepoint", RefreshScenarios::repointAgainstRepoint,
                    "Two threads point the cache at two pages."),
            new Race("deactivationAgainstRefresh", RefreshScenarios::deactivationAgainstRefresh,
                    "The cache goes out of use while it is refreshed."),
            new Race("deactivationAgainstMigrationAndAccess", RefreshScenarios::deactivationAgainstMigrationAndAccess,
                    "The cache goes out of use while its page moves, and somebody still tries to read."),
            new Race("activationAgainstDeactivation", RefreshScenarios::activationAgainstDeactivation,
                    "The cache goes out of use and comes back while its page moves; whoever is last decides."),
            new Race("accessByHvaAgainstMigrationAndDelete", RefreshScenarios::accessByHvaAgainstMigrationAndDelete,
                    "By hva: the page moves and the slot that happens to lead there goes, both without consequence."),
            new Race("activationAgainstLookingAtTheList", RefreshScenarios::activationAgainstLookingAtTheList,
                    "Whoever sees an active cache finds it listed."),
            new Race("activationAgainstReader", RefreshScenarios::activationAgainstReader,
                    "A reader is inside while the cache is activated again."),
            new Race("twoCachesOfOnePage", RefreshScenarios::twoCachesOfOnePage,
                    "Two caches of one page, at different offsets, agree on where it is."),
            new Race("faultHandlerChangesMemory", RefreshScenarios::faultHandlerChangesMemory,
                    "The handler of the page's own fault takes the page away again, and another thread faults too."),
            new Race("deleteAgainstCachedWrite", SlotScenarios::deleteAgainstCachedWrite,
                    "A deleted slot is not written through a cache."),
            new Race("deleteAgainstUncachedWrite", SlotScenarios::deleteAgainstUncachedWrite,
                    "A deleted slot is not written by those who translate afresh."),
            new Race("deleteAgainstActivation", SlotScenarios::deleteAgainstActivation,
                    "A deleted slot is not cached by an activation that was under way."),
            new Race("deleteAgainstMigrationAndAccess", SlotScenarios::deleteAgainstMigrationAndAccess,
                    "The slot is deleted while its page moves: a start and its end see one table, and neither"
                            + " waits for ever."),
            new Race("moveAgainstAccess", SlotScenarios::moveAgainstAccess,
                    "The slot moves to another place in the guest."),
            new Race("replacementAgainstRefresh", SlotScenarios::replacementAgainstRefresh,
                    "Other memory takes the slot's place while the cache is refreshed, and the old page moves."),
            new Race("harvestAgainstWrite", SlotScenarios::harvestAgainstWrite,
                    "A harvest takes the mark or leaves it, and whoever reads after it sees what it does not"
                            + " report later."),
            new Race("repointAgainstLoggedWrite", SlotScenarios::repointAgainstLoggedWrite,
                    "The pages changed are the pages marked, also when the cache is pointed elsewhere in the middle."),
            new Race("loggingStartsAgainstWrite", SlotScenarios::loggingStartsAgainstWrite,
                    "Logging goes on while somebody writes: what is written after that is marked."),
            new Race("changeAgainstChange", SlotScenarios::changeAgainstChange,
                    "Two changes of one slot exclude each other, whoever comes first."),
            new Race("streamOfChangesAgainstAccess", SlotScenarios::streamOfChangesAgainstAccess,
                    "However often the slots change, two attempts are enough for an access: it does not chase"
                            + " generations."));

    /**
     * All there are.
     *
     * @return in the order in which to read them
     */
    public static List<Race> all() {
        return ALL;
    }

    /**
     * The one of a name.
     *
     * @param name any text
     * @return none if no race has that name
     */
    public static Optional<Race> named(String name) {
        return ALL.stream().filter(one -> one.name.equals(name)).findFirst();
    }
}
