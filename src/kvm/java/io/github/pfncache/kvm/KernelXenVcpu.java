package io.github.pfncache.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;

/** A vCPU of the kernel whose guest is in 64-bit or 32-bit mode and has Xen interfaces. One thread uses it. */
final class KernelXenVcpu implements XenCalls.Guest {

    private static final long GET_SREGS = 0x8138ae83L;
    private static final long SET_SREGS = 0x4138ae84L;
    private static final long GET_LAPIC = 0x8400ae8eL;
    private static final long SET_LAPIC = 0x4400ae8fL;
    private static final long SET_CPUID2 = 0x4008ae90L;
    private static final long SET_MP_STATE = 0x4004ae99L;

    private static final int CPUID_BYTES = 8 + 128 * 40;
    private static final int LAPIC_BYTES = 0x400;
    private static final int LAPIC_SPURIOUS = 0xf0;
    private static final int LAPIC_ENABLED = 0x1ff;
    private static final int IN_SERVICE = 0x100;
    private static final int REQUESTED = 0x200;

    private static final int SREGS_BYTES = 312;
    private static final int SEGMENT_BYTES = 24;
    private static final int SEGMENTS = 6;
    private static final int GDT = 192;
    private static final int IDT = 208;
    private static final int CR0 = 224;
    private static final int CR3 = 240;
    private static final int CR4 = 248;
    private static final int EFER = 264;

    private static final int EXIT_XEN = 34;
    private static final int XEN_LONG_MODE = 40;
    private static final int XEN_CPL = 44;
    private static final int XEN_INPUT = 48;
    private static final int XEN_RESULT = 56;
    private static final int XEN_ARGUMENTS = 64;
    private static final int ANSWER_OF_THE_HOST = 77;
    private static final int EINTR = 4;

    private static final int INTERRUPTS_ON = 0x202;
    private static final int INTERRUPTS_OFF = 2;

    /** Where the guest's code has its hypercalls, and answers of these end. */
    private static final int ANSWERED = 0xe9;
    private static final int INTERRUPTED = 0xea;

    private static final int WAITED = 70;
    private static final int WAITED_LONG = 240;

    private final KernelVm vm;
    private final KernelVcpu vcpu;
    private final int id;
    private boolean wide;

    KernelXenVcpu(Kvm kvm, KernelVm vm, KernelVcpu vcpu, int id, boolean wide, boolean controller) throws Unusable {
        this.vm = vm;
        this.vcpu = vcpu;
        this.id = id;
        try (Memory cpuid = new Memory(CPUID_BYTES); Memory lapic = new Memory(LAPIC_BYTES);
                Memory runnable = new Memory(4)) {
            cpuid.clear();
            runnable.clear();
            cpuid.setInt(0, 128);
            boolean done = kvm.supportedCpuid(cpuid) >= 0 && vcpu.ioctl(SET_CPUID2, cpuid) >= 0;
            if (controller) {
                done &= vcpu.ioctl(SET_MP_STATE, runnable) >= 0 && vcpu.ioctl(GET_LAPIC, lapic) >= 0;
                lapic.setInt(LAPIC_SPURIOUS, LAPIC_ENABLED);
                done &= vcpu.ioctl(SET_LAPIC, lapic) >= 0;
            }
            if (!done) {
                throw new Unusable("a vCPU with Xen interfaces: " + Linux.name(Linux.errno()));
            }
        }
        setWide(wide);
    }

    KernelVcpu vcpu() {
        return vcpu;
    }

    @Override
    public boolean isWide() {
        return wide;
    }

    /** Flat segments of 64-bit or 32-bit mode, and its tables. */
    @Override
    public void setWide(boolean next) {
        wide = next;
        try (Memory sregs = new Memory(SREGS_BYTES)) {
            vcpu.ioctl(GET_SREGS, sregs);
            for (int i = 0; i < SEGMENTS; i++) { // the code's is the first
                long at = (long) i * SEGMENT_BYTES;
                boolean code = i == 0;
                sregs.setMemory(at, SEGMENT_BYTES, (byte) 0);
                sregs.setInt(at + 8, -1);
                sregs.setShort(at + 12, (short) (!code ? 0x10 : wide ? 8 : 0x18));
                sregs.setByte(at + 14, (byte) (code ? 11 : 3));
                sregs.setByte(at + 15, (byte) 1); // present
                sregs.setByte(at + 17, (byte) (code && wide ? 0 : 1)); // of 32 bits
                sregs.setByte(at + 18, (byte) 1); // no system segment
                sregs.setByte(at + 19, (byte) (code && wide ? 1 : 0)); // of 64 bits
                sregs.setByte(at + 20, (byte) 1); // in pages
            }
            table(sregs, GDT, XenGuestCode.GDT, XenGuestCode.GDT_BYTES);
            table(sregs, IDT, wide ? XenGuestCode.IDT_WIDE : XenGuestCode.IDT, wide ? 4096 : 2048);
            sregs.setLong(CR0, wide ? 0x8000_0031L : 0x31);
            sregs.setLong(CR3, wide ? XenGuestCode.PAGE_TABLE : 0);
            sregs.setLong(CR4, wide ? 0x20 : 0);
            sregs.setLong(EFER, wide ? 0x500 : 0);
            vcpu.ioctl(SET_SREGS, sregs);
        }
    }

    private static void table(Memory sregs, int at, long base, int bytes) {
        sregs.setLong(at, base);
        sregs.setShort(at + 8, (short) (bytes - 1));
    }

    @Override
    public String run(XenCalls.Code code, boolean interruptible, int limit) {
        return enter(switch (code) {
            case LEAVE -> XenGuestCode.LEAVE;
            case HALT -> XenGuestCode.HALT;
            case SPIN -> XenGuestCode.SPIN;
        }, interruptible ? INTERRUPTS_ON : INTERRUPTS_OFF, Map.of(), limit, false);
    }

    @Override
    public String writeMsr(int index, long value) {
        return enter(XenGuestCode.WRITE_REGISTER, INTERRUPTS_OFF, Map.of(
                KernelVcpu.RCX, Integer.toUnsignedLong(index),
                KernelVcpu.RAX, value & 0xffff_ffffL,
                KernelVcpu.RDX, value >>> 32), XenGuestOps.LIMIT, false);
    }

    @Override
    public String hypercall(long number, List<Long> arguments, int limit) {
        int[] places = wide
                ? new int[] {KernelVcpu.RDI, KernelVcpu.RSI, KernelVcpu.RDX, KernelVcpu.R8 + 16, KernelVcpu.R8,
                    KernelVcpu.R8 + 8}
                : new int[] {KernelVcpu.RBX, KernelVcpu.RCX, KernelVcpu.RDX, KernelVcpu.RSI, KernelVcpu.RDI,
                    KernelVcpu.RBP};
        Map<Integer, Long> registers = new HashMap<>(Map.of(KernelVcpu.RAX, ofMode(number)));
        for (int i = 0; i < places.length; i++) { // six
            registers.put(places[i], ofMode(arguments.get(i)));
        }
        return enter(XenGuestCode.HYPERCALL, INTERRUPTS_OFF, registers, limit, true);
    }

    private long ofMode(long value) {
        return wide ? value : value & 0xffff_ffffL;
    }

    private String enter(long place, long flags, Map<Integer, Long> others, int limit, boolean answers) {
        Map<Integer, Long> registers = new HashMap<>(others);
        registers.put(KernelVcpu.RIP, place);
        registers.put(KernelVcpu.RFLAGS, flags);
        registers.put(KernelVcpu.RSP, XenGuestCode.STACK + (long) id * XenGuestCode.STACK_BYTES);
        vcpu.setRegisters(registers);
        return goOn(limit, answers);
    }

    @Override
    public String goOn(int limit) {
        return goOn(limit, true);
    }

    /** Enters the guest until it leaves for something else than a hypercall that is the host's, or for too long. */
    private String goOn(int limit, boolean answers) {
        StringJoiner exits = new StringJoiner(" ");
        long begin = System.nanoTime();
        long end = begin + TimeUnit.MILLISECONDS.toNanos(limit);
        int reason = EXIT_XEN;
        while (reason == EXIT_XEN || reason == -EINTR && System.nanoTime() < end) { // until the limit, or it leaves
            reason = vcpu.enter(Math.max(1, end - System.nanoTime()));
            if (reason == EXIT_XEN) {
                exits.add(describeHypercall());
                vcpu.state().setLong(XEN_RESULT, ANSWER_OF_THE_HOST);
            }
        }
        boolean blocked = reason == KernelVcpu.ENDED || reason == -EINTR;
        exits.add(blocked ? "BLOCKED" : reason < 0 ? Linux.name(-reason) : describe(reason, answers));
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
        if (blocked || millis >= WAITED) {
            vm.hasSlept(System.nanoTime() - begin);
        }
        return exits + (blocked || millis < WAITED ? "" : millis < WAITED_LONG ? " waited" : " waited-long");
    }

    private String describe(int reason, boolean answers) {
        if (reason != KernelVcpu.EXIT_IO) {
            return "X" + reason;
        }
        int port = vcpu.port();
        return port == ANSWERED && answers ? "rax=" + (wide ? vcpu.rax() : (int) vcpu.rax())
                : port == INTERRUPTED ? "INT" + Long.toHexString(vcpu.rax() & 0xff)
                : "IO" + Integer.toHexString(port);
    }

    private String describeHypercall() {
        Pointer state = vcpu.state();
        StringJoiner arguments = new StringJoiner(".");
        for (int i = 0; i < 6; i++) { // six
            arguments.add(Long.toHexString(state.getLong(XEN_ARGUMENTS + (long) i * Long.BYTES)));
        }
        return "X34{nr=" + Long.toUnsignedString(state.getLong(XEN_INPUT)) + ",cpl=" + state.getInt(XEN_CPL) + ",lm="
                + state.getInt(XEN_LONG_MODE) + ",in=" + arguments + "}";
    }

    @Override
    public String interrupts() {
        try (Memory lapic = new Memory(LAPIC_BYTES)) {
            lapic.clear();
            vcpu.ioctl(GET_LAPIC, lapic);
            return "irr:" + vectors(lapic, REQUESTED) + " isr:" + vectors(lapic, IN_SERVICE);
        }
    }

    private static String vectors(Memory lapic, int at) {
        StringBuilder all = new StringBuilder();
        for (int vector = 0; vector < 256; vector++) { // 32 to a register, and a register to 16 bytes
            if ((lapic.getInt(at + vector / 32 * 16L) >>> vector % 32 & 1) != 0) {
                all.append(' ').append(Integer.toHexString(vector));
            }
        }
        return all.toString();
    }
}
