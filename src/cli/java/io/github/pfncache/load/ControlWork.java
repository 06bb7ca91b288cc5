package io.github.pfncache.load;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.stress.Plan;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.XenVcpu;

/** An emulator that takes the guest's structures away and gives them back, and fires timers. One thread. */
final class ControlWork implements Crew.Work {

    private final LoadMachine machine;
    private final Tally tally;
    private final Plan plan;

    ControlWork(StressRun run) {
        this.machine = run.machine();
        this.tally = run.tally();
        this.plan = new Plan(run.seed(), "control");
    }

    @Override
    public boolean turn() {
        int id = plan.choose(machine.vm.vcpus().size());
        XenVcpu cpu = machine.xen.vcpu(id);
        switch (plan.choose(8)) {
            case 0 -> {
                cpu.clearVcpuInfo();
                registered(cpu.setVcpuInfo(new CacheTarget.ByGpa(LoadMachine.vcpuInfo(id))));
            }
            case 1 -> {
                machine.xen.clearSharedInfo();
                registered(machine.xen.setSharedInfo(new CacheTarget.ByGpa(LoadMachine.sharedInfo())));
            }
            case 2 -> {
                cpu.runstate().clear();
                registered(cpu.runstate().register(new CacheTarget.ByGpa(LoadMachine.runstate(id))));
            }
            case 3 -> {
                cpu.clearTimeInfo();
                registered(cpu.setTimeInfo(new CacheTarget.ByGpa(LoadMachine.timeInfo(id))));
            }
            case 4 -> machine.clock.guestStopped(machine.vm.vcpu(id));
            case 5 -> cpu.hasInterrupt(CallContext.ATOMIC);
            case 6 -> machine.xen.events().deliverDeferred();
            default -> machine.xen.runTimers();
        }
        return true;
    }

    private void registered(Outcome outcome) {
        if (outcome != Outcome.OK && outcome != Outcome.BUSY) {
            tally.violated("a structure in memory that is always there is " + outcome);
        }
    }
}
