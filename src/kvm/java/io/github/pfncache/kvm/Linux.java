package io.github.pfncache.kvm;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.Map;

/**
 * Calls to the system, by the C library. What they answer is the C library's: -1 and an errno where something failed.
 * Addresses are the process's own; nothing here looks whether they are anybody else's. The numbers are those of
 * x86-64.
 */
final class Linux {

    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    static final int O_CLOEXEC = 0x80000;

    static final int PROT_NONE = 0;
    static final int PROT_READ = 1;
    static final int PROT_READ_WRITE = 3;

    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_FIXED = 0x10;
    static final int MAP_ANONYMOUS = 0x20;
    static final int MAP_FIXED_NOREPLACE = 0x100000;
    static final long MAP_FAILED = -1;

    static final int MREMAP_MAYMOVE_FIXED = 3;
    static final int FALLOC_KEEP_SIZE_PUNCH_HOLE = 3;
    static final int MADV_NOHUGEPAGE = 15;

    static final int EINTR = 4;
    static final int EEXIST = 17;

    private static final long SYS_GETTID = 186;
    private static final long SYS_TGKILL = 234;
    private static final int SIGUSR1 = 10;
    private static final int RUSAGE_THREAD = 1;
    private static final int RUSAGE_LONGS = 18;
    private static final int VOLUNTARY = 16;
    private static final int INVOLUNTARY = 17;

    private static final Map<Integer, String> ERRNOS = Map.ofEntries(
            Map.entry(1, "EPERM"), Map.entry(2, "ENOENT"), Map.entry(EINTR, "EINTR"), Map.entry(5, "EIO"),
            Map.entry(6, "ENXIO"), Map.entry(7, "E2BIG"), Map.entry(9, "EBADF"), Map.entry(11, "EAGAIN"),
            Map.entry(12, "ENOMEM"), Map.entry(13, "EACCES"), Map.entry(14, "EFAULT"), Map.entry(16, "EBUSY"),
            Map.entry(EEXIST, "EEXIST"), Map.entry(19, "ENODEV"), Map.entry(22, "EINVAL"), Map.entry(25, "ENOTTY"),
            Map.entry(38, "ENOSYS"), Map.entry(95, "ENOTSUP"));

    private Linux() {}

    static {
        Native.register(Linux.class, "c");
    }

    static native int open(String path, int flags);

    static native int close(int fd);

    static native int ioctl(int fd, long request, long argument);

    static native long mmap(long address, long length, int protection, int flags, int fd, long offset);

    static native int munmap(long address, long length);

    static native int mprotect(long address, long length, int protection);

    static native int madvise(long address, long length, int advice);

    static native long mremap(long address, long oldLength, long newLength, int flags, long newAddress);

    static native int memfd_create(String name, int flags);

    static native int ftruncate(int fd, long length);

    static native int fallocate(int fd, int mode, long offset, long length);

    static native int eventfd(int initial, int flags);

    static native long read(int fd, byte[] into, long length);

    static native long write(int fd, byte[] bytes, long length);

    static native long pread(int fd, byte[] into, long length, long offset);

    static native long pwrite(int fd, byte[] bytes, long length, long offset);

    private static native long syscall(long number, long first, long second, long third);

    private static native int getpid();

    private static native int getrusage(int who, long[] usage);

    private static native Pointer signal(int signal, Pointer handler);

    /** Of the call that failed last in this thread. */
    static int errno() {
        return Native.getLastError();
    }

    /** How an errno is written. */
    static String name(int errno) {
        return ERRNOS.getOrDefault(errno, "E" + errno);
    }

    /** {@code 0} for a call that was done, else its errno. */
    static String answer(long result) {
        return result < 0 ? name(errno()) : "0";
    }

    /** The number of this thread. */
    static int thread() {
        return (int) syscall(SYS_GETTID, 0, 0, 0);
    }

    /** How often this thread was taken off its processor, so far. */
    static long switches() {
        long[] usage = new long[RUSAGE_LONGS];
        getrusage(RUSAGE_THREAD, usage);
        return usage[VOLUNTARY] + usage[INVOLUNTARY];
    }

    /** From here on a kick does no more than to interrupt a system call: its handler is a function without effect. */
    static void acceptKicks() {
        signal(SIGUSR1, com.sun.jna.NativeLibrary.getInstance("c").getFunction("getpid"));
    }

    /** Interrupts the system call that a thread of this process is in. */
    static void kick(int thread) {
        syscall(SYS_TGKILL, getpid(), thread, SIGUSR1);
    }
}
