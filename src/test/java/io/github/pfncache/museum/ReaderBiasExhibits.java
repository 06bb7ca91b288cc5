package io.github.pfncache.museum;

import io.github.pfncache.interleaving.AccessScenarios;
import io.github.pfncache.interleaving.OneShotScenarios;
import java.util.List;

/** Faults of the reader bias: each step of its argument left out. */
final class ReaderBiasExhibits {

    private static final String CACHE = "cache/GfnPfnCache.java";
    private static final String LOCK = "rules/TrackedRwLock.java";

    private ReaderBiasExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("D06", "a load looks at the stamp before the data only")
                        .edit(LOCK, "return (long) SEQUENCE.getOpaque(this) == stamp;", "return true;")
                        .foundBy("loadAgainstMigrations", OneShotScenarios::loadAgainstMigrations,
                                "assert: value loaded"),
                Exhibit.of("D07", "a writer does not wait for readers that announced themselves")
                        .edit(LOCK, "return !biased || Announcements.await",
                                "return lock != null || Announcements.await")
                        .foundBy("storeAgainstMigrations", OneShotScenarios::storeAgainstMigrations,
                                "assert: value at rest", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D08", "a reader does not look for a writer after it announced itself")
                        .edit(LOCK, "if (place != Announcements.NOWHERE && ((long) SEQUENCE.getVolatile(this) & 1)"
                                        + " != 0)",
                                "if (place < Announcements.NOWHERE)")
                        .foundBy("readersAgainstWriter", OneShotScenarios::readersAgainstWriter,
                                "assert: the other half"),
                Exhibit.of("D09", "an announcement is withdrawn before the data is written")
                        .edit(CACHE, "            mapping.khva().put(mapping.base() + offset, width, value);\n"
                                        + "            mapping.markDirtyUnderBriefHold(hold);",
                                "            mapping.markDirtyUnderBriefHold(hold);")
                        .edit(CACHE, "            mapping.readUnlockBriefly(hold);\n        }\n",
                                "            HostMapping khva = mapping.khva(); int at = mapping.base() + offset;\n"
                                        + "            mapping.readUnlockBriefly(hold);\n"
                                        + "            khva.put(at, width, value);\n        }\n")
                        .foundBy("storeAgainstMigrations", OneShotScenarios::storeAgainstMigrations,
                                "assert: value at rest", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("D10", "an invalidation that may not block does not look for announced readers")
                        .edit(LOCK, "return tookIf(!biased || !Announcements.isRead(creation));",
                                "return tookIf(true);")
                        .foundBy("accessOutlastsNonBlockingEviction",
                                AccessScenarios::accessOutlastsNonBlockingEviction, "assert: eviction"));
    }
}
