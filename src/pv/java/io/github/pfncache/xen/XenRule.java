package io.github.pfncache.xen;

import io.github.pfncache.rules.Rule;

/**
 * The rules that hold inside the Xen interfaces, each checked where its comment says.
 *
 * @since 0.1.0
 */
public enum XenRule implements Rule {

    /** [I7] Checked at each access to a port's bit. */
    I7_PORT_IN_BOUNDS("a port's bit is looked up only if the guest's mode has the port", "max_evtchn_port()"),

    /** [I7] Checked at each write of a runstate. */
    I7_RUNSTATE_LENGTH("a runstate is written to an area that holds it", "kvm_xen_update_runstate_guest()"),

    /** Checked at each access to the shared page. */
    ABI_LAYOUT_FITS(
            "the shared page is accessed by a layout that lies inside its cache",
            "struct shared_info, struct compat_shared_info"),

    /** Checked when a structure is taken out of use. */
    CLEARED_MEANS_INACTIVE("a structure that was cleared is inactive, not at frame 0", "kvm_gpc_deactivate()"),

    /** [I10] Checked when parked selector bits are handed to the guest, and when its mode changes. */
    I10_PARKED_BITS_FIT_MODE("parked selector bits count in words of the guest's mode", "evtchn_pending_sel"),

    /** [I10] Checked whenever a poll tests its ports. */
    I10_POLL_BIT_BEFORE_TEST("a vCPU that tests the ports it polls can already be woken", "kvm_xen_schedop_poll()"),

    /** [I5] Checked when a poll ends, whichever way. */
    I5_POLL_BIT_CLEARED("a poll that ended leaves no poll bit behind", "kvm_xen_schedop_poll(), its error path"),

    /** [I11] Checked at each delivery of an event, and whenever the emulator is called. */
    I11_NO_LOCK_AT_DELIVERY(
            "an event is delivered, and the emulator called, with no lock of these interfaces held",
            "xen_timer_callback(), kvm_xen_set_evtchn()"),

    /** [rule L9] Checked before everything that may wait; the lock rules check the waiting itself. */
    L9_ATOMIC_GIVES_UP("what may wait is not done in atomic context", "kvm_xen_set_evtchn_fast()"),

    /** [I12] Checked at each change and every write of a runstate. */
    I12_TIMES_ADD_UP("the four times of a runstate add up to its entry time", "struct vcpu_runstate_info"),

    /** [I12] Checked at each write of a runstate. */
    I12_UPDATE_ONLY_IF_ASKED(
            "the UPDATE flag is in the body exactly if the guest asked for it, or the time is before zero",
            "XEN_RUNSTATE_UPDATE"),

    /** [I12] Checked at each write of the wall clock. */
    I12_WALL_CLOCK_VERSION("the wall clock is written under an odd version", "struct pvclock_wall_clock");

    private final String statement;
    private final String mirrors;

    XenRule(String statement, String mirrors) {
        this.statement = statement;
        this.mirrors = mirrors;
    }

    @Override
    public String statement() {
        return statement;
    }

    @Override
    public String mirrors() {
        return mirrors;
    }
}
