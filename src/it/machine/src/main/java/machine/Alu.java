package machine;

/** What the instructions of RV64IMA compute; {@code kind} is the field of three bits. */
final class Alu {

    private static final long LOW = 0xffff_ffffL;

    /** The alternate of an addition is a subtraction; of a logical shift, an arithmetic one. */
    static long compute(int kind, boolean alternate, long a, long b) {
        return switch (kind) {
            case 0 -> alternate ? a - b : a + b;
            case 1 -> a << b;
            case 2 -> a < b ? 1 : 0;
            case 3 -> Long.compareUnsigned(a, b) < 0 ? 1 : 0;
            case 4 -> a ^ b;
            case 5 -> alternate ? a >> b : a >>> b;
            case 6 -> a | b;
            default -> a & b;
        };
    }

    /** Of the lower halves, sign-extended: additions and shifts. */
    static long compute32(int kind, boolean alternate, long a, long b) {
        return (int) compute(kind, alternate, kind == 5 && !alternate ? a & LOW : (int) a, kind == 0 ? b : b & 31);
    }

    static long multiply(int kind, long a, long b) {
        return switch (kind) {
            case 0 -> a * b;
            case 1 -> Math.multiplyHigh(a, b);
            case 2 -> Math.multiplyHigh(a, b) + (b >> 63 & a);
            case 3 -> Math.multiplyHigh(a, b) + (a >> 63 & b) + (b >> 63 & a);
            case 4 -> b == 0 ? -1 : a / b;
            case 5 -> b == 0 ? -1 : Long.divideUnsigned(a, b);
            case 6 -> b == 0 ? a : a % b;
            default -> b == 0 ? a : Long.remainderUnsigned(a, b);
        };
    }

    /** Of the lower halves, sign-extended. */
    static long multiply32(int kind, long a, long b) {
        boolean unsigned = kind == 5 || kind == 7;
        return (int) multiply(kind, unsigned ? a & LOW : (int) a, unsigned ? b & LOW : (int) b);
    }

    /** The odd kinds are the opposites. */
    static boolean branches(int kind, long a, long b) {
        boolean even = switch (kind >> 1) {
            case 0 -> a == b;
            case 2 -> a < b;
            case 3 -> Long.compareUnsigned(a, b) < 0;
            default -> throw new Trap(Trap.ILLEGAL, 0);
        };
        return even == ((kind & 1) == 0);
    }

    /** What an AMO writes, by the uppermost five bits of the instruction. */
    static long combine(int function, long a, long b) {
        return switch (function) {
            case 0x00 -> a + b;
            case 0x01 -> b;
            case 0x04 -> a ^ b;
            case 0x08 -> a | b;
            case 0x0c -> a & b;
            case 0x10 -> Math.min(a, b);
            case 0x14 -> Math.max(a, b);
            case 0x18 -> Long.compareUnsigned(a, b) < 0 ? a : b;
            case 0x1c -> Long.compareUnsigned(a, b) > 0 ? a : b;
            default -> throw new Trap(Trap.ILLEGAL, 0);
        };
    }
}
