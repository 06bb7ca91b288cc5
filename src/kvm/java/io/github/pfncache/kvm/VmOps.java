package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import java.util.Map;

/** The operations on the virtual machine and its vCPUs. */
final class VmOps {

    private static final int WALL_CLOCK_OLD = 0x11;
    private static final int WALL_CLOCK = 0x4b564d00;
    private static final int SYSTEM_TIME_OLD = 0x12;
    private static final int SYSTEM_TIME = 0x4b564d01;
    private static final int STEAL_TIME = 0x4b564d03;

    private static final int UNKNOWN_FLAG = 1 << 31;
    private static final int GUEST_MEMFD_FLAG = 1 << 2;

    private final Machine machine;

    VmOps(Machine machine) {
        this.machine = machine;
    }

    void addTo(Map<String, Operation> operations) {
        operations.put("vcpus", op -> configured(() -> machine.setVcpus(op.bounded(1, Script.MAX_VCPUS))));
        operations.put("ring", op -> configured(() -> machine.setDirtyRing(op.count(1))));

        operations.put("slot", this::slot);
        operations.put("del", op -> set(op.integer(1), 0, op.has(2) ? op.number(2) : 0, 0, 0));
        operations.put("dlog", op -> calls().harvest(op.integer(1)));
        operations.put("ringget", this::harvestRing);

        operations.put("reg", op -> hostWrite(op, SYSTEM_TIME));
        operations.put("reg_old", op -> hostWrite(op, SYSTEM_TIME_OLD));
        operations.put("greg", op -> guestWrite(op, SYSTEM_TIME));
        operations.put("greg_old", op -> guestWrite(op, SYSTEM_TIME_OLD));
        operations.put("streg", op -> hostWrite(op, STEAL_TIME));
        operations.put("gstreg", op -> guestWrite(op, STEAL_TIME));
        operations.put("msr", op -> written(calls().writeMsr(vcpu(op), index(op), op.number(3))));
        operations.put("gmsr", op -> calls().guestWriteMsr(vcpu(op), index(op), op.number(3)));
        operations.put("getmsr", op -> calls().readMsr(vcpu(op), op.integer(2)));

        operations.put("run", op -> run(vcpu(op), op.countOr(2, 1)));
        operations.put("runx", op -> calls().runImmediate(vcpu(op)));
        operations.put("clkrun", this::setClockAndRun);
        operations.put("clk", op -> calls().setClock());
        operations.put("ctrl", op -> calls().guestStopped(vcpu(op)));
        operations.put("sleep", this::sleep);
    }

    private static String configured(Runnable setting) {
        setting.run();
        return "ok";
    }

    private VmCalls calls() {
        return machine.calls();
    }

    private int vcpu(Script.Op op) {
        return machine.vcpu(op.integer(1));
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
        String answer = calls().setSlot(id, flags, gpa, size, hva);
        if (answer.equals("0")) {
            machine.slotIs(id, gpa, size, hva);
        }
        return answer;
    }

    private String harvestRing(Script.Op op) {
        if (!machine.hasRing()) {
            throw new Script.Unreadable("there are no rings");
        }
        return calls().harvestRing(vcpu(op));
    }

    // ---- registers

    private void watch(int index, long value) {
        if (index == STEAL_TIME) {
            machine.observer().watchStealTime(value);
        } else {
            machine.observer().watchClock(value);
        }
    }

    /** A clock or a steal time that is registered so is not watched. */
    private int index(Script.Op op) {
        int index = op.integer(2);
        if (index == WALL_CLOCK || index == WALL_CLOCK_OLD) {
            machine.observer().expectWallClock(op.number(3));
        }
        return index;
    }

    private String hostWrite(Script.Op op, int index) {
        watch(index, op.number(2));
        return written(calls().writeMsr(vcpu(op), index, op.number(2)));
    }

    private String guestWrite(Script.Op op, int index) {
        watch(index, op.number(2));
        return calls().guestWriteMsr(vcpu(op), index, op.number(2));
    }

    private static String written(boolean accepted) {
        return accepted ? "ok" : "rej";
    }

    // ---- running

    private String run(int vcpu, int times) {
        String last = "";
        for (int i = 0; i < times; i++) { // bounded by the script
            last = calls().run(vcpu);
        }
        return last;
    }

    private String setClockAndRun(Script.Op op) {
        int times = op.count(2);
        for (int i = 0; i < times; i++) { // bounded by the script
            calls().setClock();
            String exit = calls().run(vcpu(op));
            if (!exit.equals("IOf8")) {
                return i + "*IOf8 then " + exit;
            }
        }
        return times + "*IOf8";
    }

    private String sleep(Script.Op op) {
        calls().sleep(op.number(1));
        return "ok";
    }
}
