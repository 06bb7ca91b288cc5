package machine;

import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.Vm;
import java.util.List;

/** What lies where: a piece of memory, which is a slot. */
record Region(int slot, long gpa, int pages, int flags) {

    static final int PAGE = 4096;
    static final Region ROM = new Region(0, 0x1000, 4, Memslot.FLAG_READONLY);
    static final Region CLOCK = new Region(1, 0x2000_0000, 1, 0);
    static final Region SCREEN = new Region(2, 0x3000_0000, 16, Memslot.FLAG_LOG_DIRTY_PAGES);
    static final Region RAM = new Region(3, 0x4000_0000, 65_536, 0);
    static final List<Region> ALL = List.of(ROM, CLOCK, SCREEN, RAM);

    /** Devices: a page of registers each. */
    static final long INTERRUPTS = 0x0200_0000, UART = 0x1000_0000, DISK = 0x1000_1000, POWER = 0x1000_2000;

    int bytes() { return pages * PAGE; }

    boolean contains(long address) { return address >= gpa && address < gpa + bytes(); }

    /** Plugs in all memory, kept by the library, so that the host can move it; and fills the ROM. */
    static Vm plugInto(Vm vm, byte[] rom) {
        ALL.forEach(region -> vm.ram().add(region.slot, region.flags, region.gpa, region.pages));
        vm.guestMemory().writeAsHost(ROM.gpa, rom, 0, rom.length);
        return vm;
    }
}
