package io.github.pfncache.museum;

import io.github.pfncache.scenario.SlotScenarios;
import java.util.List;

/** Addresses, bounds, memslots and the dirty log. */
final class TranslationExhibits {

    private static final String ACCESS = "cache/GuestAccess.java";
    private static final String CACHE = "cache/GfnPfnCache.java";
    private static final String MAPPING = "cache/GuardedMapping.java";
    private static final String REFRESHING = "cache/RefreshPath.java";
    private static final String TRANSLATION = "cache/Translation.java";

    private TranslationExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B14", "the offset stays when the cache is pointed elsewhere in its page")
                        .edit(MAPPING, "        where = fresh;\n", "        if (!valid) { where = fresh; }\n")
                        .foundBy("repointInsideThePage", SingleThread::repointInsideThePage,
                                "assert: value at the old place"),
                Exhibit.of("B15", "one uhva is compared with, the other without its page offset: needless resolution")
                        .edit(TRANSLATION, "Pages.pageStart(uhva) == Pages.pageStart(other.uhva)",
                                "Pages.pageStart(uhva) == other.uhva && uhva == other.uhva")
                        .foundBy("repointInsideThePage", SingleThread::repointInsideThePage,
                                "assert: needless resolutions"),
                Exhibit.of("B15b", "by hva the page offset is dropped: wrong address")
                        .edit(TRANSLATION, "slots.generation(), 0, byHva.hva());",
                                "slots.generation(), 0, Pages.pageStart(byHva.hva()));")
                        .foundBy("cacheByHva", SingleThread::cacheByHva, "CacheRule.I4_VALID_IMPLIES_MAPPED"),
                Exhibit.of("B15c", "page offsets are compared instead of pages: missing resolution")
                        .edit(TRANSLATION, "Pages.pageStart(uhva) == Pages.pageStart(other.uhva)",
                                "offsetInPage() == other.offsetInPage()")
                        .foundBy("repointToAnotherPage", SingleThread::repointToAnotherPage,
                                "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("B17", "offset + width overflows, and negative offsets pass")
                        .edit(MAPPING, "!Pages.rangeFits(offset, width, length)) {\n            throw",
                                "offset + width > length) {\n            throw")
                        .foundBy("accessOutsideTheWindow", SingleThread::accessOutsideTheWindow,
                                "assert: access outside the window",
                                "java.lang.IndexOutOfBoundsException: Index -8 out of bounds for length 1"),
                Exhibit.of("B19", "a cache by hva is tested against the memslot generation")
                        .edit(TRANSLATION, "return target instanceof CacheTarget.ByHva || generation",
                                "return generation")
                        .edit(TRANSLATION, "new Translation(target, null, slots.generation(), 0, byHva.hva());",
                                "new Translation(target, null, 1, 0, byHva.hva());")
                        .foundBy("slotChangeAndCacheByHva", SingleThread::slotChangeAndCacheByHva,
                                "assert: access by hva after a slot change",
                                "assert: check by hva after a slot change"),
                Exhibit.of("B30", "the page is marked dirty after the lock is dropped")
                        .edit(ACCESS, "        try {\n            if (written) {",
                                "mapping.lock.readUnlock(hold);\n        try {\n            if (written) {")
                        .edit(ACCESS, "        } finally {\n            mapping.lock.readUnlock(hold);\n        }",
                                "        } finally { }")
                        .foundBy("repointAgainstLoggedWrite", SlotScenarios::repointAgainstLoggedWrite,
                                "CacheRule.I9_DIRTY_UNDER_LOCK"),
                Exhibit.of("B30b", "the same, and the rule is not looked at: the log itself is wrong")
                        .edit(ACCESS, "        try {\n            if (written) {",
                                "mapping.lock.readUnlock(hold);\n        try {\n            if (written) {")
                        .edit(ACCESS, "        } finally {\n            mapping.lock.readUnlock(hold);\n        }",
                                "        } finally { }")
                        .edit(MAPPING, "    void markDirty() {\n"
                                        + "        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || lock.isHeld"
                                        + "ByCurrentThread(), lock);", "    void markDirty() {")
                        .foundBy("repointAgainstLoggedWrite", SlotScenarios::repointAgainstLoggedWrite,
                                "assert: pages marked"),
                Exhibit.of("B35", "a memslot table is retired while somebody reads it")
                        .edit("memslot/PublishedTable.java",
                                "readers.awaitEarlier(deadlineNanos)\n                && (gone", "(gone")
                        .foundBy("deleteAgainstUncachedWrite", SlotScenarios::deleteAgainstUncachedWrite,
                                "assert: memory of a deleted slot"),
                Exhibit.of("B36", "combined access with the condition inverted")
                        .edit(CACHE, "Hold.isHold(hold) ? hold : refreshPath.acquire(hold, Deadline.of(",
                                "!Hold.isHold(hold) ? hold : refreshPath.acquire(hold, Deadline.of(")
                        .foundBy("accessAfterInvalidation", SingleThread::accessAfterInvalidation,
                                "assert: what access() hands out is usable"),
                Exhibit.of("B36b", "the bound is tested on the whole gpa instead of its offset")
                        .edit("cache/CacheTarget.java", "Pages.fitsInPage(gpa, length)",
                                "gpa + length <= Pages.PAGE_SIZE")
                        .foundBy("accessAfterInvalidation", SingleThread::accessAfterInvalidation,
                                "assert: activation"),
                Exhibit.of("D03", "every write is logged for the first page of its slot")
                        .edit(TRANSLATION, "slot.markDirty(gfn);",
                                "slot.markDirty(slot.baseGfn());")
                        .foundBy("repointAgainstLoggedWrite", SlotScenarios::repointAgainstLoggedWrite,
                                "assert: pages marked"),
                Exhibit.of("D04", "a slot change does not wait for the accesses that are under way")
                        .edit("cache/CacheDomain.java",
                                "state.index.walk(HvaRange.ofPages(former.hva(), former.npages()), drain);\n", "")
                        .foundBy("deleteAgainstCachedWrite", SlotScenarios::deleteAgainstCachedWrite,
                                "assert: memory of a deleted slot"),
                Exhibit.of("D05", "an access chases the generations of a stream of slot changes")
                        .edit(REFRESHING, "int readers = domain.memslots.enterRead();\n        try {\n            for",
                                "try { for")
                        .edit(REFRESHING, "codeOf(Outcome.BUSY);\n        } finally {\n"
                                        + "            domain.memslots.exitRead(readers);",
                                "codeOf(Outcome.BUSY);\n        } finally {")
                        .foundBy("streamOfChangesAgainstAccess", SlotScenarios::streamOfChangesAgainstAccess,
                                "assert: value read in two attempts"));
    }
}
