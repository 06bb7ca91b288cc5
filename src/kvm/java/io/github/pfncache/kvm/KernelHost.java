package io.github.pfncache.kvm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.Protection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The memory of this process, as far as scripts may use it: the arenas, a page of the guest's code, and one file in
 * memory. It is read and written by way of {@code /proc/self/mem}, so that no fault is this program's. Closing it
 * unmaps everything. Thread-safe, but for closing.
 */
final class KernelHost implements HostCalls {

    private static final int PRIVATE = -1;
    private static final int ENTRY = Long.BYTES;

    /** A page table entry is of memory, or of swap space. */
    private static final long PRESENT = 1L << 63;
    private static final long SWAPPED = 1L << 62;

    /**
     * Nothing is mapped below the first, nothing but arenas from the second to the third, and only the kernel's memory
     * from the last on.
     */
    private static final long LOWEST = 0x1_0000;
    private static final long ARENAS_BEGIN = 0x2000_0000_0000L;
    private static final long ARENAS_END = 0x4000_0000_0000L;
    private static final long USER_END = 0x8000_0000_0000L;

    private static final int[] ADVICES = {4, 8, 9, 21, 23};

    private int file = -1;
    private int memory = -1;
    private int pageMap = -1;

    /** By address of a page: the page of the file, or {@link #PRIVATE}. What is not in here is not mapped. */
    private final Map<Long, Integer> pages = new ConcurrentHashMap<>();

    /** Where something was mapped at first: nothing is mapped, moved or advised on elsewhere. By begin, the end. */
    private final Map<Long, Long> areas = new HashMap<>();

    KernelHost() throws Unusable {
        try {
            memory = opened(Linux.open("/proc/self/mem", Linux.O_RDWR | Linux.O_CLOEXEC), "/proc/self/mem");
            pageMap = opened(Linux.open("/proc/self/pagemap", Linux.O_RDONLY | Linux.O_CLOEXEC), "/proc/self/pagemap");
            file = opened(Linux.memfd_create("pfncache", 1), "memfd_create");
            opened(Linux.ftruncate(file, (long) Arenas.PAGES << Pages.PAGE_SHIFT), "ftruncate");
            Arenas.claims().forEach(this::claim);
        } catch (Unusable | RuntimeException e) {
            close();
            throw e;
        }
        if (areas.size() < Arenas.claims().size()) {
            close();
            throw new Unusable("memory: something else of this process is at one of the addresses of the arenas");
        }
    }

    private static int opened(int result, String what) throws Unusable {
        if (result < 0) {
            throw new Unusable(what + ": " + Linux.name(Linux.errno()));
        }
        return result;
    }

    /** Takes a range of addresses that nobody has. */
    private void claim(long hva) {
        long bytes = (long) Arenas.PAGES << Pages.PAGE_SHIFT;
        int flags = Linux.MAP_PRIVATE | Linux.MAP_ANONYMOUS | Linux.MAP_FIXED_NOREPLACE;
        if (Linux.mmap(hva, bytes, Linux.PROT_NONE, flags, -1, 0) == hva) {
            areas.put(hva, hva + bytes);
        }
    }

    /** Scripts may name any address; what is not theirs is the program's own memory. */
    void check(long hva, long npages) {
        long end = hva + (npages << Pages.PAGE_SHIFT);
        if (areas.entrySet().stream().noneMatch(area -> area.getKey() <= hva && hva <= end && end <= area.getValue())) {
            throw new Script.Unreadable("0x" + Long.toHexString(hva) + ", " + npages + " pages: not in one arena");
        }
    }

    /** A memslot may be of any address that is not the program's own, memory or not. */
    static void checkSlot(long hva, long size) {
        boolean low = hva >= 0 && size >= 0 && hva + size <= LOWEST && hva + size >= 0;
        boolean own = hva >= ARENAS_BEGIN && hva < ARENAS_END && (size < 0 || size <= ARENAS_END - hva);
        boolean kernel = Long.compareUnsigned(hva, USER_END) >= 0;
        if (size != 0 && !low && !own && !kernel) {
            throw new Script.Unreadable("a memslot at 0x" + Long.toHexString(hva) + " could hold the program's memory");
        }
    }

    private String call(long hva, int npages, RangeCall call) {
        check(hva, npages);
        return Linux.answer(call.on(hva, (long) npages << Pages.PAGE_SHIFT));
    }

    /** One call on a range of bytes. */
    @FunctionalInterface
    private interface RangeCall {
        long on(long hva, long bytes);
    }

    @Override
    public String advise(Advice advice, long hva, int npages) {
        return call(hva, npages, (at, bytes) -> Linux.madvise(at, bytes, ADVICES[advice.ordinal()]));
    }

    @Override
    public String protect(long hva, int npages, Protection protection) {
        return call(hva, npages, (at, bytes) -> Linux.mprotect(at, bytes, bits(protection)));
    }

    private static int bits(Protection protection) {
        return switch (protection) {
            case NONE -> Linux.PROT_NONE;
            case READ -> Linux.PROT_READ;
            case READ_WRITE -> Linux.PROT_READ_WRITE;
        };
    }

    @Override
    public String mapAnonymous(long hva, int npages, Protection protection) {
        int flags = Linux.MAP_PRIVATE | Linux.MAP_ANONYMOUS | Linux.MAP_FIXED;
        String answer = call(hva, npages, (at, bytes) -> Linux.mmap(at, bytes, bits(protection), flags, -1, 0));
        for (int i = 0; i < npages; i++) { // the pages of the range
            pages.put(hva + ((long) i << Pages.PAGE_SHIFT), PRIVATE);
        }
        Linux.madvise(hva, (long) npages << Pages.PAGE_SHIFT, Linux.MADV_NOHUGEPAGE); // refused where there are none
        return answer;
    }

    @Override
    public String mapFile(long hva, int npages, long filePage, Protection protection) {
        int flags = Linux.MAP_SHARED | Linux.MAP_FIXED;
        long offset = filePage << Pages.PAGE_SHIFT;
        String answer = call(hva, npages, (at, bytes) -> Linux.mmap(at, bytes, bits(protection), flags, file, offset));
        for (int i = 0; i < npages && answer.equals("0"); i++) { // the pages of the range
            pages.put(hva + ((long) i << Pages.PAGE_SHIFT), (int) filePage + i);
        }
        return answer;
    }

    @Override
    public String unmap(long hva, int npages) {
        String answer = call(hva, npages, Linux::munmap);
        for (int i = 0; i < npages; i++) { // the pages of the range
            pages.remove(hva + ((long) i << Pages.PAGE_SHIFT));
        }
        return answer;
    }

    @Override
    public String move(long from, int npages, long to) {
        check(to, npages);
        String answer = call(from, npages,
                (at, bytes) -> Linux.mremap(at, bytes, bytes, Linux.MREMAP_MAYMOVE_FIXED, to));
        for (int i = 0; i < npages && answer.equals("0"); i++) { // the pages that moved
            Integer page = pages.remove(from + ((long) i << Pages.PAGE_SHIFT));
            if (page != null) { // what a hole would go to stays
                pages.put(to + ((long) i << Pages.PAGE_SHIFT), page);
            }
        }
        return answer;
    }

    @Override
    public String punchHole(long filePage, int npages) {
        return Linux.answer(Linux.fallocate(file, Linux.FALLOC_KEEP_SIZE_PUNCH_HOLE, filePage << Pages.PAGE_SHIFT,
                (long) npages << Pages.PAGE_SHIFT));
    }

    @Override
    public String truncate(long npages) {
        return Linux.answer(Linux.ftruncate(file, npages << Pages.PAGE_SHIFT));
    }

    @Override
    public int readFile(long offset, byte[] into) {
        return (int) Linux.pread(file, into, into.length, offset);
    }

    @Override
    public boolean writeFile(long offset, byte[] bytes) {
        return Linux.pwrite(file, bytes, bytes.length, offset) == bytes.length;
    }

    @Override
    public boolean peek(long hva, byte[] into) {
        byte[] part = new byte[Math.min(into.length, Pages.PAGE_SIZE)];
        for (int done = 0; done < into.length; ) { // the pages that the bytes are in
            long at = hva + done;
            int length = Math.min(into.length - done, Pages.PAGE_SIZE - (int) (at & (Pages.PAGE_SIZE - 1)));
            if (!peekInPage(at, part, length)) {
                return false;
            }
            System.arraycopy(part, 0, into, done, length);
            done += length;
        }
        return true;
    }

    /** A page with memory is read there; else it is that of the file, or zero. */
    private boolean peekInPage(long hva, byte[] into, int length) {
        Integer page = pages.get(hva & -Pages.PAGE_SIZE);
        if (page == null) {
            return false;
        }
        if ((entry(hva) & (PRESENT | SWAPPED)) != 0 && Linux.pread(memory, into, length, hva) == length) {
            return true;
        }
        Arrays.fill(into, (byte) 0);
        long offset = ((long) page << Pages.PAGE_SHIFT) + (hva & (Pages.PAGE_SIZE - 1));
        return page == PRIVATE || Linux.pread(file, into, length, offset) >= 0;
    }

    private long entry(long hva) {
        return entries(hva, 1).getLong();
    }

    /** Of the page table; zeros where they cannot be read. */
    private ByteBuffer entries(long hva, int npages) {
        byte[] entries = new byte[npages * ENTRY];
        Linux.pread(pageMap, entries, entries.length, (hva >>> Pages.PAGE_SHIFT) * ENTRY);
        return ByteBuffer.wrap(entries).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Present pages that follow each other are read by one call. */
    @Override
    public BitSet peekPages(long hva, int npages, byte[] into) {
        ByteBuffer entries = entries(hva, npages);
        BitSet present = new BitSet();
        for (int i = 0; i < npages; i++) { // the pages of the range
            present.set(i, entries.getLong() < 0 && pages.containsKey(hva + ((long) i << Pages.PAGE_SHIFT)));
        }
        boolean whole = present.cardinality() == npages;
        return whole && Linux.pread(memory, into, into.length, hva) == into.length
                ? present
                : HostCalls.super.peekPages(hva, npages, into);
    }

    @Override
    public boolean poke(long hva, byte[] bytes) {
        check(hva & -Pages.PAGE_SIZE, ((hva & (Pages.PAGE_SIZE - 1)) + bytes.length - 1 >> Pages.PAGE_SHIFT) + 1);
        return Linux.pwrite(memory, bytes, bytes.length, hva) == bytes.length;
    }

    @Override
    public boolean isPresent(long hva) {
        return (entry(hva) & PRESENT) != 0;
    }

    @Override
    public HostCalls fork() {
        throw new Script.Unreadable("fork: this process cannot be another one");
    }

    @Override
    public void close() {
        areas.forEach((begin, end) -> Linux.munmap(begin, end - begin));
        areas.clear();
        pages.clear();
        for (int fd : new int[] {file, memory, pageMap}) { // three
            if (fd >= 0) {
                Linux.close(fd);
            }
        }
        file = -1;
        memory = -1;
        pageMap = -1;
    }
}
