package io.github.pfncache.kvm;

/** The program of a guest in real mode: it leaves by writing to a port, again and again. */
final class GuestCode {

    /** Where it leaves, by port 0xf8. */
    static final long LOOP = 0x1000;

    /** Where it writes a register first, and leaves by port 0xe9, or by 0xea if that was refused. */
    static final long WRITE_REGISTER = 0x1100;

    /** Where it stays for ever. */
    static final long STAY = 0x11c0;

    static final long STACK = 0x8000;

    private static final int FAULT = 0x1200;
    private static final int VECTORS = 32;

    private GuestCode() {}

    /** Writes the program into the memory that begins at an address. */
    static void write(HostCalls host, long hva) {
        for (int vector = 0; vector < VECTORS; vector++) { // bounded by the constant
            put(host, hva + vector * (long) Integer.BYTES, FAULT & 0xff, FAULT >> 8, 0, 0);
        }
        put(host, hva + LOOP, 0xe6, 0xf8, 0xeb, 0xfc); // out 0xf8,al; jmp LOOP
        put(host, hva + WRITE_REGISTER, 0x0f, 0x30, 0xe6, 0xe9, 0xe9, 0xf9, 0xfe); // wrmsr; out 0xe9,al; jmp LOOP
        put(host, hva + STAY, 0xeb, 0xfe); // jmp STAY
        put(host, hva + FAULT, 0x83, 0xc4, 0x06, 0xe6, 0xea, 0xe9, 0xf8, 0xfd); // add sp,6; out 0xea,al; jmp LOOP
    }

    private static void put(HostCalls host, long hva, int... code) {
        byte[] bytes = new byte[code.length];
        for (int i = 0; i < code.length; i++) { // some bytes
            bytes[i] = (byte) code[i];
        }
        if (!host.poke(hva, bytes)) {
            throw new IllegalStateException("the guest's code at 0x" + Long.toHexString(hva) + " is not writable");
        }
    }
}
