package io.github.pfncache.kvm;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The operations of guests with Xen interfaces: they run, halt, take interrupts, make hypercalls. */
final class XenGuestOps {

    /** For how many milliseconds a guest may stay inside, if a script does not say. */
    static final int LIMIT = 400;

    private static final int HLT_LIMIT = 300;
    private static final int SPIN_LIMIT = 100;
    private static final int POLL_LIMIT = 500;

    private static final int ARGUMENTS = 6;
    private static final long SET_TIMER = 15;
    private static final long VCPU_OP = 24;
    private static final long SCHED_OP = 29;
    private static final long EVENT_CHANNEL_OP = 32;

    private static final long SCHED_POLL_AT = 0x6000;
    private static final long PORT_AT = 0x6100;
    private static final long TIMER_AT = 0x6200;

    private final Machine machine;
    private final XenOps ops;

    XenGuestOps(Machine machine, XenOps ops) {
        this.machine = machine;
        this.ops = ops;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("irun", op -> guest(op).run(XenCalls.Code.LEAVE, true, LIMIT));
        operations.put("hlt", op -> guest(op).run(XenCalls.Code.HALT, true, op.countOr(2, HLT_LIMIT)));
        operations.put("hltcli", op -> guest(op).run(XenCalls.Code.HALT, false, op.countOr(2, HLT_LIMIT)));
        operations.put("spin", op -> guest(op).run(XenCalls.Code.SPIN, true, op.countOr(2, SPIN_LIMIT)));
        operations.put("gm", op -> {
            guest(op).setWide(op.word(2).equals("64"));
            return "ok";
        });
        operations.put("later", op -> {
            op.word(2); // the first of an operation
            Script.Op delayed = new Script.Op(op.words().subList(2, op.words().size()));
            Operation operation = machine.operation(delayed);
            machine.xen().later(op.count(1), () -> operation.run(delayed));
            return "ok";
        });
        operations.put("join", op -> machine.xen().join().stream().map(answer -> "[" + answer + "]")
                .collect(Collectors.joining(" ")));
        operations.put("lapic", op -> guest(op).interrupts());

        operations.put("hc", op -> {
            long[] arguments = new long[ARGUMENTS];
            for (int i = 0; i < ARGUMENTS && op.has(3 + i); i++) { // six
                arguments[i] = ops.value(op, 3 + i);
            }
            return call(op, LIMIT, ops.value(op, 2), arguments);
        });
        operations.put("hcgo", op -> guest(op).goOn(op.countOr(2, LIMIT)));
        operations.put("send", op -> {
            write(PORT_AT, ops.value(op, 2), Integer.BYTES);
            return call(op, LIMIT, EVENT_CHANNEL_OP, 4, PORT_AT);
        });
        operations.put("poll", op -> poll(op, SCHED_POLL_AT, 2));
        operations.put("pollat", op -> poll(op, ops.value(op, 2), 3));
        operations.put("sst", this::setSingleShot);
        operations.put("sstop", op -> call(op, LIMIT, VCPU_OP, 9, ops.value(op, 2)));
        operations.put("sto", op -> {
            long timeout = ops.value(op, 2);
            return guest(op).isWide()
                    ? call(op, LIMIT, SET_TIMER, timeout)
                    : call(op, LIMIT, SET_TIMER, Integer.toUnsignedLong((int) timeout), timeout >>> 32);
        });
    }

    private XenCalls.Guest guest(Script.Op op) {
        return machine.xen().guest(machine.vcpu(op.integer(1)));
    }

    private String call(Script.Op op, int limit, long number, long... first) {
        List<Long> arguments = new ArrayList<>(Collections.nCopies(ARGUMENTS, 0L));
        for (int i = 0; i < first.length; i++) { // at most six
            arguments.set(i, first[i]);
        }
        return guest(op).hypercall(number, arguments, limit);
    }

    private void write(long gpa, long value, int length) {
        ops.write(gpa, XenOps.littleEndian(value, length));
    }

    /** The structure that a poll names: where its ports are, how many, and until when. */
    private String poll(Script.Op op, long at, int from) {
        int width = guest(op).isWide() ? Long.BYTES : Integer.BYTES;
        write(at, ops.value(op, from), width);
        write(at + width, Integer.toUnsignedLong((int) ops.value(op, from + 1)), width);
        write(at + 2 * width, ops.value(op, from + 2), Long.BYTES);
        return call(op, op.countOr(from + 3, POLL_LIMIT), SCHED_OP, 3, at);
    }

    private String setSingleShot(Script.Op op) {
        long at = op.has(5) ? ops.value(op, 5) : TIMER_AT;
        write(at, ops.value(op, 3), Long.BYTES);
        write(at + Long.BYTES, Integer.toUnsignedLong((int) ops.value(op, 4)),
                guest(op).isWide() ? Long.BYTES : Integer.BYTES);
        return call(op, LIMIT, VCPU_OP, 8, ops.value(op, 2), at);
    }
}
