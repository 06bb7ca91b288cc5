package io.github.pfncache.museum;

import io.github.pfncache.interleaving.AccessScenarios;
import io.github.pfncache.scenario.RefreshScenarios;
import java.util.List;

/** Refresh against invalidation: stale mappings, lost pages, and retries without end. */
final class RefreshExhibits {

    private static final String REFRESHING = "cache/RefreshPath.java";
    private static final String DOMAIN = "cache/CacheDomain.java";
    private static final String MAPPING = "cache/GuardedMapping.java";
    private static final String HOST = "host/HostMemory.java";
    private static final String INVALIDATIONS = "cache/Invalidations.java";
    private static final String STALE = "CacheRule.I1_MAPPING_IS_CURRENT";

    private RefreshExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B00", "usable as long as the memslots do not change")
                        .edit(MAPPING, "if (valid) {\n                renew", "if (khva != null) {\n renew")
                        .foundBy("migratedPage", SingleThread::migratedPage, STALE),
                Exhibit.of("B01", "in progress only after the caches were walked")
                        .edit(DOMAIN, "state.invalidations.start(range); // before", "// before")
                        .edit(DOMAIN, "                event.ended(told);\n",
                                "                state.invalidations.start(range);\n"
                                        + "                event.ended(told);\n")
                        .foundBy("accessAgainstMigration", RefreshScenarios::accessAgainstMigration, STALE),
                Exhibit.of("B02", "valid before the mapping is known")
                        .edit(MAPPING, "        valid = valid && fresh.isSamePageAs(where);\n        where = fresh;\n",
                                "boolean same = valid && fresh.isSamePageAs(where);\n where = fresh;\n"
                                        + " valid = fresh.isBacked() && khva != null;\n")
                        .edit(MAPPING, "boolean keep = valid;", "boolean keep = same;")
                        .foundBy("accessAgainstRepoint", RefreshScenarios::accessAgainstRepoint, STALE),
                Exhibit.of("B11", "the page reference leaks when the frame is the same as before")
                        .edit(REFRESHING, "            domain.host.release(page);",
                                "if (page.pfn() != before) domain.host.release(page);")
                        .edit(REFRESHING, "        try {\n            HostMapping former = mapping.khva();",
                                "long before = mapping.khva() == null ? -1 : mapping.khva().pfn();\n"
                                        + "        try {\n            HostMapping former = mapping.khva();")
                        .foundBy("sameFrameAgainAndAgain", SingleThread::sameFrameAgainAndAgain,
                                "CacheRule.I5_BALANCE"),
                Exhibit.of("B13", "a cache keeps its page's reference as long as it is mapped")
                        .edit(REFRESHING, "            domain.host.release(page);", "")
                        .foundBy("migratedPage", SingleThread::migratedPage,
                                "assert: page migrates while cached"),
                Exhibit.of("B21", "any invalidation in the VM holds a refresh up")
                        .edit(INVALIDATIONS, "each.range.contains(hva) && (thread", "(thread")
                        .foundBy("refreshInsideAnotherInvalidation", SingleThread::refreshInsideAnotherInvalidation,
                                "assert: refresh inside an unrelated invalidation"),
                Exhibit.of("B22", "the wait for an invalidation takes the lock that it waits under")
                        .edit(INVALIDATIONS, "lock.await(() -> !coveredNow(hva, null)",
                                "lock.await(() -> !locked(() -> coveredNow(hva, null))")
                        .foundBy("accessAgainstMigration", RefreshScenarios::accessAgainstMigration,
                                "LockRule.NO_RECURSION"),
                Exhibit.of("B23", "to map a page invalidates it, and the retries have no bound")
                        .edit(HOST, "        return khva;\n",
                                "new Invalidation(space.targets(HvaRange.WHOLE).toList(), true, "
                                        + "space.family.invalidationsInProgress).close();\n"
                                        + "return khva;\n")
                        .edit(REFRESHING, "while (attempt < domain.retry.attempts())", "while (attempt >= 0)")
                        .foundBy("migratedPage", SingleThread::migratedPage, "LIVELOCK"),
                Exhibit.of("B24", "caches are invalidated at the end of the range's change only")
                        .edit(DOMAIN, "boolean told = state.index.walk(range, "
                                        + "cache -> event.reached(cache.invalidate(mayBlock)))\n",
                                "boolean told = true\n")
                        .edit(DOMAIN, "public void invalidateRangeEnd(HvaRange range) {",
                                "public void invalidateRangeEnd(HvaRange range) {"
                                        + " state.index.walk(range, cache -> cache.invalidate(true));")
                        .foundBy("accessAgainstMigration", RefreshScenarios::accessAgainstMigration, STALE),
                Exhibit.of("B27", "a mapping is used again because the frame number is equal, though recycled")
                        .edit("host/HostMapping.java",
                                "frame() == pfn && buffer == frames.supply.chunk(pfn).buffer", "frame() == pfn")
                        .foundBy("anotherBufferOfTheSameNumber", SingleThread::anotherBufferOfTheSameNumber,
                                "assert: value read"),
                Exhibit.of("B29", "the resolver's error is a page like any other")
                        .edit(HOST, "        return busy ? HostPage.BUSY : found[0];",
                                "if (found[0] == null) { store.frames.get(0); return referenced(0); }\n"
                                        + "        return busy ? HostPage.BUSY : found[0];")
                        .foundBy("pageThatIsNotThere", SingleThread::pageThatIsNotThere, STALE),
                Exhibit.of("B29b", "the resolver's error is dropped")
                        .edit(REFRESHING, "if (page == null || page",
                                "if (page == null) {\n                return Outcome.OK;\n            }\n"
                                        + "            if (page")
                        .foundBy("pageThatIsNotThere", SingleThread::pageThatIsNotThere,
                                "assert: activation of what is not mapped"),
                Exhibit.of("B34", "an invalidation that may not block waits")
                        .edit(MAPPING, "        if (mayBlock) {\n", "        if (this != null) {\n")
                        .foundBy("accessOutlastsNonBlockingEviction",
                                AccessScenarios::accessOutlastsNonBlockingEviction, "DEADLOCK"),
                Exhibit.of("D01", "an invalidation that came and went during a refresh is not counted")
                        .edit(MAPPING, "        invalidationSeq++;\n", "")
                        .foundBy("refreshAgainstReplacement", RefreshScenarios::refreshAgainstReplacement, STALE),
                Exhibit.of("D02", "nobody looks for an invalidation in progress, neither before nor after resolving")
                        .edit(MAPPING, "inProgress.covers(where.uhva()) || invalidationSeq", "invalidationSeq")
                        .edit(REFRESHING, "if (domain.invalidations.covers(where.uhva())) {", "if (attempt < 0) {")
                        .foundBy("refreshAgainstReplacement", RefreshScenarios::refreshAgainstReplacement, STALE));
    }
}
