package io.github.pfncache.conformance;

import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.Hypercall;
import io.github.pfncache.xen.HypercallResult;
import io.github.pfncache.xen.PollOutcome;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.XenVcpu;
import java.time.Duration;
import java.util.TreeSet;

/** A processor of the guest: its mode, its interrupt controller, whether it halts; its events are the library's. */
class XenCpu {

    private final XenMachine machine;
    private final Vcpu vcpu;
    private final TreeSet<Integer> requested = new TreeSet<>();

    private GuestMode mode;
    private boolean halted;

    XenCpu(XenMachine machine, Vcpu vcpu, GuestMode mode) {
        this.machine = machine;
        this.vcpu = vcpu;
        this.mode = mode;
    }

    final Vcpu vcpu() {
        return vcpu;
    }

    final XenVcpu xen() {
        return machine.xen().vcpu(vcpu.id());
    }

    final GuestMode mode() {
        return mode;
    }

    final void setMode(GuestMode next) {
        mode = next;
    }

    final boolean isHalted() {
        return halted;
    }

    final void setHalted(boolean now) {
        halted = now;
    }

    /** A guest whose interfaces are on sees that its vCPU has a processor again. */
    final void setRunning() {
        if (machine.xen().config().msr() != 0) {
            xen().runstate().set(RunState.RUNNING);
        }
    }

    final void request(int vector) {
        requested.add(vector);
    }

    final TreeSet<Integer> requested() {
        return requested;
    }

    /** The interrupt that is taken next; 0 for none. */
    final int pendingVector() {
        int vector = vectorOfVm();
        return vector != 0 ? vector : requested.isEmpty() ? 0 : requested.last();
    }

    /** Takes that interrupt, and tells the interrupt controller that it is done, which leaves the guest once. */
    final String takeInterrupt() {
        int vector = vectorOfVm();
        if (vector == 0) {
            vector = requested.pollLast();
        }
        enterAgain();
        return "INT" + Integer.toHexString(vector);
    }

    // ---- events

    /** A run has begun, and the guest is entered for the first time. */
    void entered() {}

    /** The guest left for something that is done without its host. */
    void enterAgain() {
        vcpu.enterAgain();
    }

    int vectorOfVm() {
        return xen().pendingVector();
    }

    boolean hasWork() {
        return xen().hasWork();
    }

    HypercallResult hypercall(Hypercall call) {
        return xen().hypercall(call);
    }

    boolean isPollOver() {
        return xen().awaitPoll(Duration.ZERO) != PollOutcome.BUSY;
    }

    void stopPoll() {
        xen().stopPoll();
    }
}
