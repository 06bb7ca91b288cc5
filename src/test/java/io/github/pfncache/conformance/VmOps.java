package io.github.pfncache.conformance;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vcpu;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/** The operations on the virtual machine and its vCPUs. */
final class VmOps {

    private static final int SYSTEM_TIME_OLD = 0x12;
    private static final int SYSTEM_TIME = 0x4b564d01;
    private static final int STEAL_TIME = 0x4b564d03;

    private static final int RING_ENTRY_BYTES = 16;
    private static final int UNKNOWN_FLAG = 1 << 31;
    private static final int GUEST_MEMFD_FLAG = 1 << 2;

    private static final long NANOS_PER_MILLI = 1_000_000;

    private final Machine machine;

    VmOps(Machine machine) {
        this.machine = machine;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("vcpus", op -> configured(() -> machine.setVcpus(op.bounded(1, Script.MAX_VCPUS))));
        operations.put("ring", op -> configured(() -> machine.setDirtyRing(op.count(1) / RING_ENTRY_BYTES)));

        operations.put("slot", this::slot);
        operations.put("del", op -> set(op.integer(1), 0, op.has(2) ? op.number(2) : 0, 0, 0));
        operations.put("dlog", this::harvest);
        operations.put("ringget", this::harvestRing);

        operations.put("reg", op -> hostWrite(op, SYSTEM_TIME));
        operations.put("reg_old", op -> hostWrite(op, SYSTEM_TIME_OLD));
        operations.put("greg", op -> guestWrite(op, SYSTEM_TIME));
        operations.put("greg_old", op -> guestWrite(op, SYSTEM_TIME_OLD));
        operations.put("streg", op -> hostWrite(op, STEAL_TIME));
        operations.put("gstreg", op -> guestWrite(op, STEAL_TIME));
        operations.put("msr", op -> written(vcpu(op).writeMsr(op.integer(2), op.number(3)), "rej"));
        operations.put("gmsr", op -> guestWrite(vcpu(op), op.integer(2), op.number(3)));
        operations.put("getmsr", op -> "0x" + Long.toHexString(vcpu(op).readMsr(op.integer(2))));

        operations.put("run", op -> run(vcpu(op), op.countOr(2, 1)));
        operations.put("runx", this::runWithImmediateExit);
        operations.put("clkrun", this::setClockAndRun);
        operations.put("clk", op -> setClock());
        operations.put("ctrl", op -> machine.kvmclock().guestStopped(vcpu(op)) == Outcome.OK ? "0" : "EINVAL");
        operations.put("sleep", this::sleep);
    }

    private static String configured(Runnable setting) {
        setting.run();
        return "ok";
    }

    private Vcpu vcpu(Script.Op op) {
        return machine.vm().vcpu(op.integer(1));
    }

    // ---- memslots and dirty logs

    private String slot(Script.Op op) {
        String size = op.word(3);
        long bytes = size.endsWith("b")
                ? Script.parseNumber(size.substring(0, size.length() - 1))
                : op.number(3) << Pages.PAGE_SHIFT;
        int flags = op.word(5).chars().map(VmOps::flag).reduce(0, (a, b) -> a | b);
        return set(op.integer(1), flags, op.number(2), bytes, machine.arenas().address(op.word(4)));
    }

    private static int flag(int letter) {
        return switch (letter) {
            case 'l' -> Memslot.FLAG_LOG_DIRTY_PAGES;
            case 'r' -> Memslot.FLAG_READONLY;
            case 'x' -> UNKNOWN_FLAG;
            case 'g' -> GUEST_MEMFD_FLAG;
            case '-' -> 0;
            default -> throw new Script.Unreadable("no flag: " + (char) letter);
        };
    }

    private String set(int id, int flags, long gpa, long size, long hva) {
        try {
            return machine.vm().memslots().set(id, flags, gpa, size, hva) == Memslots.Change.BUSY ? "EBUSY" : "0";
        } catch (Memslots.Rejected e) {
            return e.errno();
        }
    }

    private String harvest(Script.Op op) {
        Memslots.HarvestResult result = machine.vm().memslots().harvestDirty(op.integer(1));
        if (result.status() != Memslots.HarvestStatus.OK) {
            return result.status().name();
        }
        return "{" + Arrays.stream(result.harvest().pages()).mapToObj(Long::toString).collect(Collectors.joining("."))
                + "}";
    }

    private String harvestRing(Script.Op op) {
        DirtyRing ring = vcpu(op).dirtyRing();
        if (ring == null) {
            throw new Script.Unreadable("there are no rings");
        }
        String entries = ring.entries().stream()
                .map(entry -> entry.slotId() + ":" + entry.page())
                .collect(Collectors.joining(" "));
        return "{" + entries + "} reset=" + ring.reset();
    }

    // ---- registers

    private void watch(int index, long value) {
        if (index == STEAL_TIME) {
            machine.observer().watchStealTime(value);
        } else {
            machine.observer().watchClock(value);
        }
    }

    private String hostWrite(Script.Op op, int index) {
        watch(index, op.number(2));
        return written(vcpu(op).writeMsr(index, op.number(2)), "rej");
    }

    private String guestWrite(Script.Op op, int index) {
        watch(index, op.number(2));
        return guestWrite(vcpu(op), index, op.number(2));
    }

    /** Enters the guest, which writes the register and goes on. */
    private static String guestWrite(Vcpu vcpu, int index, long value) {
        boolean[] accepted = new boolean[1];
        Vcpu.Exit exit = vcpu.run(() -> accepted[0] = vcpu.guestWriteMsr(index, value));
        return exit == Vcpu.Exit.GUEST ? written(accepted[0], "#GP") : exitText(exit);
    }

    private static String written(boolean accepted, String otherwise) {
        return accepted ? "ok" : otherwise;
    }

    // ---- running

    private static String exitText(Vcpu.Exit exit) {
        return switch (exit) {
            case GUEST -> "IOf8";
            case INTERRUPTED -> "EINTR";
            case DIRTY_RING_FULL -> "X31";
        };
    }

    private static String run(Vcpu vcpu) {
        return exitText(vcpu.run(() -> {}));
    }

    private static String run(Vcpu vcpu, int times) {
        String last = "";
        for (int i = 0; i < times; i++) { // bounded by the script
            last = run(vcpu);
        }
        return last;
    }

    private String runWithImmediateExit(Script.Op op) {
        Vcpu vcpu = vcpu(op);
        vcpu.setImmediateExit(true);
        try {
            return run(vcpu);
        } finally {
            vcpu.setImmediateExit(false);
        }
    }

    private String setClock() {
        machine.kvmclock().setClock(machine.kvmclock().getClock());
        return "0";
    }

    private String setClockAndRun(Script.Op op) {
        int times = op.count(2);
        for (int i = 0; i < times; i++) { // bounded by the script
            setClock();
            String exit = run(vcpu(op));
            if (!exit.equals("IOf8")) {
                return i + "*IOf8 then " + exit;
            }
        }
        return times + "*IOf8";
    }

    private String sleep(Script.Op op) {
        machine.clock().advance(op.number(1) * NANOS_PER_MILLI);
        return "ok";
    }
}
