package io.github.pfncache.museum;

import io.github.pfncache.sweep.SweepScenarios;
import io.github.pfncache.xen.EventScenarios;
import io.github.pfncache.xen.RunstateScenarios;
import java.util.List;

/** What was found in kernels since, and by those who tried to break this library: faults between two steps. */
final class FaultExhibits {

    private static final String INDEX = "cache/CacheIndex.java";
    private static final String TIMES = "xen/RunstateTimes.java";
    private static final String FAST_PATH = "cache/FastPath.java";
    private static final String SNAPSHOT = "host/Snapshot.java";

    private FaultExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B76", "a refresh looks at the length before it looks whether the cache is active")
                        .edit("cache/RefreshPath.java", "audited(mapping.isActive() ?",
                                "audited(!mapping.where().target().isCacheable(length) ? Outcome.INVALID"
                                        + " : mapping.isActive() ?")
                        .foundBy("refreshOfWhatWasNeverActive", FaultScenarios::refreshOfWhatWasNeverActive,
                                "assert: refresh"),
                Exhibit.of("B77", "a change of the flags only keeps the log that the slot was made with")
                        .edit("memslot/MemslotRequest.java", "former.logsDirtyPages() && former.hva() == hva) {",
                                "former.baseGfn() == Pages.gpaToGfn(gpa)) {")
                        .foundBy("loggingBeginsUnderACache", FaultScenarios::loggingBeginsUnderACache,
                                "assert: pages in the log"),
                Exhibit.of("B78", "an invalidation walks a list that is changed under another lock")
                        .edit(INDEX, "return placed.walk(first, last, visit);",
                                "int steps = 0;\n"
                                        + "        for (Entry e = listed.behind; e != listed && steps++ < 9;"
                                        + " e = e.behind) {\n"
                                        + "            Interleaving.reached(\"next of the list\");\n"
                                        + "            if (e.page >= first && e.page <= last"
                                        + " && !visit.test(e.cache)) {\n"
                                        + "                return false;\n            }\n        }\n"
                                        + "        return true;")
                        .foundBy("deactivationDuringAWalk", FaultScenarios::deactivationDuringAWalk,
                                "assert: valid after its page has moved", "CacheRule.I1_MAPPING_IS_CURRENT"),
                Exhibit.of("B79", "a clock that was set back takes time away from the runstate")
                        .edit(TIMES, "return now <= entryNanos ? 0 : now - entryNanos;", "return now - entryNanos;")
                        .foundBy("clockSetBack", RunstateScenarios::clockSetBack, "assert: time that was had"),
                Exhibit.of("B79b", "the entry time moves with the clock, and the times do not")
                        .edit(TIMES, "return of(next, entryNanos + passed, times);", "return of(next, now, times);")
                        .foundBy("clockSetBack", RunstateScenarios::clockSetBack, "XenRule.I12_TIMES_ADD_UP"),
                Exhibit.of("B79c", "more is stolen than has passed")
                        .edit("xen/RunstateArea.java", "Math.min(stolen, passed)", "stolen")
                        .foundBy("moreStolenThanPassed", RunstateScenarios::moreStolenThanPassed,
                                "assert: time that was had"),
                Exhibit.of("B81", "a selector is changed by an atomic operation of eight bytes, wherever it lies")
                        .edit("cache/TypedAccess.java",
                                "op.on(mapping, inPage & -Integer.BYTES, Integer.BYTES, operand, 0) & mask",
                                "AtomicOp.ADD.on(mapping, inPage(offset), Long.BYTES, 1L << bit, 0) & 1L << bit")
                        .foundBy("selectorBetweenWords", EventScenarios::selectorBetweenWords, "assert: send"),
                Exhibit.of("B86", "a change of the slots waits for ever while something is invalidated")
                        .edit("cache/Invalidations.java",
                                "                    && lock.await(() -> notEnded(inProgress) == null, deadlineNanos);",
                                "; while (quiet && !lock.await(() -> notEnded(inProgress) == null, deadlineNanos)) {}")
                        .foundBy("slotChangeDuringALongInvalidation",
                                FaultScenarios::slotChangeDuringALongInvalidation, "LIVELOCK"),
                Exhibit.of("B87", "whoever only tries is refused while anything is invalidated")
                        .edit("cache/GfnPfnCache.java", "mapping.tryLockUsable()",
                                "domain.invalidations.inProgress() > 0 ? Hold.codeOf(Outcome.BUSY)"
                                        + " : mapping.tryLockUsable()")
                        .foundBy("tryDuringAnotherInvalidation", FaultScenarios::tryDuringAnotherInvalidation,
                                "assert: try during another invalidation"),
                Exhibit.of("B90", "an owner goes on after a bounded wait, although a user is left")
                        .edit("host/HostFamily.java", "if (!invalidation.isAccepted()) {",
                                "if (!invalidation.isAccepted() && !mayBlock) {")
                        .foundBy("heldForLongerThanTheOwnerWaits", FaultScenarios::heldForLongerThanTheOwnerWaits,
                                "assert: raw store as the memory shows it", "HostRule.FREE_FRAME_UNTOUCHED"),
                Exhibit.of("E01", "the index says that a cache is placed before it has placed it")
                        .edit(INDEX, "            placed.add(page, entry.cache);\n            entry.page = page;\n",
                                "            entry.page = page;\n            placed.add(page, entry.cache);\n")
                        .foundBy("memoryEndsInAnActivation", SweepScenarios::memoryEndsInAnActivation,
                                "assert: what the end of memory left"),
                Exhibit.of("E02", "a store marks its page after the data, with a call in between")
                        .edit(FAST_PATH, "                markDirty(); // before the data",
                                "                HostWindow.put(at, offset, width, value);\n"
                                        + "                Interleaving.reached(\"about to mark\");\n"
                                        + "                markDirty(); // before the data")
                        .foundBy("stackEndsInsideAStore", FaultScenarios::stackEndsInsideAStore,
                                "assert: what was written is in the log"),
                Exhibit.of("E03", "a reader of the memory map counts its depth before itself")
                        .edit("memslot/ReadSections.java",
                                "            Interleaving.reached(\"table phase read\");\n",
                                "            thread.depth++;\n"
                                        + "            Interleaving.reached(\"table phase read\");\n")
                        .edit("memslot/ReadSections.java",
                                "        }\n        thread.depth++;\n        return thread.counter;",
                                "        } else {\n            thread.depth++;\n        }\n"
                                        + "        return thread.counter;")
                        .foundBy("stackEndsAtTheMap", FaultScenarios::stackEndsAtTheMap,
                                "assert: deletion under a reader"),
                Exhibit.of("E04", "a bit operation without native atomics writes the whole word")
                        .edit("host/LockAtomics.java", "write(buffer, index, width, next, former ^ next);",
                                "plainPut(buffer, index, width, next);")
                        .foundBy("bitBesideAByte", FaultScenarios::bitBesideAByte, "assert: the byte beside it"),
                Exhibit.of("E05", "a page is taken out of the table before what takes its place was allocated")
                        .edit("host/Residency.java", "        int frame = store.frames.allocate();\n",
                                "        places.forEach(place -> place.put(0));\n"
                                        + "        int frame = store.frames.allocate();\n")
                        .foundBy("lastFrameGoesDuringAMigration", FaultScenarios::lastFrameGoesDuringAMigration,
                                "assert: content of the page"),
                Exhibit.of("E06", "an invalidation was accepted, then comes an error: it never ends")
                        .edit("host/Invalidation.java", "            endAll(failure);\n",
                                "            Failures.<RuntimeException>rethrow(failure);\n")
                        .foundBy("notifierThrowsOnce", FaultScenarios::notifierThrowsOnce,
                                "CacheRule.NOTIFIER_PAIRS"),
                Exhibit.of("E09", "what nobody has touched yet is taken for zeros by a snapshot")
                        .edit(SNAPSHOT, "                fill();\n", "")
                        .edit(SNAPSHOT, "space.unfilledLocked(part).findAny().isPresent() || isToBeReadLocked(part)",
                                "isToBeReadLocked(part)")
                        .foundBy("snapshotOfWhatAHandlerFills", FaultScenarios::snapshotOfWhatAHandlerFills,
                                "assert: content in the snapshot"),
                Exhibit.of("E10", "one memory at two addresses: a follower knows the one that was used")
                        .edit("vm/DirtyLogFollower.java", "        shared.spread(marked);\n", "")
                        .foundBy("oneMemoryAtTwoAddresses", FaultScenarios::oneMemoryAtTwoAddresses,
                                "assert: pages delivered"));
    }
}
