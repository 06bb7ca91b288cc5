package io.github.pfncache.museum;

import io.github.pfncache.interleaving.AreaScenarios;
import io.github.pfncache.xen.RunstateScenarios;
import java.util.List;

/** Areas that cross pages, and the runstate, which is one. */
final class RunstateExhibits {

    private static final String AREA = "cache/GuestArea.java";
    private static final String ACCESS = "cache/AreaAccess.java";
    private static final String RUNSTATE = "xen/RunstateArea.java";
    private static final String LAYOUT = "xen/RunstateLayout.java";
    private static final String SET_THE_FLAG =
            "access.putByte(entryTime + UPDATE_BYTE, (byte) (UPDATE >>> 56));";
    private static final String TAKE_THE_FLAG_AWAY =
            "access.putByte(entryTime + UPDATE_BYTE, (byte) ((times.entryNanos() & ~UPDATE) >>> 56));";

    private static final String LOOK_AT_THE_LENGTH = " && access.length() == lengthAt(addressOf(target), now)";

    private RunstateExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B42", "the runstate update at preemption blocks on the cache lock")
                        .edit(AREA, "lock(now, false, null)", "access()")
                        .foundBy("preemption", RunstateScenarios::preemption, "LockRule.NO_WAIT_IN_ATOMIC_CONTEXT",
                                "LockRule.NO_SLEEP_UNDER_SHORT_LOCK"),
                Exhibit.of("B42b", "the runstate update at preemption waits for another writer")
                        .edit(RUNSTATE, "return write(CallContext.ATOMIC);", "return write(CallContext.MAY_SLEEP);")
                        .foundBy("preemption", RunstateScenarios::preemption, "LockRule.NO_WAIT_IN_ATOMIC_CONTEXT"),
                Exhibit.of("B43", "two caches are locked in the wrong order")
                        .edit(ACCESS, "segments.caches().get(page).mapping",
                                "segments.caches().get(segments.caches().size() - 1 - page).mapping")
                        .foundBy("accessAgainstMigrationOfBothPages", AreaScenarios::accessAgainstMigrationOfBothPages,
                                "LockRule.ORDER"),
                Exhibit.of("B45", "a runstate that crosses a page is refused")
                        .edit(AREA, "if (length < 1 ||",
                                "long at = target instanceof CacheTarget.ByGpa gpa ? gpa.gpa() : 0;"
                                        + " if (!Pages.fitsInPage(at, length)) { return Outcome.INVALID; }"
                                        + " if (length < 1 ||")
                        .foundBy("acrossAPage", RunstateScenarios::acrossAPage, "assert: registration"),
                Exhibit.of("B46", "an area registered by a 32-bit guest is written as a 64-bit one's")
                        .edit(RUNSTATE, "if (point(target) == Outcome.INVALID) {", "if (false) {")
                        .edit(RUNSTATE, LOOK_AT_THE_LENGTH, "")
                        .foundBy("modeSwitchAtTheEndOfAPage", RunstateScenarios::modeSwitchAtTheEndOfAPage,
                                "XenRule.I7_RUNSTATE_LENGTH"),
                Exhibit.of("B47", "an area takes the native size in a compat guest")
                        .edit(RUNSTATE, "area.activate(byGpa.gpa(), length)",
                                "area.activate(byGpa.gpa(), RunstateLayout.NATIVE.size())")
                        .edit(RUNSTATE, LOOK_AT_THE_LENGTH, "")
                        .foundBy("compatAtTheEndOfAPage", RunstateScenarios::compatAtTheEndOfAPage,
                                "XenRule.I7_RUNSTATE_LENGTH"),
                Exhibit.of("B47b", "a compat guest is written to by the native layout")
                        .edit("xen/GuestMode.java", "RunstateLayout.COMPAT", "RunstateLayout.NATIVE")
                        .foundBy("compatAtTheEndOfAPage", RunstateScenarios::compatAtTheEndOfAPage,
                                "assert: what the guest reads", "assert: bytes around the area"),
                Exhibit.of("B49", "after a refresh of the second page only the second is checked again")
                        .edit(ACCESS, "latest == null ? mapping.lockUsable() : mapping.lockUsable(latest)",
                                "opened == 1 ? mapping.lockUsable() : mapping.lock.readLock()")
                        .edit(ACCESS, "return mapping(segments, page).window();",
                                "GuardedMapping it = mapping(segments, page);\n"
                                        + "return it.window() != null ? it.window() : it.khva().window("
                                        + "it.where().offsetInPage(), segments.caches().get(page).length());")
                        .foundBy("accessAgainstMigrationOfBothPages", AreaScenarios::accessAgainstMigrationOfBothPages,
                                "assert: both halves", "assert: both halves at rest"),
                Exhibit.of("B50", "the padding of a buffer that is used again reaches the guest")
                        .edit(LAYOUT, "    private static final int STATE = 0;",
                                "    private static final int STATE = 0;\n"
                                        + "    private static final byte[] BUFFER = new byte[48];")
                        .edit(LAYOUT, "access.put(entryTime, body.array());",
                                "System.arraycopy(body.array(), 0, BUFFER, entryTime, 40);"
                                        + " BUFFER[STATE] = (byte) times.state().ordinal();"
                                        + " access.put(STATE, java.util.Arrays.copyOf(BUFFER, size()));")
                        .foundBy("insideAPage", RunstateScenarios::insideAPage, "assert: padding"),
                Exhibit.of("B51", "the UPDATE flag is cleared before the body is written")
                        .edit(LAYOUT, "body.putLong(entry);", "body.putLong(times.entryNanos());")
                        .edit(LAYOUT, "        Interleaving.reached(\"runstate about to be written\");",
                                "        if (announced) { " + TAKE_THE_FLAG_AWAY + " }\n"
                                        + "        Interleaving.reached(\"runstate about to be written\");")
                        .foundBy("readAgainstWriteFlagBehindTheBoundary",
                                RunstateScenarios::readAgainstWriteFlagBehindTheBoundary,
                                "assert: a reading that looks whole"),
                Exhibit.of("B51b", "the UPDATE flag is written as eight bytes")
                        .edit(LAYOUT, SET_THE_FLAG, "access.putLong(entryTime, times.entryNanos() | UPDATE);")
                        .foundBy("readAgainstWriteFlagBehindTheBoundary",
                                RunstateScenarios::readAgainstWriteFlagBehindTheBoundary,
                                "assert: a reading that looks whole"),
                Exhibit.of("B51c", "the body overwrites the UPDATE flag")
                        .edit(LAYOUT, "body.putLong(entry);", "body.putLong(times.entryNanos());")
                        .foundBy("readAgainstWriteFlagBeforeTheBoundary",
                                RunstateScenarios::readAgainstWriteFlagBeforeTheBoundary,
                                "assert: a reading that looks whole"),
                Exhibit.of("B51d", "the UPDATE flag is set for a guest that did not ask for it")
                        .edit(LAYOUT, "if (announced) {\n            " + SET_THE_FLAG, "{ " + SET_THE_FLAG)
                        .foundBy("readAgainstWriteUnannounced", RunstateScenarios::readAgainstWriteUnannounced,
                                "assert: entry time without a flag"),
                Exhibit.of("B51e", "the body carries the UPDATE flag for a guest that did not ask for it")
                        .edit(LAYOUT, "long entry = announced ?", "long entry = size() > 0 ?")
                        .foundBy("readAgainstWriteUnannounced", RunstateScenarios::readAgainstWriteUnannounced,
                                "XenRule.I12_UPDATE_ONLY_IF_ASKED"),
                Exhibit.of("B52", "a preemption writes into a runstate that is half updated")
                        .edit(RUNSTATE, "if (!lock.tryLock()) {\n            return Outcome.BUSY;",
                                "if (!lock.tryLock()) {\n            return writeLocked();")
                        .foundBy("preemptionAgainstWrite", RunstateScenarios::preemptionAgainstWrite,
                                "assert: what the guest reads"));
    }
}
