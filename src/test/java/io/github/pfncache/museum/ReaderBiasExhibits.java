package io.github.pfncache.museum;

import io.github.pfncache.interleaving.AccessScenarios;
import io.github.pfncache.interleaving.FastPathScenarios;
import java.util.List;

/** Faults of the reader bias: each step of its argument left out. */
final class ReaderBiasExhibits {

    private static final String FAST_PATH = "cache/FastPath.java";
    private static final String BIAS = "rules/ReaderBias.java";
    private static final String LOCK = "rules/TrackedRwLock.java";

    private ReaderBiasExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("D06", "a load looks at the window before the data only")
                        .edit(BIAS, "return (long) SEQUENCE.getOpaque(this) == seen;", "return true;")
                        .foundBy("loadAgainstMigrations", FastPathScenarios::loadAgainstMigrations,
                                "assert: value loaded"),
                Exhibit.of("D07", "a writer does not wait for readers that announced themselves")
                        .edit(LOCK, "                ReaderTable.awaitUnread(creation, this, false, 0);\n", "")
                        .foundBy("heldAccessAgainstMigration", AccessScenarios::heldAccessAgainstMigration,
                                "assert: value in use", "assert: value at rest", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D08", "a reader does not look for a writer after it announced itself")
                        .edit(LOCK, "if (place != ReaderTable.NOWHERE && !bias.isOpen())",
                                "if (place < ReaderTable.NOWHERE)")
                        .foundBy("readersAgainstWriter", FastPathScenarios::readersAgainstWriter,
                                "assert: the other half", "assert: one half"),
                Exhibit.of("D09", "an announcement is withdrawn before the data is written")
                        .edit(FAST_PATH, "                mapping.checkInUse();\n",
                                "                mapping.checkInUse();\n"
                                        + "                TrackedRwLock.leaveBriefly(lock, hold);\n")
                        .edit(FAST_PATH, "                markDirty(); // before", "                // before")
                        .edit(FAST_PATH, "            }\n            TrackedRwLock.leaveBriefly(lock, hold);\n",
                                "            } else {\n TrackedRwLock.leaveBriefly(lock, hold);\n }\n")
                        .foundBy("storeAgainstMigrations", FastPathScenarios::storeAgainstMigrations,
                                "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D10", "an invalidation that may not block does not look for announced readers")
                        .edit(LOCK, "unread = !bias.isOpen() || keepReadersAway();",
                                "unread = !bias.isOpen() || keepReadersAway() || true;")
                        .foundBy("accessOutlastsNonBlockingEviction",
                                AccessScenarios::accessOutlastsNonBlockingEviction, "assert: eviction"),
                Exhibit.of("D11", "a store does not look for a writer after it announced itself")
                        .edit(FAST_PATH, "open = sequenceVolatile() == seen;", "open = at != null;")
                        .foundBy("storeAgainstMigrations", FastPathScenarios::storeAgainstMigrations,
                                "CacheRule.I1_MAPPING_IS_CURRENT"));
    }
}
