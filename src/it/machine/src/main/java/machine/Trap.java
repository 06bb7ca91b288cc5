package machine;

/** Ends an instruction that cannot be carried out; thrown by whatever finds that out, caught by the hart. */
final class Trap extends RuntimeException {

    static final int FETCH_MISALIGNED = 0, FETCH_FAULT = 1, ILLEGAL = 2, LOAD_MISALIGNED = 4, LOAD_FAULT = 5;
    static final int STORE_MISALIGNED = 6, STORE_FAULT = 7, ECALL = 11;

    /** The memory is busy: nothing has happened, and the same instruction is next. */
    static final Trap AGAIN = new Trap(-1, 0);

    private static final long serialVersionUID = 1;

    final int cause;
    final long value;

    Trap(int cause, long value) {
        super(null, null, false, false); // no stack trace: a trap costs little
        this.cause = cause;
        this.value = value;
    }
}
