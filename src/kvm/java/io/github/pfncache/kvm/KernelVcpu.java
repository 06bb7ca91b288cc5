package io.github.pfncache.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import io.github.pfncache.address.Pages;
import java.util.Map;

/**
 * A vCPU of the kernel, with a guest in real mode that does nothing but leave. Not thread-safe: one thread runs it.
 * Another one may end a run that takes too long.
 */
final class KernelVcpu implements AutoCloseable {

    private static final long RUN = 0xae80;
    private static final long GET_REGS = 0x8090ae81L;
    private static final long SET_REGS = 0x4090ae82L;
    private static final long GET_SREGS = 0x8138ae83L;
    private static final long SET_SREGS = 0x4138ae84L;
    private static final long GET_MSRS = 0xc008ae88L;
    private static final long SET_MSRS = 0x4008ae89L;
    private static final long KVMCLOCK_CTRL = 0xaead;
    private static final long RING_PAGE = 64;

    private static final int REGS_BYTES = 144;
    static final int RAX = 0;
    static final int RBX = 8;
    static final int RCX = 16;
    static final int RDX = 24;
    static final int RSI = 32;
    static final int RDI = 40;
    static final int RSP = 48;
    static final int RBP = 56;
    static final int R8 = 64;
    static final int RIP = 128;
    static final int RFLAGS = 136;
    private static final int SREGS_BYTES = 312;
    private static final int CS_SELECTOR = 12;

    private static final int IMMEDIATE_EXIT = 1;
    private static final int EXIT_REASON = 8;
    private static final int EXIT_DATA = 32;
    private static final int IO_PORT = 34;
    static final int EXIT_IO = 2;

    /** Not a reason of the kernel's: the watchdog has ended the run. */
    static final int ENDED = Integer.MIN_VALUE;

    private static final int EXIT_MMIO = 6;

    private static final int RING_ENTRY = 16;
    private static final int GFN_DIRTY = 1;
    private static final int GFN_RESET = 2;

    private final Watchdog watchdog;
    private final int runBytes;
    private final int ringBytes;
    private int fd = -1;
    private long run = Linux.MAP_FAILED;
    private long ring = Linux.MAP_FAILED;
    private int nextEntry;

    // Guarded by this: what the watchdog looks at.

    /** The thread that is inside, and since when; 0 if none is. */
    private int thread;
    private long since;
    private long patience;
    private boolean ended;

    /** Whether the thread was taken off its processor in a run: a vCPU that comes back writes its steal time again. */
    private boolean disturbed;

    KernelVcpu(Kvm kvm, int vm, int id, int ringBytes) throws Unusable {
        this.watchdog = kvm.watchdog();
        this.runBytes = kvm.runBytes();
        this.ringBytes = ringBytes;
        fd = Linux.ioctl(vm, KernelVm.CREATE_VCPU, id);
        if (fd >= 0) {
            run = Linux.mmap(0, runBytes, Linux.PROT_READ_WRITE, Linux.MAP_SHARED, fd, 0);
        }
        if (fd >= 0 && ringBytes > 0) {
            ring = Linux.mmap(0, ringBytes, Linux.PROT_READ_WRITE, Linux.MAP_SHARED, fd, RING_PAGE << Pages.PAGE_SHIFT);
        }
        if (fd < 0 || run == Linux.MAP_FAILED || ringBytes > 0 && ring == Linux.MAP_FAILED) {
            String why = Linux.name(Linux.errno());
            close();
            throw new Unusable("a vCPU: " + why);
        }
        try (Memory sregs = new Memory(SREGS_BYTES)) {
            ioctl(GET_SREGS, sregs);
            sregs.setLong(0, 0); // where the code segment begins
            sregs.setShort(CS_SELECTOR, (short) 0);
            ioctl(SET_SREGS, sregs);
        }
        try (Memory regs = new Memory(REGS_BYTES)) {
            regs.clear();
            regs.setLong(RIP, GuestCode.LOOP);
            regs.setLong(RFLAGS, 2);
            regs.setLong(RSP, GuestCode.STACK + (long) id * Pages.PAGE_SIZE);
            ioctl(SET_REGS, regs);
        }
        watchdog.watch(this);
    }

    int ioctl(long request, Pointer argument) {
        return Linux.ioctl(fd, request, Pointer.nativeValue(argument));
    }

    /** Enters the guest, until it leaves or is made to after so long; how it did. */
    String run(long patienceNanos) {
        int reason = enter(patienceNanos);
        if (reason == ENDED) {
            return "STUCK";
        }
        Pointer state = state();
        return reason < 0 ? Linux.name(-reason) + "/x" + state.getInt(EXIT_REASON) : switch (reason) {
            case EXIT_IO -> "IO" + Integer.toHexString(port());
            case EXIT_MMIO -> "MMIO" + Long.toHexString(state.getLong(EXIT_DATA));
            default -> "X" + reason;
        };
    }

    /** Enters the guest: why it left, an errno with a minus, or that it was made to leave after so long. */
    int enter(long patienceNanos) {
        begin(patienceNanos);
        long switches = Linux.switches();
        int result = Linux.ioctl(fd, RUN, 0);
        int errno = Linux.errno();
        disturbed |= Linux.switches() != switches;
        return leave() ? ENDED : result < 0 ? -errno : state().getInt(EXIT_REASON);
    }

    /** The memory that is shared with the kernel. */
    Pointer state() {
        return new Pointer(run);
    }

    /** To which port the guest wrote. */
    int port() {
        return state().getShort(IO_PORT) & 0xffff;
    }

    private synchronized void begin(long patienceNanos) {
        ended = false;
        patience = patienceNanos;
        thread = Linux.thread();
        since = System.nanoTime() | 1; // never 0
    }

    /** Whether the watchdog has ended the run. */
    private synchronized boolean leave() {
        since = 0;
        if (ended) {
            new Pointer(run).setByte(IMMEDIATE_EXIT, (byte) 0);
        }
        return ended;
    }

    boolean disturbed() {
        return disturbed;
    }

    /** The watchdog's look: a run that is overdue is asked to end, again at each look until it has. */
    synchronized void endIfOverdue(long now) {
        if (since != 0 && now - since > patience) {
            ended = true;
            new Pointer(run).setByte(IMMEDIATE_EXIT, (byte) 1); // a kick may come before the kernel's first look
            Linux.kick(thread);
        }
    }

    /** Ends the exit that is pending, without entering the guest. */
    String settle() {
        new Pointer(run).setByte(IMMEDIATE_EXIT, (byte) 1);
        int result = Linux.ioctl(fd, RUN, 0);
        int errno = Linux.errno();
        new Pointer(run).setByte(IMMEDIATE_EXIT, (byte) 0);
        return result < 0 ? Linux.name(errno) : "0";
    }

    /** Lets the guest go on at a place in its code. */
    void jump(long place, int rcx, long value) {
        setRegisters(Map.of(RIP, place, RCX, Integer.toUnsignedLong(rcx), RAX, value & 0xffff_ffffL,
                RDX, value >>> 32, RFLAGS, 2L));
    }

    /** Sets registers, by their offsets in the structure of all of them. */
    void setRegisters(Map<Integer, Long> values) {
        settle();
        try (Memory regs = new Memory(REGS_BYTES)) {
            ioctl(GET_REGS, regs);
            values.forEach((register, each) -> regs.setLong(register, each));
            ioctl(SET_REGS, regs);
        }
    }

    /** What the guest's first register holds. */
    long rax() {
        try (Memory regs = new Memory(REGS_BYTES)) {
            ioctl(GET_REGS, regs);
            return regs.getLong(RAX);
        }
    }

    boolean writeMsr(int index, long value) {
        try (Memory msrs = msr(index, value)) {
            return ioctl(SET_MSRS, msrs) == 1;
        }
    }

    String readMsr(int index) {
        try (Memory msrs = msr(index, 0)) {
            return ioctl(GET_MSRS, msrs) == 1 ? "0x" + Long.toHexString(msrs.getLong(16)) : "rej";
        }
    }

    private static Memory msr(int index, long value) {
        Memory msrs = new Memory(24);
        msrs.clear();
        msrs.setInt(0, 1);
        msrs.setInt(8, index);
        msrs.setLong(16, value);
        return msrs;
    }

    String guestStopped() {
        return Linux.answer(Linux.ioctl(fd, KVMCLOCK_CTRL, 0));
    }

    /** The entries of the dirty ring, each given back. */
    String harvestRing() {
        Pointer entries = new Pointer(ring);
        StringBuilder all = new StringBuilder();
        int count = ringBytes / RING_ENTRY;
        for (int i = 0; i < count; i++) { // the entries of a ring
            long at = (long) (nextEntry % count) * RING_ENTRY;
            if ((entries.getInt(at) & GFN_DIRTY) == 0) {
                break;
            }
            all.append(all.isEmpty() ? "" : " ").append(Integer.toUnsignedString(entries.getInt(at + 4)))
                    .append(':').append(Long.toUnsignedString(entries.getLong(at + 8)));
            entries.setInt(at, GFN_RESET);
            nextEntry++;
        }
        return "{" + all + "}";
    }

    @Override
    public void close() {
        watchdog.forget(this);
        if (ring != Linux.MAP_FAILED) {
            Linux.munmap(ring, ringBytes);
        }
        if (run != Linux.MAP_FAILED) {
            Linux.munmap(run, runBytes);
        }
        if (fd >= 0) {
            Linux.close(fd);
        }
        ring = Linux.MAP_FAILED;
        run = Linux.MAP_FAILED;
        fd = -1;
    }
}
