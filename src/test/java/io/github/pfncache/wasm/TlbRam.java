package io.github.pfncache.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.util.Arrays;

/**
 * Guest memory of a VM, through a TLB. The linear memory begins two bytes before the end of a guest page, so that what
 * the program has aligned crosses pages all over. Every growth plugs in one more memslot.
 */
final class TlbRam implements Ram, GuestTlb.Unbacked {

    static final long HVA = 0x7f00_0000_0000L;

    private static final long GPA = 0x10_0000;

    private static final int ACCESSES_PER_POLL = 100;

    /** Of the linear memory in the guest's. */
    private static final long START = GPA + Pages.PAGE_SIZE - 2;

    private final Vm vm;
    private final GuestTlb tlb;
    private int slots;
    private long crossings;

    /** Whether the guest is in guest mode, and polls; else each access enters and leaves by itself. */
    private final boolean inside;

    private int untilPoll = ACCESSES_PER_POLL;

    /** Of the page used last; written by the guest's thread, read by the host's. */
    private volatile long hotHva = HVA;

    TlbRam(Vm vm, int entries, boolean inside) {
        this.inside = inside;
        this.vm = vm;
        this.tlb = vm.newTlb(entries, this);
        plug(0, Pages.PAGE_SIZE); // for the two bytes, and the end of every growth
    }

    @Override
    public void grow(long size, long newSize) {
        plug(size + Pages.PAGE_SIZE, newSize + Pages.PAGE_SIZE);
    }

    /** Where the host finds the page that was used last. */
    long hotHva() {
        return hotHva;
    }

    /** A safepoint of the guest's. */
    void poll() {
        if (inside && tlb.guestMode().isInside()) {
            tlb.poll();
        }
    }

    /** What the guest does not do by itself: somebody may be waiting for its pages. */
    void leave() {
        if (tlb.guestMode().isInside()) {
            tlb.leave();
        }
    }

    private long access(long at, int width) {
        long gpa = START + at;
        crossings += Pages.fitsInPage(gpa, width) ? 0 : 1;
        if (inside) {
            if (!tlb.guestMode().isInside()) {
                tlb.enter();
            }
            if (--untilPoll == 0) {
                untilPoll = ACCESSES_PER_POLL;
                tlb.poll();
            }
        }
        hotHva = HVA + Pages.pageStart(gpa) - GPA;
        return gpa;
    }

    private void plug(long from, long to) {
        leave();
        vm.host().mapAnonymous(HVA + from, (to - from) / Pages.PAGE_SIZE, Protection.READ_WRITE);
        assertThat(vm.memslots().set(slots++, Memslot.FLAG_LOG_DIRTY_PAGES, GPA + from, to - from, HVA + from))
                .isEqualTo(Memslots.Change.DONE);
    }

    @Override
    public long load(long at, int width) {
        long gpa = access(at, width);
        return switch (width) {
            case Byte.BYTES -> tlb.loadByte(gpa);
            case Short.BYTES -> tlb.loadShort(gpa);
            case Integer.BYTES -> tlb.loadInt(gpa);
            default -> tlb.loadLong(gpa);
        };
    }

    @Override
    public void store(long at, int width, long value) {
        long gpa = access(at, width);
        switch (width) {
            case Byte.BYTES -> tlb.storeByte(gpa, (byte) value);
            case Short.BYTES -> tlb.storeShort(gpa, (short) value);
            case Integer.BYTES -> tlb.storeInt(gpa, (int) value);
            default -> tlb.storeLong(gpa, value);
        }
    }

    @Override
    public void read(long at, byte[] into) {
        leave();
        assertThat(vm.guestMemory().read(START + at, into)).isEqualTo(into.length);
    }

    @Override
    public void write(long at, byte[] from) {
        leave();
        assertThat(vm.guestMemory().write(START + at, from)).isEqualTo(from.length);
    }

    /** Everything below the end is memory, and nobody keeps it busy for long: what comes here is a fault of ours. */
    @Override
    public long load(long gpa, int width, Outcome why) {
        throw new AssertionError("load of " + width + " at gpa=" + Pages.hex(gpa) + ": " + why);
    }

    @Override
    public void store(long gpa, int width, long value, Outcome why) {
        throw new AssertionError("store of " + width + " at gpa=" + Pages.hex(gpa) + ": " + why);
    }

    /** Accesses that crossed from one guest page into the next. */
    long crossings() {
        return crossings;
    }

    GuestTlb tlb() {
        return tlb;
    }

    /** Memory began as zeros: a page that is not zero now was written, and has to be in the dirty log. */
    void requireEveryWriteLogged() {
        byte[] zeros = new byte[Pages.PAGE_SIZE];
        byte[] page = new byte[Pages.PAGE_SIZE];
        int written = 0;
        for (int id = 0; id < slots; id++) { // bounded by the growths
            long[] dirty = vm.memslots().harvestDirty(id).harvest().pages();
            Memslot slot = vm.memslots().table().byId(id);
            for (long i = 0; i < slot.npages(); i++) { // bounded by the pages of the slot
                vm.host().peek(slot.hva() + i * Pages.PAGE_SIZE, page);
                if (!Arrays.equals(page, zeros)) {
                    written++;
                    assertThat(dirty).as("log of slot %d", id).contains(i);
                }
            }
        }
        assertThat(written).as("pages written").isGreaterThan(100);
    }
}
