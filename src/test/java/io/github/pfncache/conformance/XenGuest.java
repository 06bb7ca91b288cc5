package io.github.pfncache.conformance;

import io.github.pfncache.cache.Outcome;
import io.github.pfncache.kvm.Operation;
import io.github.pfncache.kvm.Script;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.GuestMode;
import io.github.pfncache.xen.Hypercall;
import io.github.pfncache.xen.HypercallResult;
import io.github.pfncache.xen.XenConfig;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What guests do: they run, halt, take interrupts, make hypercalls. And what their host sees of it. */
final class XenGuest {

    private static final int LIMIT = 400;
    private static final int HLT_LIMIT = 300;
    private static final int SPIN_LIMIT = 100;
    private static final int POLL_LIMIT = 500;

    private static final int WAITED = 70;
    private static final int WAITED_LONG = 240;
    private static final long MILLISECOND = 1_000_000;

    private static final long ANSWER_OF_THE_HOST = 77;
    private static final byte[] VMMCALL = {0x0f, 0x01, (byte) 0xd9};

    private static final long SCHED_POLL_AT = 0x6000;
    private static final long PORT_AT = 0x6100;
    private static final long TIMER_AT = 0x6200;

    private static final String BLOCKED = "BLOCKED";

    private final XenMachine machine;
    private final XenOps ops;
    private final XenTime time;

    /** The hypercall that is at its host, or was interrupted, by vCPU: what to answer when the guest goes on. */
    private final Map<Integer, Long> unanswered = new java.util.HashMap<>();

    XenGuest(XenMachine machine, XenOps ops, XenTime time) {
        this.machine = machine;
        this.ops = ops;
        this.time = time;
    }

    void addTo(Map<String, Operation> operations) {
        Operation plainRun = operations.get("run");
        operations.put("run", op -> machine.hasXen() ? repeat(op) : plainRun.run(op));
        operations.put("irun", op -> timed(cpu(op), LIMIT, true, this::step));
        operations.put("hlt", op -> timed(cpu(op), op.countOr(2, HLT_LIMIT), true, this::halt));
        operations.put("hltcli", op -> timed(cpu(op), op.countOr(2, HLT_LIMIT), false, this::halt));
        operations.put("spin", op -> timed(cpu(op), op.countOr(2, SPIN_LIMIT), true, this::spin));

        operations.put("hc", op -> call(cpu(op), LIMIT, ops.value(op, 2), arguments(op, 3)));
        operations.put("hcgo", op -> timed(cpu(op), op.countOr(2, LIMIT), false, this::goOn));
        operations.put("send", op -> {
            ops.write(PORT_AT, XenOps.littleEndian(ops.value(op, 2), Integer.BYTES));
            return call(cpu(op), LIMIT, 32, 4, PORT_AT);
        });
        operations.put("poll", op -> poll(op, SCHED_POLL_AT, 2));
        operations.put("pollat", op -> poll(op, ops.value(op, 2), 3));
        operations.put("sst", this::setSingleShot);
        operations.put("sstop", op -> call(cpu(op), LIMIT, 24, 9, ops.value(op, 2)));
        operations.put("sto", op -> {
            long timeout = ops.value(op, 2);
            return cpu(op).mode() == GuestMode.NATIVE
                    ? call(cpu(op), LIMIT, 15, timeout)
                    : call(cpu(op), LIMIT, 15, Integer.toUnsignedLong((int) timeout), timeout >>> 32);
        });

        Operation plainRegister = operations.get("gmsr");
        operations.put("gmsr", op -> machine.hasXen()
                ? writeRegister(op, op.integer(2), op.number(3))
                : plainRegister.run(op));
        for (String name : List.of("greg", "greg_old")) {
            Operation plain = operations.get(name);
            operations.put(name, op -> machine.hasXen() ? ofInterrupt(plain.run(op)) : plain.run(op));
        }
        operations.put("gm", op -> {
            cpu(op).setMode(op.word(2).equals("64") ? GuestMode.NATIVE : GuestMode.COMPAT);
            return "ok";
        });
        operations.put("lapic", op -> "irr:" + cpu(op).requested().stream()
                .map(vector -> " " + Integer.toHexString(vector)).collect(Collectors.joining()) + " isr:");
        Operation plainSleep = operations.get("sleep");
        operations.put("sleep", op -> {
            if (!machine.hasXen()) {
                return plainSleep.run(op);
            }
            time.pass(op.count(1));
            return "ok";
        });
    }

    private XenCpu cpu(Script.Op op) {
        return machine.xenCpu(op.integer(1));
    }

    // ---- running

    /** A guest's code, from its first entry on; with interrupts on or off, and at most for so many milliseconds. */
    @FunctionalInterface
    private interface Code {
        String run(XenCpu cpu, boolean interruptible, int limit);
    }

    /** Runs a guest until it leaves, or a signal takes it out. */
    private String timed(XenCpu cpu, int limit, boolean interruptible, Code code) {
        long start = machine.clock().monotonicNanos();
        String exit = wakes(cpu, interruptible, limit)
                ? enter(cpu, () -> code.run(cpu, interruptible, limit))
                : BLOCKED;
        return exit + waited(exit, start);
    }

    private String waited(String exit, long start) {
        long passed = (machine.clock().monotonicNanos() - start) / MILLISECOND;
        return exit.endsWith(BLOCKED) || passed < WAITED ? "" : passed < WAITED_LONG ? " waited" : " waited-long";
    }

    private static String enter(XenCpu cpu, java.util.function.Supplier<String> code) {
        String[] text = new String[1];
        Vcpu.Exit exit = cpu.vcpu().run(() -> {
            cpu.entered();
            text[0] = code.get();
        });
        return switch (exit) {
            case GUEST -> text[0];
            case INTERRUPTED -> "EINTR";
            case DIRTY_RING_FULL -> "X31";
        };
    }

    private String repeat(Script.Op op) {
        String last = "";
        int times = op.countOr(2, 1);
        for (int i = 0; i < times; i++) { // bounded by the script
            last = timed(cpu(op), LIMIT, false, this::step);
        }
        return last;
    }

    /** Takes an interrupt, or leaves by an output. */
    private String step(XenCpu cpu, boolean interruptible, int limit) {
        return interruptible && cpu.pendingVector() != 0 ? cpu.takeInterrupt() : "IOf8";
    }

    private String halt(XenCpu cpu, boolean interruptible, int limit) {
        if (interruptible && cpu.pendingVector() != 0) {
            return cpu.takeInterrupt(); // before it halts
        }
        cpu.setHalted(true);
        if (!wakes(cpu, interruptible, limit)) {
            return BLOCKED;
        }
        resume(cpu);
        return step(cpu, interruptible, limit);
    }

    /** Whether a vCPU that halts does not, or not any more after at most so many milliseconds. */
    private boolean wakes(XenCpu cpu, boolean interruptible, int limit) {
        boolean woken = !cpu.isHalted() || time.waitUntil(
                () -> interruptible && cpu.pendingVector() != 0 || cpu.hasWork(), limit);
        cpu.setHalted(!woken);
        return woken;
    }

    /** The processor that the vCPU had left to others is its own again, and it enters its guest. */
    private static void resume(XenCpu cpu) {
        cpu.setRunning();
        cpu.enterAgain();
    }

    private String spin(XenCpu cpu, boolean interruptible, int limit) {
        boolean taken = time.waitWhileRunning(cpu, () -> {
            cpu.enterAgain(); // the host's timer takes it out now and then
            return cpu.pendingVector() != 0;
        }, limit);
        resume(cpu);
        return taken ? cpu.takeInterrupt() : BLOCKED;
    }

    // ---- registers

    private static String ofInterrupt(String written) {
        return written.equals("ok") ? "IOe9" : written.equals("#GP") ? "INTd" : written;
    }

    private String writeRegister(Script.Op op, int index, long value) {
        XenCpu cpu = cpu(op);
        if (index != XenConfig.DEFAULT_MSR) {
            return timed(cpu, LIMIT, false, (c, i, l) -> c.vcpu().guestWriteMsr(index, value) ? "IOe9" : "INTd");
        }
        return timed(cpu, LIMIT, false, (c, i, l) ->
                c.xen().writeHypercallPage(c.mode(), value, VMMCALL) == Outcome.OK ? "IOe9" : "INTd");
    }

    // ---- hypercalls

    private List<Long> arguments(Script.Op op, int from) {
        List<Long> arguments = new ArrayList<>();
        for (int i = from; i < from + 6; i++) { // six
            arguments.add(op.has(i) ? ops.value(op, i) : 0L);
        }
        return arguments;
    }

    private String call(XenCpu cpu, int limit, long number, long... first) {
        List<Long> arguments = new ArrayList<>();
        for (int i = 0; i < 6; i++) { // six
            arguments.add(i < first.length ? first[i] : 0L);
        }
        return call(cpu, limit, number, arguments);
    }

    private String call(XenCpu cpu, int limit, long number, List<Long> arguments) {
        Hypercall call = new Hypercall(cpu.mode(), false, number, arguments);
        long start = machine.clock().monotonicNanos();
        String[] exit = new String[1];
        String text = !wakes(cpu, false, limit) ? BLOCKED : enter(cpu, () -> {
            HypercallResult result = cpu.hypercall(call);
            if (result.kind() == HypercallResult.Kind.EMULATOR) {
                exit[0] = describe(call);
                return "";
            }
            unanswered.put(cpu.vcpu().id(), result.value());
            if (result.kind() != HypercallResult.Kind.HALTED) {
                cpu.enterAgain();
            } else if (time.waitUntil(cpu::isPollOver, limit)) {
                resume(cpu);
            } else {
                cpu.stopPoll();
                return BLOCKED;
            }
            return answer(cpu);
        });
        if (exit[0] != null) {
            unanswered.put(cpu.vcpu().id(), ANSWER_OF_THE_HOST);
            text = exit[0] + " " + enter(cpu, () -> answer(cpu));
        }
        return text + waited(text, start);
    }

    /** The guest goes on after its hypercall, or where it is. */
    private String goOn(XenCpu cpu, boolean interruptible, int limit) {
        if (unanswered.containsKey(cpu.vcpu().id())) {
            return answer(cpu);
        }
        time.pass(limit); // a loop that does nothing
        return BLOCKED;
    }

    private String answer(XenCpu cpu) {
        long value = unanswered.remove(cpu.vcpu().id());
        return "rax=" + (cpu.mode() == GuestMode.NATIVE ? value : (int) value);
    }

    private static String describe(Hypercall call) {
        boolean wide = call.mode() == GuestMode.NATIVE;
        String in = call.arguments().stream()
                .map(each -> Long.toHexString(wide ? each : Integer.toUnsignedLong(each.intValue())))
                .collect(Collectors.joining("."));
        String number = Long.toUnsignedString(wide ? call.number() : Integer.toUnsignedLong((int) call.number()));
        return "X34{nr=" + number + ",cpl=0,lm=" + (wide ? 1 : 0) + ",in=" + in + "}";
    }

    private String poll(Script.Op op, long at, int from) {
        XenCpu cpu = cpu(op);
        boolean wide = cpu.mode() == GuestMode.NATIVE;
        int width = wide ? Long.BYTES : Integer.BYTES;
        long ports = ops.value(op, from);
        long timeout = ops.value(op, from + 2);
        String argument = HexFormat.of().formatHex(XenOps.littleEndian(ports, width))
                + HexFormat.of().formatHex(XenOps.littleEndian(ops.value(op, from + 1), Integer.BYTES))
                + (wide ? "00000000" : "")
                + HexFormat.of().formatHex(XenOps.littleEndian(timeout, Long.BYTES));
        ops.write(at, HexFormat.of().parseHex(argument));
        return call(cpu, op.countOr(from + 3, POLL_LIMIT), 29, 3, at);
    }

    private String setSingleShot(Script.Op op) {
        XenCpu cpu = cpu(op);
        long at = op.has(5) ? ops.value(op, 5) : TIMER_AT;
        String argument = HexFormat.of().formatHex(XenOps.littleEndian(ops.value(op, 3), Long.BYTES))
                + HexFormat.of().formatHex(XenOps.littleEndian(ops.value(op, 4), Integer.BYTES))
                + (cpu.mode() == GuestMode.NATIVE ? "00000000" : "");
        ops.write(at, HexFormat.of().parseHex(argument));
        return call(cpu, LIMIT, 24, 8, ops.value(op, 2), at);
    }
}
