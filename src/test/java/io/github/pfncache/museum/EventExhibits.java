package io.github.pfncache.museum;

import io.github.pfncache.xen.EventScenarios;
import java.util.List;

/** Events, timers, and where the guest's structures are. */
final class EventExhibits {

    private static final String CHANNELS = "xen/EventChannels.java";
    private static final String DELIVERY = "xen/EventDelivery.java";
    private static final String TIMER = "xen/SingleShotTimer.java";
    private static final String VCPU_INFO = "xen/VcpuInfo.java";

    private EventExhibits() {}

    static List<Exhibit> all() {
        return List.of(
                Exhibit.of("B41", "a timer's event is delivered under the timer's lock")
                        .edit(TIMER,
                                "            }\n            return port != 0;",
                                "delivery.attempt(vcpu, port, CallContext.MAY_SLEEP); }"
                                        + " return port != 0;")
                        .foundBy("timerThatIsDue", EventScenarios::timerThatIsDue, "XenRule.I11_NO_LOCK_AT_DELIVERY"),
                Exhibit.of("B41b", "what a port is bound to is called under the lock that its answer takes")
                        .edit(CHANNELS, "            external.sink.run();",
                                "lock.lock(); try { external.sink.run(); } finally { lock.unlock(); }")
                        .foundBy("answerFromOutside", EventScenarios::answerFromOutside,
                                "XenRule.I11_NO_LOCK_AT_DELIVERY"),
                Exhibit.of("B44", "an event from atomic context refreshes the shared page")
                        .edit(DELIVERY, "xen.shared().tryAccess()", "xen.shared().access()")
                        .foundBy("sendFromAtomicContext", EventScenarios::sendFromAtomicContext,
                                "LockRule.NO_WAIT_IN_ATOMIC_CONTEXT"),
                Exhibit.of("B44b", "an event from atomic context waits for the vcpu_info's lock")
                        .edit(VCPU_INFO, "done = tryRaise(current, word);",
                                "done = place.exclusively(() -> tryRaise(current, word));")
                        .foundBy("sendFromAtomicContext", EventScenarios::sendFromAtomicContext,
                                "LockRule.NO_WAIT_IN_ATOMIC_CONTEXT"),
                Exhibit.of("B53", "the shared page keeps its layout when the guest changes its mode")
                        .edit("xen/XenVm.java", "mode.sharedInfo().writeWallClock",
                                "GuestMode.NATIVE.sharedInfo().writeWallClock")
                        .foundBy("wallClockAcrossModes", EventScenarios::wallClockAcrossModes,
                                "assert: version of the clock at 0x900"),
                Exhibit.of("B61", "in atomic context, whoever cannot look answers that there is no interrupt")
                        .edit("xen/XenVcpu.java", "!= VcpuInfo.Look.NOT_PENDING", "== VcpuInfo.Look.PENDING")
                        .foundBy("hasInterruptFromAtomicContext", EventScenarios::hasInterruptFromAtomicContext,
                                "assert: may have an interrupt"),
                Exhibit.of("B63", "parked bits keep their numbers when the words change their width")
                        .edit(VCPU_INFO, "next.rescaled(parked.get(), layout)", "parked.get()")
                        .foundBy("parkedEventsAcrossModes", EventScenarios::parkedEventsAcrossModes,
                                "assert: ports that the guest handles"),
                Exhibit.of("B63b", "the mode changes without waiting for the senders at work")
                        .edit("xen/XenVm.java", "!layout.tryWriteLock(deadline())", "vm == null")
                        .edit("xen/XenVm.java", "                    layout.writeUnlock();\n", "")
                        .foundBy("parkAgainstMode", EventScenarios::parkAgainstMode,
                                "assert: ports that the guest handles"),
                Exhibit.of("B65", "an upcall before the interrupt controller is on is never sent again")
                        .edit("xen/UpcallLine.java", "        enabled = on;\n        resend(CallContext.MAY_SLEEP);",
                                "        enabled = on;")
                        .foundBy("eventBeforeTheInterruptController",
                                EventScenarios::eventBeforeTheInterruptController, "assert: interrupts"),
                Exhibit.of("B66", "a timer that finds no shared page is dropped")
                        .edit(TIMER, "if (done.foundNoPage()) {", "if (done.foundNoPage() && vcpu == null) {")
                        .foundBy("timerWithoutASharedPage", EventScenarios::timerWithoutASharedPage,
                                "assert: ports that the guest handles"),
                Exhibit.of("B71", "an event channel is used after the lock that kept it was dropped")
                        .edit(CHANNELS, "        Binding binding = bindings.get(port);\n",
                                "lock.lock(); Binding binding = bindings.get(port); lock.unlock();\n")
                        .edit(CHANNELS, "return once(loopback.vcpu, loopback.port);",
                                "Binding.Loopback now = (Binding.Loopback) bindings.get(port);"
                                        + " return once(now.vcpu, now.port);")
                        .foundBy("sendAgainstUnbind", EventScenarios::sendAgainstUnbind,
                                "assert: send while the port is unbound"),
                Exhibit.of("B73", "the gpa is asked for of a structure that was placed by hva")
                        .edit("xen/XenVm.java", "return shared.state().target();",
                                "return shared.state().target() instanceof CacheTarget.ByHva at"
                                        + " ? new CacheTarget.ByGpa(at.hva()) : shared.state().target();")
                        .foundBy("whereTheStructuresAre", EventScenarios::whereTheStructuresAre,
                                "assert: where the shared page is"),
                Exhibit.of("B73b", "the hva is asked for of a structure that was placed by gpa")
                        .edit("xen/XenVcpu.java", "return info.place().target();",
                                "return info.place().target() instanceof CacheTarget.ByGpa at"
                                        + " ? new CacheTarget.ByHva(at.gpa()) : info.place().target();")
                        .foundBy("whereTheStructuresAre", EventScenarios::whereTheStructuresAre,
                                "assert: where the vcpu_info is"),
                Exhibit.of("B74", "clearing a structure points it at frame 0")
                        .edit("xen/XenVm.java", "shared.deactivate()", "shared.activate(0)")
                        .foundBy("clearWithMemoryAtFrame0", EventScenarios::clearWithMemoryAtFrame0,
                                "XenRule.CLEARED_MEANS_INACTIVE"),
                Exhibit.of("B74b", "turning a clock off points it at frame 0")
                        .edit("pvclock/Registration.java", "cache.deactivate()", "cache.activate(0)")
                        .foundBy("clearWithMemoryAtFrame0", EventScenarios::clearWithMemoryAtFrame0,
                                "PvclockRule.DISABLED_MEANS_INACTIVE"),
                Exhibit.of("E07", "deferred events are taken from the list, and then delivering one throws")
                        .edit("xen/DeferredEvents.java", "            if (!gone) {", "            if (ports == null) {")
                        .foundBy("handlerThrowsInDelivery", EventScenarios::handlerThrowsInDelivery,
                                "assert: ports that the guest handles"),
                Exhibit.of("E08", "half of a mode switch is done when a page's source throws, and never the rest")
                        .edit("xen/XenVm.java", "            if (changes) {\n                if (!layout",
                                "            if (changes) {\n mode = next; shared.refresh(); if (!layout")
                        .foundBy("handlerThrowsInAModeSwitch", EventScenarios::handlerThrowsInAModeSwitch,
                                "assert: ports that the guest handles"));
    }
}
