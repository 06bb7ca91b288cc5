package io.github.pfncache.museum;

import io.github.pfncache.scenario.RefreshScenarios;
import java.util.List;

/** Activation, deactivation, listing, and the locks that order them. */
final class LifeCycleExhibits {

    private static final String REFRESHING = "cache/RefreshPath.java";
    private static final String FRONT = "cache/GfnPfnCache.java";
    private static final String LOCK = "rules/TrackedRwLock.java";
    private static final String MAPPING = "cache/GuardedMapping.java";

    private LifeCycleExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B04", "refreshes of one cache are not one at a time")
                        .edit(REFRESHING, "refreshLock.tryLock(latest);", "latest != null;")
                        .edit(REFRESHING, "        refreshLock.unlock();\n", "")
                        .foundBy("repointAgainstRepoint", RefreshScenarios::repointAgainstRepoint,
                                "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("B05", "the lock is made anew while it is held")
                        .edit(LOCK, "private final ReentrantReadWriteLock lock",
                                "public ReentrantReadWriteLock lock")
                        .edit(MAPPING, "    boolean activate(Translation pending, Deadline latest) {",
                                "    boolean activate(Translation pending, Deadline latest) {\n"
                                        + " lock.lock = new java.util.concurrent.locks.ReentrantReadWriteLock();")
                        .foundBy("activationAgainstReader", RefreshScenarios::activationAgainstReader,
                                "assert: the answer holds"),
                Exhibit.of("B06", "an inactive cache can be refreshed")
                        .edit(REFRESHING, "audited(mapping.isActive() ? walk(",
                                "audited(mapping.where().target() != null ? walk(")
                        .edit(MAPPING, "        where = Translation.NOWHERE;\n", "")
                        .foundBy("refreshAfterDeactivation", SingleThread::refreshAfterDeactivation,
                                "CacheRule.I2_ACTIVE_IFF_LISTED"),
                Exhibit.of("B07", "active before it is listed")
                        .edit(REFRESHING, "if (!domain.index.add(entry)) {", "if (false) {")
                        .edit(REFRESHING, "return mapping.activate(pending, latest) ?",
                                "boolean active = mapping.activate(pending, latest); domain.index.add(entry);"
                                        + " return active ?")
                        .foundBy("activationAgainstLookingAtTheList",
                                RefreshScenarios::activationAgainstLookingAtTheList,
                                "assert: an active cache is listed"),
                Exhibit.of("B07b", "listed under its page only after the page is installed")
                        .edit(REFRESHING, "        domain.index.move(entry, where);\n", "")
                        .edit(REFRESHING, "if (change == GuardedMapping.Change.VALID) {",
                                "if (change == GuardedMapping.Change.VALID) { domain.index.move(entry, where);")
                        .foundBy("activationAgainstMigration", RefreshScenarios::activationAgainstMigration,
                                "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("B07c", "unlisted while it is still active")
                        .edit(REFRESHING, "                if (mapping.isActive() && !mapping.deactivate(latest)) {",
                                "                domain.index.remove(entry);\n"
                                        + "if (mapping.isActive() && !mapping.deactivate(latest)) {")
                        .foundBy("deactivationAgainstMigrationAndAccess",
                                RefreshScenarios::deactivationAgainstMigrationAndAccess,
                                "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("B08", "activation clears the mapping and leaves it valid")
                        .edit(REFRESHING, "mapping.isActive() ? Outcome.OK : enlist(",
                                "mapping.isActive() && mapping.activate(mapping.where(), latest)"
                                        + " ? Outcome.OK : enlist(")
                        .edit(MAPPING, "        active = true;", "active = true; khva = null;")
                        .foundBy("repointInsideThePage", SingleThread::repointInsideThePage,
                                "CacheRule.I4_VALID_IMPLIES_MAPPED"),
                Exhibit.of("B09", "deactivation does not wait for a refresh")
                        .edit(REFRESHING, "of(domain);\n        if (!begin(latest)) {",
                                "of(domain);\n        if (domain == null) {")
                        .edit(REFRESHING, "return audited(Outcome.OK);\n        } finally {\n            end();",
                                "return audited(Outcome.OK);\n        } finally {")
                        .foundBy("deactivationAgainstRefresh", RefreshScenarios::deactivationAgainstRefresh,
                                "CacheRule.I2_ACTIVE_IFF_LISTED", "CacheRule.I3_VALID_IMPLIES_ACTIVE",
                                "HostRule.MAPPING_UNMAPPED_ONCE"),
                Exhibit.of("B10", "an early return keeps the refresh lock")
                        .edit(REFRESHING, "        refreshLock.unlock();\n",
                                "if (mapping.isActive()) { refreshLock.unlock(); }\n")
                        .foundBy("callAfterAnEarlyReturn", SingleThread::callAfterAnEarlyReturn,
                                "assert: activation after an early return"),
                Exhibit.of("B20", "active before the address was checked")
                        .edit(FRONT, "            return Outcome.INVALID;",
                                "if (!mapping.isActive()) { domain.index.add(new CacheIndex.Entry(mapping));"
                                        + " mapping.activate(Translation.pending(target), Deadline.of(domain)); }\n"
                                        + "            return Outcome.INVALID;")
                        .foundBy("addressThatCannotBeCached", SingleThread::addressThatCannotBeCached,
                                "assert: state after a refused activation"));
    }
}
