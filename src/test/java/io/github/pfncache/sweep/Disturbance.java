package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheRule;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.LockRule;
import io.github.pfncache.rules.Rule;
import io.github.pfncache.rules.RuleViolation;
import io.github.pfncache.xen.CallContext;
import io.github.pfncache.xen.XenRule;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * What an adopter's code does instead of what is expected of it.
 *
 * @param name what it is called in a report
 * @param kind what may come of it
 * @param strike does it
 */
record Disturbance(String name, Kind kind, Strike strike) {

    /** What may come of a disturbance. */
    enum Kind {
        /** The call ends with something else than a result: nothing else has changed. */
        ENDING,
        /** Something refuses: what it was asked for may be given up. */
        REFUSAL,
        /** Something else is done that leaves the machine as it is. */
        DOING,
        /** Something else is done, and the machine is another one. */
        ATTACK
    }

    /** Does it at a point of an operation on a machine: may throw; true to refuse. */
    @FunctionalInterface
    interface Strike {
        boolean at(SweepMachine machine, Operation operation, Crew crew, String point);
    }

    /** Rules of what a piece of code may do where it is called. */
    private static final List<Rule> REFUSALS = List.of(LockRule.ORDER, LockRule.NO_RECURSION,
            LockRule.NO_SLEEP_UNDER_SHORT_LOCK, LockRule.NO_WAIT_IN_ATOMIC_CONTEXT,
            LockRule.NO_WAIT_IN_GUEST_MODE, XenRule.I11_NO_LOCK_AT_DELIVERY,
            CacheRule.I11_NO_GUARD_ACROSS_REFRESH);

    static final String INTERRUPT = "is interrupted";

    private static final int NEW_SLOT = 11;
    private static final long NEW_GPA = 0x90_0000;

    /** Whatever a call can end with but its result. */
    static List<Disturbance> endings() {
        return List.of(
                new Disturbance("throws an exception", Kind.ENDING, (machine, operation, crew, point) -> {
                    throw new Operation.Disturbed(point);
                }),
                new Disturbance("throws an error", Kind.ENDING, (machine, operation, crew, point) -> {
                    throw new Operation.Broken(point);
                }),
                new Disturbance("runs out of memory", Kind.ENDING, (machine, operation, crew, point) -> {
                    throw new OutOfMemoryError(point);
                }),
                new Disturbance("runs out of stack", Kind.ENDING, (machine, operation, crew, point) -> {
                    throw new StackOverflowError(point);
                }),
                new Disturbance("refuses", Kind.REFUSAL, (machine, operation, crew, point) -> true));
    }

    /** Whatever a call can do meanwhile that leaves the machine as it is; and that it takes long. */
    static List<Disturbance> doings() {
        return List.of(
                new Disturbance("takes long", Kind.DOING, (machine, operation, crew, point) -> {
                    crew.strangers(() -> Strangers.work(machine));
                    return false;
                }),
                doing(INTERRUPT, machine -> Thread.currentThread().interrupt()),
                doing("migrates", machine -> {
                    for (int page = 0; page < SweepMachine.PAGES; page++) { // bounded by the pages
                        machine.host.migrate(machine.lowHva + (long) page * Pages.PAGE_SIZE);
                    }
                }),
                doing("evicts", machine -> machine.host.evict(machine.lowHva, SweepMachine.PAGES)),
                doing("faults in", machine -> machine.vm.guestMemory().read(SweepMachine.LOW,
                        new byte[SweepMachine.PAGES * Pages.PAGE_SIZE])),
                doing("adds and removes a slot", machine -> {
                    machine.vm.ram().add(NEW_SLOT, 0, NEW_GPA, 1);
                    machine.vm.ram().remove(NEW_SLOT);
                }),
                doing("changes a slot's flags", machine -> {
                    machine.vm.memslots().setFlags(3, Memslot.FLAG_READONLY | Memslot.FLAG_LOG_DIRTY_PAGES);
                    machine.vm.memslots().setFlags(3, Memslot.FLAG_READONLY);
                }),
                doing("refreshes the cache", machine -> machine.cache.refresh()),
                doing("accesses the cache", machine -> machine.cache.access().close()),
                doing("takes a snapshot", machine -> machine.vm.ram().snapshot().close()),
                doing("forks", machine -> machine.host.fork().close()),
                doing("signals", machine -> machine.xen.events().deliver(machine.cpu(0), SweepMachine.DEFERRED.get(0),
                        CallContext.ATOMIC)),
                doing("delivers", machine -> machine.xen.events().deliverDeferred()),
                doing("runs timers", machine -> machine.xen.runTimers()),
                doing("enters the other vCPU", Kind.ATTACK, machine -> machine.vm.vcpu(1).run(() -> {})),
                doing("harvests", machine -> machine.vm.memslots().harvestDirty(0).harvest().putBack()),
                new Disturbance("does it again", Kind.ATTACK, (machine, operation, crew, point) -> {
                    if (!operation.name().equals("vcpu, guest mode")) { // a vCPU is in its guest once at a time
                        attempt(() -> operation.on(machine));
                    }
                    return false;
                }));
    }

    /**
     * Whatever a call can do against its caller. The machine is another one afterwards: it has to go on working.
     */
    static List<Disturbance> attacks() {
        return List.of(
                attack("deactivates the cache", machine -> machine.cache.deactivate()),
                attack("re-points the cache", machine -> machine.cache.activate(SweepMachine.FILE)),
                attack("deactivates the area", machine -> machine.area.deactivate()),
                attack("clears the shared page", machine -> machine.xen.clearSharedInfo()),
                attack("moves the shared page", machine -> machine.xen.setSharedInfo(
                        new CacheTarget.ByGpa(SweepMachine.page(12)))),
                attack("clears the vcpu_info", machine -> machine.cpu(0).clearVcpuInfo()),
                attack("deletes the array", machine -> machine.vm.ram().remove(1)));
    }

    static List<Disturbance> all() {
        List<Disturbance> all = new ArrayList<>(endings());
        all.addAll(doings());
        all.addAll(attacks());
        return all;
    }

    private static Disturbance doing(String name, Consumer<SweepMachine> body) {
        return doing(name, Kind.DOING, body);
    }

    private static Disturbance doing(String name, Kind kind, Consumer<SweepMachine> body) {
        return new Disturbance(name, kind, (machine, operation, crew, point) -> {
            attempt(() -> body.accept(machine));
            return false;
        });
    }

    /** Whether it can be at a point: a file that is interrupted while it is read is closed by the platform. */
    boolean fits(String point) {
        return !name.equals(INTERRUPT) || !point.startsWith("file");
    }

    private static Disturbance attack(String name, Consumer<SweepMachine> body) {
        return doing(name, Kind.ATTACK, body);
    }

    /** What must not be done here is refused, by an exception or a rule; the adopter's code lives with that. */
    private static void attempt(Runnable body) {
        try {
            Operation.outcomeOf(() -> {
                body.run();
                return "done";
            });
        } catch (RuleViolation e) {
            assertThat(e.rule()).as("what forbids it").isIn(REFUSALS);
        }
    }
}
