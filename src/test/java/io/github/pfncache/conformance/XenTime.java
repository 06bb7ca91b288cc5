package io.github.pfncache.conformance;

import io.github.pfncache.kvm.Operation;
import io.github.pfncache.kvm.Script;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Time as it passes for a script: a little with each operation, and while something waits, step by step. At each step
 * the host's timers fire, and what other threads were to do by then is done.
 */
final class XenTime {

    private static final long MILLISECOND = 1_000_000;

    /** What a VM takes to come up. */
    private static final int START = 25;

    /** What an operation takes. An odd number, so that no byte of a time stays as it is by accident. */
    private static final long OPERATION = 300_007;

    private final XenMachine machine;
    private final List<Later> later = new ArrayList<>();

    /** Whether a guest occupies the processor: what another thread does preempts it. */
    private XenCpu running;

    private static final class Later {
        private final long due;
        private final Script.Op op;
        private boolean begun;
        private String answer;

        private Later(long due, Script.Op op) {
            this.due = due;
            this.op = op;
        }
    }

    XenTime(XenMachine machine) {
        this.machine = machine;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("later", this::later);
        operations.put("join", op -> join());
    }

    void started() {
        waitUntil(() -> false, START);
    }

    private long now() {
        return machine.clock().monotonicNanos();
    }

    private String later(Script.Op op) {
        Script.Op delayed = new Script.Op(List.copyOf(op.words().subList(2, op.words().size())));
        later.add(new Later(now() + op.count(1) * MILLISECOND, delayed));
        return "ok";
    }

    private String join() {
        waitUntil(() -> later.stream().allMatch(each -> each.answer != null), Integer.MAX_VALUE);
        String answers = later.stream().map(each -> "[" + each.answer + "]").collect(Collectors.joining(" "));
        later.clear();
        return answers;
    }

    /** An operation is over. */
    void operationDone() {
        step(OPERATION);
    }

    /** A pause of the host; as on the recording machine it takes a little longer than asked for. */
    void pass(int milliseconds) {
        waitUntil(() -> false, milliseconds + milliseconds / 8);
    }

    /** Lets time pass until a condition holds; false if that is not so within so many milliseconds. */
    boolean waitUntil(BooleanSupplier condition, int milliseconds) {
        for (int passed = 0; !condition.getAsBoolean(); passed++) { // bounded by the script
            if (passed >= milliseconds) {
                return false;
            }
            step(MILLISECOND);
        }
        return true;
    }

    /** The same while a guest's code runs, not halted. */
    boolean waitWhileRunning(XenCpu cpu, BooleanSupplier condition, int milliseconds) {
        running = cpu;
        try {
            return waitUntil(condition, milliseconds);
        } finally {
            running = null;
        }
    }

    private void step(long nanos) {
        machine.clock().advance(nanos);
        if (machine.hasXen()) {
            machine.fireTimers();
        }
        List<Later> due = later.stream()
                .filter(each -> !each.begun && each.due <= now())
                .sorted(Comparator.comparingLong(each -> each.due))
                .toList();
        for (Later each : due) { // bounded by the script
            each.begun = true; // it may take time itself
            if (running != null) {
                running.xen().runstate().preempted();
            }
            each.answer = machine.perform(each.op);
            if (running != null) {
                running.setRunning();
            }
        }
    }
}
