package io.github.pfncache.load;

import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.stress.Plan;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.PollOutcome;
import io.github.pfncache.xen.RunState;
import io.github.pfncache.xen.XenVcpu;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;

/**
 * The thread of one vCPU: enters the guest again and again, executes instructions in guest mode, is preempted, halts,
 * and turns interfaces off and on.
 */
final class VcpuWork implements Crew.Work {

    private static final int POLLED_PORT = 59;
    private static final long TIMER_NANOS = 50_000;
    private static final Duration POLL = Duration.ofMillis(2);

    private final LoadMachine machine;
    private final Tally tally;
    private final Vcpu vcpu;
    private final XenVcpu xen;
    private final LoadGuest guest;
    private final RawGuest raw;
    private final Plan plan;
    private final long share;

    private long runs;

    /**
     * A vCPU.
     *
     * @param writer which fields the guest's instructions write
     * @param share how often it enters the guest; 0 for no end
     */
    VcpuWork(StressRun run, int id, int writer, long share) {
        this.machine = run.machine();
        this.tally = run.tally();
        this.vcpu = machine.vm.vcpu(id);
        this.xen = machine.xen.vcpu(id);
        this.guest = new LoadGuest(run, id);
        this.raw = new RawGuest(run, id, writer);
        vcpu.setGuestMode(raw.mode());
        this.plan = new Plan(run.seed(), "vcpu " + id);
        this.share = share;
        writePollArguments();
    }

    LoadGuest guest() {
        return guest;
    }

    /** {@code struct sched_poll} and its array of one port. */
    private void writePollArguments() {
        long gpa = LoadMachine.arguments(vcpu.id());
        ByteBuffer bytes = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(0, gpa + 24).putInt(8, 1).putLong(16, 0).putInt(24, POLLED_PORT);
        machine.vm.guestMemory().write(gpa, bytes.array());
    }

    @Override
    public boolean turn() {
        if (plan.once(4)) {
            machine.clock.requestUpdate(vcpu);
        }
        if (plan.once(16)) {
            machine.steal.addSteal(vcpu, 1_000);
            xen.runstate().addStolen(10);
        }
        if (plan.once(256)) {
            toggle(Kvmclock.MSR_SYSTEM_TIME);
        }
        if (plan.once(256)) {
            toggle(StealTime.MSR_STEAL_TIME);
        }
        Vcpu.Exit exit = vcpu.run(this::execute);
        if (exit != Vcpu.Exit.GUEST) {
            tally.violated("vcpu " + vcpu.id() + " left with " + exit);
        }
        runs++;
        leave();
        return share == 0 || runs < share;
    }

    /** What has caches of its own, as a device model has, is done outside. */
    private void execute() {
        raw.run();
        vcpu.outsideGuest(() -> {
            guest.run();
            return null;
        });
    }

    /** How many pages it gave back because somebody wanted them; when its thread has ended. */
    long drops() {
        return raw.mode().drops();
    }

    /** Gives all pages back; when its thread has ended. */
    void close() {
        vcpu.setGuestMode(null);
        raw.mode().close();
    }

    private void toggle(int msr) {
        long value = vcpu.readMsr(msr);
        vcpu.writeMsr(msr, 0);
        vcpu.writeMsr(msr, value);
    }

    /** What happens between two runs. */
    private void leave() {
        if (plan.once(4)) {
            xen.runstate().preempted();
            machine.steal.preempted(vcpu);
        }
        if (plan.once(32)) {
            xen.runstate().set(RunState.BLOCKED);
        }
        if (plan.once(64)) {
            xen.setTimerOp(machine.clock.getClock() + TIMER_NANOS);
        }
        if (plan.once(256)) {
            PollOutcome outcome = xen.poll(LoadMachine.arguments(vcpu.id()), true, POLL);
            if (outcome == PollOutcome.INVALID || outcome == PollOutcome.FAULT) {
                tally.violated("the poll of vcpu " + vcpu.id() + " is " + outcome);
            }
        }
    }
}
