package machine;

import static machine.Trap.STORE_MISALIGNED;

import io.github.pfncache.cache.GuestMode;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A hardware thread: RV64IMA in M-mode. An access that is not aligned is a trap. */
final class Hart {

    /** So many instructions lie between two looks at interrupts, and at what the host wants. */
    private static final int TURN = 1000;

    final Csrs csrs;
    private final Memory memory;
    private final long[] x = new long[32];
    private long pc = Region.ROM.gpa();

    /** What LR has read, and where: SC replaces that value, if it is still there. */
    private long reserved, reservedAt = -1;

    private boolean waits;

    Hart(int id, Memory memory) {
        this.csrs = new Csrs(id);
        this.memory = memory;
    }

    /** The life of its thread, which ends between two instructions. */
    void runWhile(BooleanSupplier goesOn) {
        GuestMode mode = memory.guestMode();
        mode.enter();
        try {
            while (goesOn.getAsBoolean()) {
                mode.poll(); // gives the host the pages that it wants
                turn();
                if (waits) {
                    mode.leave(); // before whatever waits
                    LockSupport.parkNanos(100_000); // then looks again
                    mode.enter();
                }
            }
        } finally {
            mode.leave();
            mode.handOver(); // the next thread finds the pages held
        }
    }

    /** Some instructions; fewer, if it comes to wait for an interrupt. */
    void turn() {
        waits &= !csrs.isWoken();
        pc = csrs.interrupt(pc);
        for (int i = 0; i < TURN && !waits; i++) {
            try {
                execute(memory.fetch(aligned(pc, 2, Trap.FETCH_MISALIGNED)));
            } catch (Trap trap) {
                boolean fetched = trap.cause != Trap.LOAD_FAULT || trap.value != pc;
                pc = trap == Trap.AGAIN ? pc : csrs.trap(fetched ? trap.cause : Trap.FETCH_FAULT, trap.value, pc);
            }
        }
    }

    private void execute(int op) {
        int rd = op >> 7 & 31;
        int kind = op >> 12 & 7;
        int shift = kind & 3; // of the width of an access
        long a = x[op >> 15 & 31];
        long b = x[op >> 20 & 31];
        long immediate = op >> 20;
        boolean alternate = (op >> 30 & 1) != 0;
        boolean multiplies = op >>> 25 == 1;
        long next = pc + Integer.BYTES;
        long result = x[rd];
        switch (op & 0x7f) {
            case 0x03 -> result = load(a + immediate, shift, kind > 3);
            case 0x0f -> VarHandle.fullFence();
            case 0x13 -> result = Alu.compute(kind, alternate && kind == 5, a, immediate);
            case 0x17 -> result = pc + (op & -0x1000);
            case 0x1b -> result = Alu.compute32(kind, alternate && kind == 5, a, immediate);
            case 0x23 -> memory.store(aligned(a + (op >> 25 << 5 | rd), shift, STORE_MISALIGNED), 1 << shift, b);
            case 0x2f -> result = amo(shift > 1 ? op >>> 27 : -1, aligned(a, shift, STORE_MISALIGNED), 1 << shift, b);
            case 0x33 -> result = multiplies ? Alu.multiply(kind, a, b) : Alu.compute(kind, alternate, a, b);
            case 0x37 -> result = op & -0x1000;
            case 0x3b -> result = multiplies ? Alu.multiply32(kind, a, b) : Alu.compute32(kind, alternate, a, b);
            case 0x63 -> next = Alu.branches(kind, a, b)
                    ? pc + (op >> 31 << 12 | op << 4 & 0x800 | op >> 20 & 0x7e0 | op >> 7 & 0x1e) : next;
            case 0x67, 0x6f -> {
                result = next;
                next = (op & 8) == 0 ? a + immediate & -2
                        : pc + (op >> 31 << 20 | op & 0xff000 | op >> 9 & 0x800 | op >> 20 & 0x7fe);
            }
            case 0x73 -> {
                switch (kind == 0 ? op >>> 20 : -1) {
                    case 0x000 -> throw new Trap(Trap.ECALL, 0);
                    case 0x105 -> waits = true; // wfi
                    case 0x302 -> next = csrs.mret();
                    default -> result = csrs.access(op, kind & 3, kind < 4 ? a : op >> 15 & 31);
                }
            }
            default -> throw new Trap(Trap.ILLEGAL, op);
        }
        x[rd] = result; // of what has no result: what was there
        x[0] = 0;
        pc = next;
    }

    private long load(long gpa, int shift, boolean unsigned) {
        long value = memory.load(aligned(gpa, shift, Trap.LOAD_MISALIGNED), 1 << shift);
        return unsigned ? value & -1L >>> Long.SIZE - (Byte.SIZE << shift) : value;
    }

    private static long aligned(long gpa, int shift, int otherwise) {
        if ((gpa & (1 << shift) - 1) != 0) {
            throw new Trap(otherwise, gpa);
        }
        return gpa;
    }

    private long amo(int function, long gpa, int width, long operand) {
        if (function == 2) { // LR
            reserved = memory.load(gpa, width);
            reservedAt = gpa;
            VarHandle.fullFence();
            return reserved;
        }
        if (function == 3) { // SC
            boolean done = gpa == reservedAt && memory.compareAndSet(gpa, width, reserved, operand);
            reservedAt = -1;
            return done ? 0 : 1;
        }
        while (true) { // until nobody comes between
            long before = memory.load(gpa, width);
            long after = Alu.combine(function, before, width == Integer.BYTES ? (int) operand : operand);
            if (memory.compareAndSet(gpa, width, before, after)) {
                return before;
            }
        }
    }

    void state(State state) {
        csrs.state(state);
        pc = state.of(pc);
        state.of(x);
        waits = state.of(waits ? 1 : 0) != 0;
        reservedAt = -1; // as after a trap: SC fails, and the program tries again
    }
}
