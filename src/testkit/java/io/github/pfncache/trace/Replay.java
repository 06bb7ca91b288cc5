package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.trace.ReplayStep.Difference;
import io.github.pfncache.vm.VmAudit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;

/**
 * Does to a new virtual machine what a real one did to its memslots, and finds out where the clocks' updates land.
 *
 * <pre>{@code
 * ReplayResult result = Replay.compare(trace, table, ReplayObserver.NONE);
 * }</pre>
 *
 * <p>The machine has a vCPU for each of the {@link Probes}, with its kvmclock registered there before there is any
 * memory, and host memory for each block of the trace. After each operation all clocks are updated <b>twice</b>: the
 * first update has to find its way through the new memory map, the second goes by what the cache kept. Both must land
 * where the table says. Where they landed is read back from host memory, from every place that the trace ever puts the
 * probe at; the dirty logs must name the pages written and no others; and no byte of host memory but the clocks may
 * change. In a trace with very many places or logs, those where nothing should happen are looked at less often, and all
 * of them at the end. Then the machine is audited at rest.
 *
 * <p>Time passes as recorded, on a clock of the replay's own: nothing waits. Stateless; replays may run in parallel.
 *
 * @since 0.1.0
 */
public final class Replay {

    /** Updates after one operation: by a refresh, then by the cache. */
    private static final int ROUNDS = 2;

    private final MemslotTrace trace;
    private final ReplayMachine machine;
    private final ProbePlaces places;
    private final DirtyLogs logs;
    private final BiFunction<Integer, Integer, ClockWrites> expectation;

    private long dirtyPages;
    private int differ;

    Replay(MemslotTrace trace, BiFunction<Integer, Integer, ClockWrites> expectation) {
        this.trace = trace;
        this.machine = new ReplayMachine(trace);
        this.places = new ProbePlaces(machine.vm(), machine.blocks(), trace);
        this.logs = new DirtyLogs(machine.vm().memslots());
        this.expectation = expectation;
    }

    /**
     * Replays a trace and compares with what really happened.
     *
     * @param trace the trace
     * @param table where each update must land
     * @param observer looks on
     * @return the numbers
     * @throws io.github.pfncache.rules.RuleViolation if an invariant of the machine was broken
     */
    public static ReplayResult compare(MemslotTrace trace, ProbeTable table, ReplayObserver observer) {
        String name = trace.name();
        return new Replay(trace, (index, probe) -> table.expected(name, index, probe)).run(observer);
    }

    /**
     * Replays a trace of which it is not known where updates must land. Everything else is compared, and the second
     * update after an operation must land where the first one did.
     *
     * @param trace the trace
     * @param observer sees where the updates land
     * @return the numbers
     * @throws io.github.pfncache.rules.RuleViolation if an invariant of the machine was broken
     */
    public static ReplayResult observe(MemslotTrace trace, ReplayObserver observer) {
        return new Replay(trace, null).run(observer);
    }

    ReplayResult run(ReplayObserver observer) {
        observer.started(trace, machine.vm());
        try {
            return replayed(observer);
        } finally {
            machine.vm().host().close();
        }
    }

    private ReplayResult replayed(ReplayObserver observer) {
        int operations = 0;
        while (operations < trace.operations().size() && observer.goesOn()) { // bounded by the trace
            ReplayStep step = step(trace.operations().get(operations), observer);
            differ += step.differ();
            operations++;
            observer.stepped(step);
        }
        VmAudit.atRest(machine.vm());
        long refreshes = machine.refreshes();
        long invalidations = machine.invalidations();
        int probes = operations * Probes.COUNT;
        return new ReplayResult(
                trace.name(),
                operations,
                probes,
                probes - differ,
                differ,
                dirtyPages,
                refreshes,
                invalidations,
                machine.updates() - refreshes);
    }

    /** Reads of host memory and of dirty logs so far: what a replay's time goes by. */
    long looks() {
        return places.reads() + logs.harvests();
    }

    private ReplayStep step(SlotOperation operation, ReplayObserver observer) {
        boolean last = operation.index() == trace.operations().size() - 1;
        List<Difference> differences = new ArrayList<>();
        logs.slotChanges(operation.slot(), differences);
        String answer = machine.apply(operation);
        observer.applied(operation, answer);
        if (answer.equals("0") != operation.succeeded()) {
            differences.add(new Difference(Difference.ALL_PROBES, "result " + operation.result(), answer));
        }
        logs.slotChanged(operation.slot());
        List<ClockWrites> first = null;
        for (int round = 0; round < ROUNDS; round++) {
            machine.updateClocks();
            List<ClockWrites> landings = new ArrayList<>();
            Set<Long> written = new TreeSet<>();
            for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes
                ClockWrites landing = places.look(probe, last);
                landings.add(landing);
                if (!landing.places().isEmpty()) {
                    written.add(Pages.gpaToGfn(Probes.gpa(probe)));
                }
                ClockWrites expected = expected(operation.index(), probe, first, landing);
                if (!landing.equals(expected)) {
                    differences.add(new Difference(probe, expected.toString(), landing.toString()));
                }
            }
            dirtyPages += logs.compare(written, last, differences);
            first = first == null ? landings : first;
        }
        String stray = places.stray(last);
        if (stray != null) {
            differences.add(new Difference(Difference.ALL_PROBES, "nothing but clocks written", stray));
        }
        return new ReplayStep(operation, answer, first, differences);
    }

    private ClockWrites expected(int index, int probe, List<ClockWrites> first, ClockWrites landing) {
        if (expectation != null) {
            return expectation.apply(index, probe);
        }
        return first == null ? landing : first.get(probe);
    }
}
