package machine;

import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.HeldPage;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

/** The second way: a TLB of one's own, whose pages are held raw. A hit is a compare and the access itself. */
final class HeldMemory implements Memory {

    private static final int ENTRIES = 256;
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

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

    private static int indexOf(long gpa) { return (int) (gpa / Region.PAGE) & ENTRIES - 1; }

    /** The host wants this page. */
    private void drop(long gpa) {
        if (entries[indexOf(gpa)].gpa == gpa) {
            entries[indexOf(gpa)] = NONE;
        }
    }

    /** The bytes of the page of an address; null if there is no memory, or none that can be written. */
    private ByteBuffer page(long gpa, boolean writes) {
        Entry entry = entries[indexOf(gpa)];
        return entry.gpa == (gpa & -Region.PAGE) && (entry.writable || !writes) ? entry.bytes : miss(gpa, writes);
    }

    private ByteBuffer miss(long gpa, boolean writes) {
        HeldPage page = mode.hold(gpa, writes); // may drop other pages
        if (page.outcome() == Outcome.BUSY) {
            throw Trap.AGAIN;
        }
        HeldPage former = entries[indexOf(gpa)].page;
        if (page.isHeld() && former != null && former != page) {
            mode.release(former);
        }
        if (page.isHeld()) {
            entries[indexOf(gpa)] = new Entry(page.gpa(), page.bytes(), page.isWritable(), page);
        }
        return page.bytes();
    }

    @Override public int fetch(long pc) { return (int) load(pc, Integer.BYTES); }

    @Override public long load(long gpa, int width) {
        ByteBuffer page = page(gpa, false);
        return page != null ? HostWindow.get(page, offsetOf(gpa), width) : outside(() -> devices.load(gpa, width));
    }

    @Override public void store(long gpa, int width, long value) {
        ByteBuffer page = page(gpa, true);
        if (page != null) {
            HostWindow.put(page, offsetOf(gpa), width, value);
        } else {
            outside(() -> {
                devices.store(gpa, width, value);
                return 0;
            });
        }
    }

    @Override public boolean compareAndSet(long gpa, int width, long expected, long value) {
        ByteBuffer page = page(gpa, true);
        if (page == null) {
            throw new Trap(Trap.STORE_FAULT, gpa);
        }
        return width == Integer.BYTES
                ? INT.compareAndSet(page, offsetOf(gpa), (int) expected, (int) value)
                : LONG.compareAndSet(page, offsetOf(gpa), expected, value);
    }

    private static int offsetOf(long gpa) { return (int) gpa & Region.PAGE - 1; }

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
