package io.github.pfncache.museum;

import io.github.pfncache.xen.ClockScenarios;
import io.github.pfncache.xen.PollScenarios;
import java.util.List;

/** Polls, and the versions and flags of the guest's clocks. */
final class PollExhibits {

    private static final String POLLER = "xen/Poller.java";
    private static final String DELIVERY = "xen/EventDelivery.java";
    private static final String FIELD = "pvclock/PvclockField.java";

    private static final String SET_POLL_BIT = "xen.polling().set(vcpu.vcpu().id());";
    private static final String TEST = "boolean pending = isAnyPending(poll, true);";

    private PollExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B55", "the ports of a poll are not bounded")
                        .edit(POLLER, "if (port >= mode.portLimit()) {", "if (false) {")
                        .edit(POLLER, "port < layout.portLimit() && ", "")
                        .foundBy("portsBeyondTheLimit", PollScenarios::portsBeyondTheLimit,
                                "XenRule.I7_PORT_IN_BOUNDS"),
                Exhibit.of("B56", "of an array of ports that crosses a page only the first part is read")
                        .edit("xen/HypercallLayout.java", "memory.read(gpa, bytes) == length;",
                                "readPart(memory, gpa, bytes);")
                        .edit("xen/HypercallLayout.java", "    private static ByteBuffer read(",
                                "    private static boolean readPart(GuestMemory memory, long gpa, byte[] bytes) {\n"
                                        + "byte[] part = new byte[(int) Math.min(bytes.length, 4096 - gpa % 4096)];\n"
                                        + "boolean all = memory.read(gpa, part) == part.length;\n"
                                        + "System.arraycopy(part, 0, bytes, 0, part.length); return all; }\n"
                                        + "    private static ByteBuffer read(")
                        .foundBy("portsAcrossAPage", PollScenarios::portsAcrossAPage,
                                "assert: poll of ports across a page"),
                Exhibit.of("B57", "a poll that is refused leaves the poll bit set")
                        .edit(POLLER,
                                "        for (long port : ports) { // bounded by MAX_PORTS\n            if (port >=",
                                SET_POLL_BIT + "\n for (long port : ports) { if (port >=")
                        .foundBy("everyWayToEnd", PollScenarios::everyWayToEnd, "assert: poll bit after a poll"),
                Exhibit.of("B57b", "a poll that ends leaves the poll bit set")
                        .edit(POLLER, "        xen.polling().clear(vcpu.vcpu().id());\n", "")
                        .foundBy("everyWayToEnd", PollScenarios::everyWayToEnd, "XenRule.I5_POLL_BIT_CLEARED"),
                Exhibit.of("B58", "a poll tests its ports before it sets its poll bit")
                        .edit(POLLER, "        " + SET_POLL_BIT + "\n", "")
                        .edit(POLLER, TEST, TEST + SET_POLL_BIT)
                        .foundBy("pollAgainstSend", PollScenarios::pollAgainstSend,
                                "XenRule.I10_POLL_BIT_BEFORE_TEST"),
                Exhibit.of("B58b", "the same, and nothing states the order: the race itself is found")
                        .edit(POLLER, "            begin(poll);\n            VarHandle", "            VarHandle")
                        .edit(POLLER, TEST, TEST + " begin(poll);")
                        .edit(POLLER, "XenRule.I10_POLL_BIT_BEFORE_TEST.check(xen.polling().isSet(vcpu.vcpu().id())"
                                        + " || current != poll,",
                                "XenRule.I10_POLL_BIT_BEFORE_TEST.check(true,")
                        .foundBy("pollAgainstSend", PollScenarios::pollAgainstSend,
                                "assert: wake-ups that were lost"),
                Exhibit.of("B59", "a polled port whose word is pending already wakes nobody")
                        .edit(DELIVERY, "        xen.wakePollersOf(port);",
                                "        if (done != Delivery.JOINED) { xen.wakePollersOf(port); }")
                        .foundBy("pollAgainstSendIntoAPendingWord", PollScenarios::pollAgainstSendIntoAPendingWord,
                                "assert: wake-ups that were lost"),
                Exhibit.of("B60", "a shared page that cannot be read counts as nothing pending")
                        .edit(POLLER, "if (!shared.isUsable()) {\n                return atFirst;",
                                "if (!shared.isUsable()) { return false;")
                        .foundBy("sharedPageThatCannotBeRead", PollScenarios::sharedPageThatCannotBeRead,
                                "assert: poll of an unreadable page"),
                Exhibit.of("B68", "GUEST_STOPPED bleeds from one clock to another")
                        .edit(FIELD, "    private final int offset;",
                                "    private static int scratch;\n    private final int offset;")
                        .edit(FIELD, "int flags = time.flags() | found & PvclockTimeInfo.FLAG_GUEST_STOPPED;",
                                "int flags = scratch = time.flags()"
                                        + " | (found | scratch) & PvclockTimeInfo.FLAG_GUEST_STOPPED;")
                        .foundBy("stoppedInOneClock", ClockScenarios::stoppedInOneClock,
                                "assert: flag of the other clock"),
                Exhibit.of("B69", "the version grows by one, whatever the guest left there")
                        .edit(FIELD, "before + 1 | 1", "before + 1")
                        .foundBy("versionsOfTheGuest", ClockScenarios::versionsOfTheGuest,
                                "PvclockRule.I12_VERSION_EVEN_AFTER_WRITE"),
                Exhibit.of("B69b", "the body is written before the version")
                        .edit(FIELD, "        access.putInt(offset + PvclockTimeInfo.VERSION, odd);\n", "")
                        .edit(FIELD, "        access.putShort(offset + PvclockTimeInfo.PAD_1, (short) 0);\n",
                                "access.putShort(offset + PvclockTimeInfo.PAD_1, (short) 0);\n"
                                        + "access.putInt(offset + PvclockTimeInfo.VERSION, odd);\n")
                        .foundBy("readAgainstWrite", ClockScenarios::readAgainstWrite,
                                "assert: a reading that looks whole"),
                Exhibit.of("B69c", "the host goes by its own copy of the version")
                        .edit(FIELD, "    private final int offset;",
                                "    private int version;\n    private final int offset;")
                        .edit(FIELD, "int before = access.getInt(offset + PvclockTimeInfo.VERSION);",
                                "int before = version; version += 2;")
                        .foundBy("versionsOfTheGuest", ClockScenarios::versionsOfTheGuest,
                                "assert: version of the clock"),
                Exhibit.of("B69d", "the version of the wall clock grows by one, whatever the guest left there")
                        .edit("xen/SharedInfoLayout.java", "access.getInt(wallClock) + 1 | 1",
                                "access.getInt(wallClock) + 1")
                        .foundBy("versionsOfTheGuest", ClockScenarios::versionsOfTheGuest,
                                "XenRule.I12_WALL_CLOCK_VERSION"));
    }
}
