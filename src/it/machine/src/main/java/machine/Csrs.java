package machine;

/** The control and status registers of a hart in M-mode: its traps, and the interrupts that devices raise. */
final class Csrs {

    /** Bits of mip and mie. */
    static final int SOFTWARE = 3, EXTERNAL = 11;

    private static final int MSTATUS = 0x300, MIE = 0x304, MTVEC = 0x305, MEPC = 0x341, MCAUSE = 0x342;
    private static final int MTVAL = 0x343, MIP = 0x344, TIME = 0xc01, MHARTID = 0xf14;
    private static final int ENABLED = 1 << 3, FORMER = 4; // mstatus.MIE; MPIE lies so many bits above

    private final long[] registers = new long[0x1000];

    /** mip: written by the devices. */
    private volatile long pending;

    Csrs(int hart) { registers[MHARTID] = hart; }

    /** Reads a register and writes, sets or clears bits of it. */
    long access(int op, int kind, long operand) {
        int number = op >>> 20;
        long before = number == MIP ? pending : number == TIME ? System.nanoTime() : registers[number];
        registers[number] = switch (kind) {
            case 1 -> operand;
            case 2 -> before | operand;
            case 3 -> before & ~operand;
            default -> throw new Trap(Trap.ILLEGAL, op);
        };
        return before;
    }

    /** Enters the handler, and answers where that is. */
    long trap(long cause, long value, long pc) {
        registers[MEPC] = pc;
        registers[MCAUSE] = cause;
        registers[MTVAL] = value;
        registers[MSTATUS] = (registers[MSTATUS] & ENABLED) << FORMER;
        return registers[MTVEC];
    }

    /** Leaves the handler, and answers where the program goes on. */
    long mret() {
        registers[MSTATUS] = registers[MSTATUS] >> FORMER & ENABLED;
        return registers[MEPC];
    }

    /** Where the program goes on: in the handler, if there is an interrupt to be taken. */
    long interrupt(long pc) {
        boolean taken = isWoken() && (registers[MSTATUS] & ENABLED) != 0;
        return taken ? trap(Long.MIN_VALUE | 63 - Long.numberOfLeadingZeros(pending & registers[MIE]), 0, pc) : pc;
    }

    /** Whether there is what wfi waits for. */
    boolean isWoken() { return (pending & registers[MIE]) != 0; }

    /** For devices, of any thread. */
    synchronized void raise(int interrupt, boolean raised) {
        pending = raised ? pending | 1L << interrupt : pending & ~(1L << interrupt);
    }

    void state(State state) {
        state.of(registers);
        pending = state.of(pending);
    }
}
