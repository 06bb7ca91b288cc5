package machine;

import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vm;

/** The first way: memory by the library's TLB. */
final class TlbMemory implements Memory, GuestTlb.Unbacked {

    private final GuestTlb tlb;
    private final Bus devices;

    TlbMemory(Vm vm, Bus devices) {
        this.tlb = vm.newTlb(this);
        this.devices = devices;
    }

    @Override public GuestMode guestMode() { return tlb.guestMode(); }

    @Override public int fetch(long pc) { return tlb.fetchInt(pc); }

    @Override public long load(long gpa, int width) {
        return switch (width) {
            case 1 -> tlb.loadByte(gpa);
            case 2 -> tlb.loadShort(gpa);
            case 4 -> tlb.loadInt(gpa);
            default -> tlb.loadLong(gpa);
        };
    }

    @Override public void store(long gpa, int width, long value) {
        switch (width) {
            case 1 -> tlb.storeByte(gpa, (byte) value);
            case 2 -> tlb.storeShort(gpa, (short) value);
            case 4 -> tlb.storeInt(gpa, (int) value);
            default -> tlb.storeLong(gpa, value);
        }
    }

    @Override public boolean compareAndSet(long gpa, int width, long expected, long value) {
        return width == Integer.BYTES
                ? tlb.compareAndSetInt(gpa, (int) expected, (int) value)
                : tlb.compareAndSetLong(gpa, expected, value);
    }

    /** No memory there. */
    @Override public long load(long gpa, int width, Outcome why) { return forDevices(why).load(gpa, width); }

    /** No memory there, or none to be written. */
    @Override public void store(long gpa, int width, long value, Outcome why) {
        forDevices(why).store(gpa, width, value);
    }

    private Bus forDevices(Outcome why) {
        if (why == Outcome.BUSY) {
            throw Trap.AGAIN;
        }
        return devices;
    }
}
