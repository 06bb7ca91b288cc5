package io.github.pfncache.museum;

import io.github.pfncache.interleaving.AccessScenarios;
import io.github.pfncache.interleaving.OneShotScenarios;
import java.util.List;

/** Faults of the reader bias: each step of its argument left out. */
final class ReaderBiasExhibits {

    private static final String CACHE = "cache/GfnPfnCache.java";
    private static final String MAPPING = "cache/GuardedMapping.java";
    private static final String LOCK = "rules/TrackedRwLock.java";

    private ReaderBiasExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("D06", "a load looks at the window before the data only")
                        .edit(MAPPING, "return (HostWindow) OPEN_WINDOW.getOpaque(this) == former;", "return true;")
                        .foundBy("loadAgainstMigrations", OneShotScenarios::loadAgainstMigrations,
                                "assert: value loaded"),
                Exhibit.of("D07", "a writer does not wait for readers that announced themselves")
                        .edit(LOCK, "        Announcements.awaitUnread(name, this, false, 0);\n", "")
                        .foundBy("heldAccessAgainstMigration", AccessScenarios::heldAccessAgainstMigration,
                                "assert: value in use", "assert: value at rest", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D08", "a reader does not look for a writer after it announced itself")
                        .edit(LOCK, "if (place != Announcements.NOWHERE && !isOpen())",
                                "if (place < Announcements.NOWHERE)")
                        .foundBy("readersAgainstWriter", OneShotScenarios::readersAgainstWriter,
                                "assert: the other half", "assert: one half"),
                Exhibit.of("D09", "an announcement is withdrawn before the data is written")
                        .edit(CACHE, "            guarded.window().put(offset, width, value);\n"
                                        + "            guarded.markDirtyUnderBriefHold(hold);",
                                "            guarded.markDirtyUnderBriefHold(hold);")
                        .edit(CACHE, "            guarded.readUnlock(hold);\n        }\n",
                                "            HostWindow window = guarded.window();\n"
                                        + "            guarded.readUnlock(hold);\n"
                                        + "            window.put(offset, width, value);\n        }\n")
                        .foundBy("storeAgainstMigrations", OneShotScenarios::storeAgainstMigrations,
                                "assert: value at rest", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D10", "an invalidation that may not block does not look for announced readers")
                        .edit(LOCK, "return tookIf(!Announcements.isRead(name));",
                                "return tookIf(true);")
                        .foundBy("accessOutlastsNonBlockingEviction",
                                AccessScenarios::accessOutlastsNonBlockingEviction, "assert: eviction"));
    }
}
