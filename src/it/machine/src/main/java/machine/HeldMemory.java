package machine;

import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.vm.Vm;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

/** The second way: a TLB of one's own, whose pages are held raw. A hit is a compare and the access itself. */
final class HeldMemory implements Memory {

    private static final int ENTRIES = 256;

    /** A page, its bytes, and whether they may be written. */
    private record Entry(long gpa, ByteBuffer bytes, boolean writable, HeldPage page) {}

    private static final Entry NONE = new Entry(-1, null, false, null);

    private final Entry[] entries = new Entry[ENTRIES];
    private final GuestMode mode;
    private final Bus devices;

    HeldMemory(Vm vm, Bus devices) { this(vm, devices, drop -> drop); }

    /** With something between the host, who wants a page, and the TLB. */
    HeldMemory(Vm vm, Bus devices, UnaryOperator<GuestMode.Dropped> between) {
        this.mode = vm.newGuestMode(between.apply(this::drop));
        this.devices = devices;
        Arrays.fill(entries, NONE);
    }

    @Override public GuestMode guestMode() { return mode; }

    /** Pages are spread, or the program's would share its entry with one of data. */
    private static int indexOf(long gpa) { return (int) (gpa / Region.PAGE * 0x9e37_79b9_7f4a_7c15L >>> 56); }

    /** The host wants this page. */
    private void drop(long gpa) {
        if (entries[indexOf(gpa)].gpa == gpa) {
            entries[indexOf(gpa)] = NONE;
        }
    }

    /** The page of an address; null if there is no memory, or none that can be written. */
    private Entry entry(long gpa, boolean writes) {
        Entry entry = entries[indexOf(gpa)];
        return entry.gpa == (gpa & -Region.PAGE) && (entry.writable || !writes) ? entry : miss(gpa, writes);
    }

    private Entry miss(long gpa, boolean writes) {
        HeldPage page = mode.hold(gpa, writes); // may drop other pages
        if (page.outcome() == Outcome.BUSY) {
            throw Trap.AGAIN;
        }
        if (!page.isHeld()) {
            return null;
        }
        HeldPage former = entries[indexOf(gpa)].page;
        if (former != null && former != page) {
            mode.release(former);
        }
        return entries[indexOf(gpa)] = new Entry(page.gpa(), page.bytes(), page.isWritable(), page);
    }

    @Override public long load(long gpa, int width) {
        Entry entry = entry(gpa, false);
        return entry == null ? outside(() -> devices.load(gpa, width)) : HostWindow.get(entry.bytes, in(gpa), width);
    }

    @Override public void store(long gpa, int width, long value) {
        Entry entry = entry(gpa, true);
        if (entry != null) {
            HostWindow.put(entry.bytes, in(gpa), width, value);
        } else {
            outside(() -> {
                devices.store(gpa, width, value);
                return 0;
            });
        }
    }

    @Override public boolean compareAndSet(long gpa, int width, long expected, long value) {
        Entry entry = entry(gpa, true);
        if (entry == null) {
            throw new Trap(Trap.STORE_FAULT, gpa);
        }
        return width == Integer.BYTES
                ? entry.page.compareAndSetInt(in(gpa), (int) expected, (int) value)
                : entry.page.compareAndSetLong(in(gpa), expected, value);
    }

    private static int in(long gpa) { return (int) gpa & Region.PAGE - 1; }

    /** A device may wait, so the hart leaves the guest meanwhile. */
    private long outside(LongSupplier device) {
        mode.leave();
        try {
            return device.getAsLong();
        } finally {
            mode.enter();
        }
    }
}
