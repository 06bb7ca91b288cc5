package io.github.pfncache.scenario;

import io.github.pfncache.explore.Scenario;
import java.util.List;
import java.util.Optional;

/**
 * A race that can be explored by its name. Every schedule of each of them must go well.
 *
 * @param name what to call it
 * @param description what happens in it
 * @param scenario what to run
 */
public record Race(String name, String description, Scenario scenario) {

    private static final List<Race> ALL = List.of(
            new Race("accessAgainstMigration",
                    "The page moves while it is read.",
                    RefreshScenarios::accessAgainstMigration),
            new Race("activationAgainstMigration",
                    "The page moves while the cache is first pointed at it.",
                    RefreshScenarios::activationAgainstMigration),
            new Race("accessAgainstUnmap",
                    "The page goes for good.",
                    RefreshScenarios::accessAgainstUnmap),
            new Race("accessAgainstReplacement",
                    "Another page takes its place.",
                    RefreshScenarios::accessAgainstReplacement),
            new Race("refreshAgainstReplacement",
                    "Another page takes its place while the cache is on its way to the old one.",
                    RefreshScenarios::refreshAgainstReplacement),
            new Race("accessAgainstTwoInvalidations",
                    "Two overlapping invalidations come and go while the cache is refreshed.",
                    RefreshScenarios::accessAgainstTwoInvalidations),
            new Race("refreshInsideItsOwnInvalidation",
                    "Whoever refreshes the very page that it is invalidating is told BUSY, also when another"
                            + " thread's refresh waits for that invalidation with the cache to itself.",
                    RefreshScenarios::refreshInsideItsOwnInvalidation),
            new Race("refreshAgainstRefresh",
                    "Two users find the cache invalid at once, and the page moves again.",
                    RefreshScenarios::refreshAgainstRefresh),
            new Race("accessAgainstRepoint",
                    "A user reads while the cache is pointed at another page.",
                    RefreshScenarios::accessAgainstRepoint),
            new Race("repointAgainstRepoint",
                    "Two threads point the cache at two pages.",
                    RefreshScenarios::repointAgainstRepoint),
            new Race("deactivationAgainstRefresh",
                    "The cache goes out of use while it is refreshed.",
                    RefreshScenarios::deactivationAgainstRefresh),
            new Race("deactivationAgainstMigrationAndAccess",
                    "The cache goes out of use while its page moves, and somebody still tries to read.",
                    RefreshScenarios::deactivationAgainstMigrationAndAccess),
            new Race("activationAgainstDeactivation",
                    "The cache goes out of use and comes back while its page moves; whoever is last decides.",
                    RefreshScenarios::activationAgainstDeactivation),
            new Race("accessByHvaAgainstMigrationAndDelete",
                    "By hva: the page moves and the slot that happens to lead there goes, both without"
                            + " consequence.",
                    RefreshScenarios::accessByHvaAgainstMigrationAndDelete),
            new Race("activationAgainstLookingAtTheList",
                    "Whoever sees an active cache finds it listed.",
                    RefreshScenarios::activationAgainstLookingAtTheList),
            new Race("activationAgainstReader",
                    "A reader is inside while the cache is activated again.",
                    RefreshScenarios::activationAgainstReader),
            new Race("twoCachesOfOnePage",
                    "Two caches of one page, at different offsets, agree on where it is.",
                    RefreshScenarios::twoCachesOfOnePage),
            new Race("faultHandlerChangesMemory",
                    "The handler of the page's own fault takes the page away again, and another thread faults"
                            + " too.",
                    RefreshScenarios::faultHandlerChangesMemory),
            new Race("deleteAgainstCachedWrite",
                    "A deleted slot is not written through a cache.",
                    SlotScenarios::deleteAgainstCachedWrite),
            new Race("deleteAgainstUncachedWrite",
                    "A deleted slot is not written by those who translate afresh.",
                    SlotScenarios::deleteAgainstUncachedWrite),
            new Race("deleteAgainstActivation",
                    "A deleted slot is not cached by an activation that was under way.",
                    SlotScenarios::deleteAgainstActivation),
            new Race("deleteAgainstMigrationAndAccess",
                    "The slot is deleted while its page moves: a start and its end see one table, and neither"
                            + " waits for ever.",
                    SlotScenarios::deleteAgainstMigrationAndAccess),
            new Race("moveAgainstAccess",
                    "The slot moves to another place in the guest.",
                    SlotScenarios::moveAgainstAccess),
            new Race("replacementAgainstRefresh",
                    "Other memory takes the slot's place while the cache is refreshed, and the old page"
                            + " moves.",
                    SlotScenarios::replacementAgainstRefresh),
            new Race("harvestAgainstWrite",
                    "A harvest takes the mark or leaves it, and whoever reads after it sees what it does not"
                            + " report later.",
                    SlotScenarios::harvestAgainstWrite),
            new Race("repointAgainstLoggedWrite",
                    "The pages changed are the pages marked, also when the cache is pointed elsewhere in the"
                            + " middle.",
                    SlotScenarios::repointAgainstLoggedWrite),
            new Race("loggingStartsAgainstWrite",
                    "Logging goes on while somebody writes: what is written after that is marked.",
                    SlotScenarios::loggingStartsAgainstWrite),
            new Race("changeAgainstChange",
                    "Two changes of one slot exclude each other, whoever comes first.",
                    SlotScenarios::changeAgainstChange),
            new Race("streamOfChangesAgainstAccess",
                    "However often the slots change, two attempts are enough for an access: it does not chase"
                            + " generations.",
                    SlotScenarios::streamOfChangesAgainstAccess));

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
