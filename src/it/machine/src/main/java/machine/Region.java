package machine;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;

/** What lies where. Each piece of memory is a slot, whose number is its place in this list. */
enum Region {
    ROM(0x1000, 4, Memslot.FLAG_READONLY),
    SCREEN(0x3000_0000, 16, Memslot.FLAG_LOG_DIRTY_PAGES),
    CLOCK(0x2000_0000, 1, 0),
    RAM(0x4000_0000, 65_536, 0);

    static final int PAGE = 4096;

    // Devices: a page of registers each.
    static final long INTERRUPTS = 0x0200_0000;
    static final long UART = 0x1000_0000;
    static final long DISK = 0x1000_1000;
    static final long POWER = 0x1000_2000;

    final long gpa;
    final int pages;
    final int flags;

    Region(long gpa, int pages, int flags) {
        this.gpa = gpa;
        this.pages = pages;
        this.flags = flags;
    }

    long end() { return gpa + (long) pages * PAGE; }

    /** Plugs in all memory, kept by the library: so the host can move it. */
    static Vm plugInto(Vm vm) {
        for (Region region : values()) {
            vm.ram().add(region.ordinal(), region.flags, region.gpa, region.pages);
        }
        return vm;
    }
}
