package io.github.pfncache.kvm;

import com.sun.jna.Pointer;
import java.util.LinkedHashMap;
import java.util.Map;

/** The device of the kernel's KVM, open. Thread-safe, but for closing. */
public final class Kvm implements AutoCloseable {

    private static final long GET_API_VERSION = 0xae00;
    private static final long CREATE_VM = 0xae01;
    private static final long CHECK_EXTENSION = 0xae03;
    private static final long GET_VCPU_MMAP_SIZE = 0xae04;
    private static final long GET_SUPPORTED_CPUID = 0xc008ae05L;
    private static final int API_VERSION = 12;

    /** What a script cannot do without, by number. */
    private static final Map<Integer, String> NEEDED = Map.of(
            3, "KVM_CAP_USER_MEMORY", 16, "KVM_CAP_SYNC_MMU", 39, "KVM_CAP_ADJUST_CLOCK",
            76, "KVM_CAP_KVMCLOCK_CTRL", 81, "KVM_CAP_READONLY_MEM", 136, "KVM_CAP_IMMEDIATE_EXIT");

    private static final int XEN_HVM = 38;
    private static final int NR_MEMSLOTS = 10;
    private static final int MULTI_ADDRESS_SPACE = 118;
    private static final int STEAL_TIME = 187;
    private static final int DIRTY_LOG_RING = 192;

    /** Where it is. */
    public static final String DEVICE = "/dev/kvm";

    private final int fd;
    private final int runBytes;
    private final Watchdog watchdog = new Watchdog();

    private Kvm(int fd, int runBytes) {
        this.fd = fd;
        this.runBytes = runBytes;
    }

    /** Opens the device; an error says in one line why it is of no use. */
    public static Kvm open(String path) throws Unusable {
        String system = System.getProperty("os.name") + " on " + System.getProperty("os.arch");
        if (!system.matches("Linux on (amd64|x86_64)")) {
            throw new Unusable(path + ": only Linux on x86-64 has the KVM that this knows, and this is " + system);
        }
        try {
            return openHere(path);
        } catch (LinkageError e) {
            throw new Unusable("no native calls: " + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    private static Kvm openHere(String path) throws Unusable {
        int fd = Linux.open(path, Linux.O_RDWR | Linux.O_CLOEXEC);
        if (fd < 0) {
            throw new Unusable(path + ": " + reason(Linux.name(Linux.errno())));
        }
        Kvm kvm = null;
        try {
            int version = Linux.ioctl(fd, GET_API_VERSION, 0);
            if (version != API_VERSION) {
                throw new Unusable(path + (version < 0 ? ": no KVM device: " + Linux.name(Linux.errno())
                        : ": too old or too new: version " + version + " of the interface, and not " + API_VERSION));
            }
            kvm = new Kvm(fd, Linux.ioctl(fd, GET_VCPU_MMAP_SIZE, 0));
            for (Map.Entry<Integer, String> each : NEEDED.entrySet()) { // few
                if (kvm.capability(each.getKey()) <= 0) {
                    throw new Unusable(path + ": the kernel is too old: it has no " + each.getValue());
                }
            }
            Linux.close(kvm.createVm());
            Linux.acceptKicks();
            return kvm;
        } catch (Unusable e) {
            if (kvm != null) {
                kvm.close();
            } else {
                Linux.close(fd);
            }
            throw e;
        }
    }

    private static String reason(String errno) {
        return switch (errno) {
            case "ENOENT" -> "missing: no KVM here, or its module is not loaded";
            case "EACCES", "EPERM" -> "no permission (" + errno + "): be root or of the group kvm";
            case "EBUSY" -> "busy (EBUSY): another hypervisor has the processor";
            case "ENODEV", "ENXIO" -> "no device (" + errno + "): the processor's virtualization is off";
            default -> errno;
        };
    }

    int createVm() throws Unusable {
        int vm = Linux.ioctl(fd, CREATE_VM, 0);
        if (vm < 0) {
            throw new Unusable("KVM_CREATE_VM: " + reason(Linux.name(Linux.errno())));
        }
        return vm;
    }

    int capability(int number) {
        return Linux.ioctl(fd, CHECK_EXTENSION, number);
    }

    /** How much is mapped of a vCPU. */
    int runBytes() {
        return runBytes;
    }

    Watchdog watchdog() {
        return watchdog;
    }

    /** Fills a list of what a guest may be told of its processor. */
    int supportedCpuid(Pointer list) {
        return Linux.ioctl(fd, GET_SUPPORTED_CPUID, Pointer.nativeValue(list));
    }

    boolean hasXen() {
        return capability(XEN_HVM) > 0;
    }

    boolean hasStealTime() {
        return capability(STEAL_TIME) > 0;
    }

    boolean hasDirtyRing() {
        return capability(DIRTY_LOG_RING) > 0;
    }

    int addressSpaces() {
        return Math.max(1, capability(MULTI_ADDRESS_SPACE));
    }

    /** Names and values of what matters here. */
    Map<String, Integer> capabilities() {
        Map<String, Integer> all = new LinkedHashMap<>();
        all.put("KVM_CAP_NR_MEMSLOTS", capability(NR_MEMSLOTS));
        all.put("KVM_CAP_MULTI_ADDRESS_SPACE", capability(MULTI_ADDRESS_SPACE));
        all.put("KVM_CAP_STEAL_TIME", capability(STEAL_TIME));
        all.put("KVM_CAP_DIRTY_LOG_RING", capability(DIRTY_LOG_RING));
        all.put("KVM_CAP_XEN_HVM", capability(XEN_HVM));
        return all;
    }

    @Override
    public void close() {
        watchdog.close();
        Linux.close(fd);
    }
}
