package io.github.pfncache.museum;

import io.github.pfncache.interleaving.GuestModeScenarios;
import java.util.List;

/** Faults of guest mode: each step of its argument left out, or taken in another order. */
final class GuestModeExhibits {

    private static final String ENTRY = "cache/GuestEntry.java";
    private static final String PAGES = "cache/HeldPages.java";

    private static final String ACKNOWLEDGE = "        Interleaving.reached(\"about to acknowledge\");\n"
            + "        lock.lock();\n        try (lock) {\n"
            + "            forget(list);\n"
            + "            acknowledged = Math.max(acknowledged, upTo);\n            lock.signalAll();\n"
            + "        }\n";

    private GuestModeExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("G01", "a kick is acknowledged before the pages are dropped")
                        .edit(ENTRY, ACKNOWLEDGE, "")
                        .edit(ENTRY, "        boolean dropped = false;\n",
                                ACKNOWLEDGE + "        boolean dropped = false;\n")
                        .edit(ENTRY, "                dropped = true;\n",
                                "                dropped = true;\n                if (page.granted) {\n"
                                        + "                    page.bytes().putLong(0, 99);\n                }\n")
                        .foundBy("heldStoreAgainstMigration", GuestModeScenarios::heldStoreAgainstMigration,
                                "assert: raw store as the memory shows it", "assert: raw load",
                                "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("G02", "the request is there before the list of what is wanted is complete")
                        .edit(ENTRY, "    final long kick(List<HeldPage> pages) {\n        lock.lock();\n",
                                "    final long kick(List<HeldPage> pages) {\n        long asked = requests + 1;\n"
                                        + "        REQUESTS.setVolatile(this, asked);\n        lock.lock();\n")
                        .edit(ENTRY, "            REQUESTS.setVolatile(this, requests + 1); // the list is complete;"
                                        + " then the look at the mode\n            return requests;",
                                "            return asked;")
                        .foundBy("pollAgainstTwoMigrations", GuestModeScenarios::pollAgainstTwoMigrations,
                                "assert: raw store as the memory shows it"),
                Exhibit.of("G03", "who enters does not look whether pages were taken away meanwhile")
                        .edit(ENTRY, "            if ((long) REQUESTS.getVolatile(this) != acknowledged) {\n"
                                        + "                giveBack();\n            }\n        } finally {",
                                "        } finally {")
                        .foundBy("enterAgainstMigration", GuestModeScenarios::enterAgainstMigration,
                                "assert: raw store as the memory shows it"),
                Exhibit.of("G04", "a harvest of the dirty log leaves pages held for writing")
                        .edit("cache/CacheDomain.java", "held -> held.writable && held.slot.sharesLogWith(slot)",
                                "held -> !held.writable && held.slot.sharesLogWith(slot)")
                        .foundBy("heldStoreAgainstHarvest", GuestModeScenarios::heldStoreAgainstHarvest,
                                "assert: copy of a page written"),
                Exhibit.of("G05", "a harvest looks for holds of the slot, and not of its log, while the slot moves")
                        .edit("cache/CacheDomain.java", "held.slot.sharesLogWith(slot)", "held.slot == slot")
                        .foundBy("everybodyAtOnce", GuestModeScenarios::everybodyAtOnce,
                                "assert: copy of page 0", "assert: copy of page 1"),
                Exhibit.of("G06", "a hold is registered after the look for an invalidation, and after resolving")
                        .edit(PAGES, "        index.add(page.uhva >>> Pages.PAGE_SHIFT, page);\n"
                                        + "        page.indexed = true;\n        try {\n", "        try {\n")
                        .edit(PAGES, "if (!page.indexed) {\n                    return", "if (page.indexed) {\n"
                                + "                    return")
                        .edit(PAGES, "            done = true;\n            return Outcome.OK;\n",
                                "            done = true;\n"
                                        + "            Interleaving.reached(\"about to register\");\n"
                                        + "            index.add(page.uhva >>> Pages.PAGE_SHIFT, page);\n"
                                        + "            page.indexed = true;\n            return Outcome.OK;\n")
                        .foundBy("heldStoreAgainstMigration", GuestModeScenarios::heldStoreAgainstMigration,
                                "assert: raw store as the memory shows it", "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("G07", "who takes a page away waits for a vCPU that is outside of the guest")
                        .edit(ENTRY, "acknowledged >= request || !isRunning();", "acknowledged >= request;")
                        .foundBy("migrationOfWhatIsHeldOutside", GuestModeScenarios::migrationOfWhatIsHeldOutside,
                                "assert: a page held outside is moved"));
    }
}
