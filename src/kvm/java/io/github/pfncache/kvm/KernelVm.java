package io.github.pfncache.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import io.github.pfncache.address.Pages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A virtual machine of the kernel. Thread-safe, but for closing, and that each vCPU is run by one thread. */
final class KernelVm implements VmCalls, AutoCloseable {

    static final long CREATE_VCPU = 0xae41;

    private static final long SET_USER_MEMORY_REGION = 0x4020ae46L;
    private static final long GET_DIRTY_LOG = 0x4010ae42L;
    private static final long SET_CLOCK = 0x4030ae7bL;
    private static final long GET_CLOCK = 0x8030ae7cL;
    private static final long ENABLE_CAP = 0x4068aea3L;
    private static final long RESET_DIRTY_RINGS = 0xaec7;
    private static final long CREATE_IRQCHIP = 0xae60;

    private static final int CAP_DIRTY_LOG_RING = 192;
    private static final int ENABLE_CAP_BYTES = 104;
    private static final int CLOCK_BYTES = 48;

    /** Most pages of a slot whose dirty log is taken. */
    private static final long MOST_LOGGED = 1 << 20;

    private final HostCalls host;
    private final List<KernelVcpu> vcpus = new ArrayList<>();
    private final Map<Integer, Long> pages = new ConcurrentHashMap<>();
    private int fd;
    private long slept;

    /** Null if the guest has no Xen interfaces. */
    private KernelXen xen;

    KernelVm(Kvm kvm, Machine machine, int vcpuCount, int ringBytes) throws Unusable {
        this.host = machine.host();
        long code = machine.arenas().code();
        fd = kvm.createVm();
        try {
            if (ringBytes > 0) {
                enableRing(ringBytes);
            }
            GuestCode.write(host, code);
            if (machine.hasController() && Linux.ioctl(fd, CREATE_IRQCHIP, 0) < 0) {
                throw new Unusable("KVM_CREATE_IRQCHIP: " + Linux.name(Linux.errno()));
            }
            String slot = setSlot(0, 0, 0, (long) Arenas.PAGES << Pages.PAGE_SHIFT, code);
            if (!slot.equals("0")) {
                throw new Unusable("KVM_SET_USER_MEMORY_REGION of the guest's code: " + slot);
            }
            for (int id = 0; id < vcpuCount; id++) { // bounded by the script
                vcpus.add(new KernelVcpu(kvm, fd, id, ringBytes));
            }
            if (machine.hasXen()) {
                xen = newXen(kvm, machine);
            }
        } catch (Unusable | RuntimeException e) {
            close();
            throw e;
        }
    }

    private KernelXen newXen(Kvm kvm, Machine machine) throws Unusable {
        if (!kvm.hasXen()) {
            throw new Unusable("the kernel has no Xen interfaces (KVM_CAP_XEN_HVM is 0)");
        }
        XenGuestCode.write(host, machine.arenas().code());
        List<KernelXenVcpu> all = new ArrayList<>();
        for (KernelVcpu each : vcpus) { // bounded by the script
            all.add(new KernelXenVcpu(kvm, this, each, all.size(), machine.isWide(), machine.hasController()));
        }
        return new KernelXen(this, all);
    }

    private void enableRing(int bytes) throws Unusable {
        try (Memory cap = new Memory(ENABLE_CAP_BYTES)) {
            cap.clear();
            cap.setInt(0, CAP_DIRTY_LOG_RING);
            cap.setLong(8, bytes);
            if (ioctl(ENABLE_CAP, cap) < 0) {
                throw new Unusable("a dirty ring of " + bytes + " bytes: " + Linux.name(Linux.errno()));
            }
        }
    }

    int ioctl(long request, Pointer argument) {
        return Linux.ioctl(fd, request, Pointer.nativeValue(argument));
    }

    @Override
    public String setSlot(int id, int flags, long gpa, long size, long hva) {
        KernelHost.checkSlot(hva, size);
        try (Memory region = new Memory(32)) {
            region.setInt(0, id);
            region.setInt(4, flags);
            region.setLong(8, gpa);
            region.setLong(16, size);
            region.setLong(24, hva);
            String answer = Linux.answer(ioctl(SET_USER_MEMORY_REGION, region));
            if (answer.equals("0") && size != 0) {
                pages.put(id, size >>> Pages.PAGE_SHIFT);
            }
            return answer;
        }
    }

    @Override
    public String harvest(int id) {
        long npages = pages.getOrDefault(id, 1L);
        if (npages > MOST_LOGGED) {
            throw new Script.Unreadable("the dirty log of slot " + id + " is of " + npages + " pages");
        }
        try (Memory log = new Memory(16); Memory bitmap = new Memory((npages + 63) / 64 * 8)) {
            bitmap.clear();
            log.setInt(0, id);
            log.setInt(4, 0);
            log.setLong(8, Pointer.nativeValue(bitmap));
            if (ioctl(GET_DIRTY_LOG, log) < 0) {
                return Linux.name(Linux.errno());
            }
            StringBuilder dirty = new StringBuilder();
            for (int page = 0; page < npages; page++) { // the pages of the slot
                if ((bitmap.getByte(page >> 3) >> (page & 7) & 1) != 0) {
                    dirty.append(dirty.isEmpty() ? "" : ".").append(page);
                }
            }
            return "{" + dirty + "}";
        }
    }

    @Override
    public String harvestRing(int vcpu) {
        String entries = vcpus.get(vcpu).harvestRing();
        return entries + " reset=" + Linux.ioctl(fd, RESET_DIRTY_RINGS, 0);
    }

    @Override
    public boolean writeMsr(int vcpu, int index, long value) {
        return vcpus.get(vcpu).writeMsr(index, value);
    }

    @Override
    public String guestWriteMsr(int vcpu, int index, long value) {
        if (xen != null) {
            return xen.guest(vcpu).writeMsr(index, value);
        }
        vcpus.get(vcpu).jump(GuestCode.WRITE_REGISTER, index, value);
        String exit = run(vcpu);
        return switch (exit) {
            case "IOe9" -> "ok";
            case "IOea" -> "#GP";
            default -> exit;
        };
    }

    /** Lets the guest stay inside, until it is made to leave after so long. */
    String stay(int vcpu, long patienceNanos) {
        vcpus.get(vcpu).jump(GuestCode.STAY, 0, 0);
        String exit = vcpus.get(vcpu).run(patienceNanos);
        vcpus.get(vcpu).jump(GuestCode.LOOP, 0, 0);
        return exit;
    }

    @Override
    public String readMsr(int vcpu, int index) {
        return vcpus.get(vcpu).readMsr(index);
    }

    @Override
    public String run(int vcpu) {
        return xen == null
                ? vcpus.get(vcpu).run(Watchdog.PATIENCE_NANOS)
                : xen.guest(vcpu).run(XenCalls.Code.LEAVE, false, XenGuestOps.LIMIT);
    }

    @Override
    public String runImmediate(int vcpu) {
        return vcpus.get(vcpu).settle();
    }

    @Override
    public String setClock() {
        return setClock(clock());
    }

    /** What the clock shows, in nanoseconds. */
    long clock() {
        try (Memory clock = new Memory(CLOCK_BYTES)) {
            clock.clear();
            ioctl(GET_CLOCK, clock);
            return clock.getLong(0);
        }
    }

    String setClock(long nanos) {
        try (Memory clock = new Memory(CLOCK_BYTES)) {
            clock.clear();
            clock.setLong(0, nanos);
            return Linux.answer(ioctl(SET_CLOCK, clock));
        }
    }

    @Override
    public String guestStopped(int vcpu) {
        return vcpus.get(vcpu).guestStopped();
    }

    @Override
    public void sleep(long millis) {
        hasSlept(pause(millis));
    }

    /** Waits; for how many nanoseconds it was. */
    static long pause(long millis) {
        long nanos = TimeUnit.MILLISECONDS.toNanos(Math.min(millis, TimeUnit.MINUTES.toMillis(1)));
        long begin = System.nanoTime();
        for (long left = nanos; left > 0; left = nanos - (System.nanoTime() - begin)) { // until it is over
            LockSupport.parkNanos(left);
        }
        return System.nanoTime() - begin;
    }

    /** A script has waited on purpose. */
    void hasSlept(long nanos) {
        slept += nanos;
    }

    @Override
    public XenCalls xen() {
        return xen;
    }

    /** Whether another program had a processor while a vCPU was running. */
    boolean disturbed() {
        return vcpus.stream().anyMatch(KernelVcpu::disturbed);
    }

    /** How many nanoseconds a script has slept. */
    long slept() {
        return slept;
    }

    @Override
    public void close() {
        if (xen != null) {
            xen.close();
        }
        vcpus.forEach(KernelVcpu::close);
        vcpus.clear();
        if (fd >= 0) {
            Linux.close(fd);
            fd = -1;
        }
    }
}
