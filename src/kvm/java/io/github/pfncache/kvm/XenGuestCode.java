package io.github.pfncache.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** The program of a guest in 64-bit or 32-bit mode, and the tables that its processor needs. */
final class XenGuestCode {

    // Where it makes a hypercall, leaves, halts, spins, and writes a register; the ports by which it leaves.
    static final int HYPERCALL = 0x2000;
    static final int LEAVE = 0x2010;
    static final int HALT = 0x2020;
    static final int SPIN = 0x2030;
    static final int WRITE_REGISTER = 0x2040;

    static final int IDT_WIDE = 0x3000;
    static final int IDT = 0x4000;
    static final int GDT = 0x4800;
    static final int GDT_BYTES = 32;
    static final int PAGE_TABLE = 0x9000;
    static final int STACK = 0xf200;
    static final int STACK_BYTES = 0x200;

    private static final int END_OF_INTERRUPT = 0x2200;
    private static final int HANDLERS = 0x5000;
    private static final int HANDLER_BYTES = 16;
    private static final int VECTORS = 256;
    private static final int DIRECTORIES = 0xa000;
    private static final int LARGE_PAGES = 0xb000;
    private static final int DIRECTORY_COUNT = 4;

    private static final int BEGIN = HYPERCALL;
    private static final int END = LARGE_PAGES + DIRECTORY_COUNT * 0x1000;

    private final ByteBuffer memory = ByteBuffer.allocate(END).order(ByteOrder.LITTLE_ENDIAN);

    private XenGuestCode() {}

    /** Writes program and tables into the memory that begins at an address. */
    static void write(HostCalls host, long hva) {
        byte[] all = new XenGuestCode().make();
        if (!host.poke(hva + BEGIN, java.util.Arrays.copyOfRange(all, BEGIN, END))) {
            throw new IllegalStateException("the guest's code at 0x" + Long.toHexString(hva) + " is not writable");
        }
    }

    private byte[] make() {
        put(HYPERCALL, "0f01d9 e6e9 ebfe"); // vmmcall; out 0xe9,al; jmp here
        put(LEAVE, "90 90 e6f8 ebfa"); // nop; nop; out 0xf8,al; jmp LEAVE
        put(HALT, "f4 e6f8 ebfb"); // hlt; out 0xf8,al; jmp HALT
        put(SPIN, "f390 ebfc"); // pause; jmp SPIN
        put(WRITE_REGISTER, "0f30 e6e9 ebfe"); // wrmsr; out 0xe9,al; jmp here
        // pop ax; ebx = where an interrupt is ended; that; out 0xea,al; jmp here
        put(END_OF_INTERRUPT, "58 bbb000e0fe c70300000000 e6ea ebfe");
        for (int vector = 0; vector < VECTORS; vector++) { // push the vector; jmp END_OF_INTERRUPT
            int at = HANDLERS + vector * HANDLER_BYTES;
            memory.put(at, (byte) 0x68).putInt(at + 1, vector);
            memory.put(at + 5, (byte) 0xe9).putInt(at + 6, END_OF_INTERRUPT - (at + 10));
            memory.putLong(IDT_WIDE + vector * 16, gate(at, 8));
            memory.putLong(IDT + vector * 8, gate(at, 0x18));
        }
        memory.putLong(GDT + 8, 0x00af_9b00_0000_ffffL).putLong(GDT + 16, 0x00cf_9300_0000_ffffL)
                .putLong(GDT + 24, 0x00cf_9b00_0000_ffffL);
        memory.putLong(PAGE_TABLE, DIRECTORIES | 3);
        for (int i = 0; i < DIRECTORY_COUNT; i++) { // one to a gigabyte
            memory.putLong(DIRECTORIES + i * 8, LARGE_PAGES + i * 0x1000L | 3);
        }
        for (int i = 0; i < DIRECTORY_COUNT * 512; i++) { // one to two megabytes
            memory.putLong(LARGE_PAGES + i * 8, (long) i << 21 | 0x83);
        }
        return memory.array();
    }

    private void put(int at, String code) {
        byte[] bytes = HexFormat.of().parseHex(code.replace(" ", ""));
        memory.position(at).put(bytes);
    }

    private static long gate(int handler, int selector) {
        return handler & 0xffff | (long) selector << 16 | 0x8eL << 40 | (long) (handler >>> 16) << 48;
    }
}
