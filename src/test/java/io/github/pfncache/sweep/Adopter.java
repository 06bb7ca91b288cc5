package io.github.pfncache.sweep;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnToHvaCache;
import io.github.pfncache.cache.GuestMode;
import io.github.pfncache.cache.GuestTlb;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.PageFault;
import io.github.pfncache.host.PageFaultHandler;
import io.github.pfncache.memslot.InvalidationGate;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotListener;
import io.github.pfncache.pvclock.ClockUpdateListener;
import io.github.pfncache.pvclock.PvclockReader;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.HostClock;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.xen.UpcallListener;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;

/** Everything that an adopter may write for the library to call. Each call is a point of the sweeps. */
final class Adopter implements PageFaultHandler, MmuNotifier, InvalidationGate, MemslotListener, MsrHandler, EntryHook,
        HostClock, TscSource, ClockUpdateListener, UpcallListener, GuestTlb.Unbacked, GfnToHvaCache.Update,
        PvclockReader.Words, GuestMode.Dropped, LongPredicate, LongConsumer, Runnable {

    static final long TSC_HZ = 2_000_000_000L;
    private static final int WORDS_VERSION = 4;

    private final Points points;
    private final HostClock.Manual time = new HostClock.Manual(1_700_000_000_123_456_789L);
    private final TscSource counter = TscSource.of(time, TSC_HZ);

    /** What the register of ours holds. */
    private final AtomicLong register = new AtomicLong();

    /** Which pages were delivered. */
    final Set<Long> delivered = new ConcurrentSkipListSet<>();

    Adopter(Points points) {
        this.points = points;
    }

    void advance(long nanos) {
        time.advance(nanos);
    }

    // ---- host

    /** What was never there is a page full of its own number. */
    @Override
    public Decision onFault(PageFault fault) {
        boolean refuse = points.reached("fault handler");
        if (fault.reason() != PageFault.Reason.EVICTED && fault.reason() != PageFault.Reason.WRITE_PROTECTED) {
            for (int i = 0; i < Pages.PAGE_SIZE; i++) { // bounded by the page
                fault.page().put(i, (byte) (fault.hva() >>> Pages.PAGE_SHIFT));
            }
        }
        return refuse ? Decision.REFUSE : Decision.RESOLVE;
    }

    @Override
    public void onDiscard(HvaRange range) {
        points.reached("fault handler, discard");
    }

    @Override
    public void onUnmap(HvaRange range) {
        points.reached("fault handler, unmap");
    }

    @Override
    public void onMove(HvaRange range, long to) {
        points.reached("fault handler, move");
    }

    @Override
    public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
        return !points.reached("notifier, start") || mayBlock;
    }

    @Override
    public void invalidateRangeEnd(HvaRange range) {
        points.reached("notifier, end");
    }

    @Override
    public boolean ownsMappings() {
        return false;
    }

    // ---- memslots

    @Override
    public Gate runWhenQuiet(Runnable publish, long deadlineNanos) {
        if (points.reached("gate")) {
            return Gate.BUSY;
        }
        publish.run();
        points.reached("gate, published");
        return Gate.DONE;
    }

    @Override
    public boolean isCurrentThreadInside() {
        return points.reached("gate, question");
    }

    @Override
    public boolean slotChanged(Memslot former, long deadlineNanos) {
        return !points.reached("memslot listener");
    }

    @Override
    public boolean protect(Memslot slot, LongPredicate pages, long deadlineNanos) {
        return !points.reached("memslot listener, protection");
    }

    // ---- vCPUs

    @Override
    public long read(Vcpu vcpu, int index) {
        points.reached("msr read");
        return register.get();
    }

    @Override
    public boolean write(Vcpu vcpu, int index, long value) {
        if (points.reached("msr write")) {
            return false;
        }
        register.set(value);
        return true;
    }

    @Override
    public boolean guestWrite(Vcpu vcpu, int index, long value) {
        return !points.reached("msr write by the guest") && write(vcpu, index, value);
    }

    @Override
    public void beforeRun(Vcpu vcpu) {
        points.reached("entry hook, run");
    }

    @Override
    public void beforeEntry(Vcpu vcpu) {
        points.reached("entry hook, entry");
    }

    /** The guest's code. */
    @Override
    public void run() {
        points.reached("code");
    }

    // ---- clocks

    @Override
    public long monotonicNanos() {
        points.reached("monotonic clock");
        return time.monotonicNanos();
    }

    @Override
    public long realtimeNanos() {
        points.reached("real time");
        return time.realtimeNanos();
    }

    @Override
    public long frequencyHz() {
        points.reached("frequency");
        return TSC_HZ;
    }

    @Override
    public long read() {
        points.reached("time stamp counter");
        return counter.read();
    }

    @Override
    public void clockUpdated(Vcpu vcpu) {
        points.reached("clock listener");
    }

    @Override
    public int get(int offset) {
        points.reached("clock words");
        return offset == 0 ? WORDS_VERSION : 0;
    }

    // ---- events

    @Override
    public void kick(Vcpu vcpu) {
        points.reached("kick");
    }

    @Override
    public void interrupt(Vcpu vcpu, int vector) {
        points.reached("interrupt");
    }

    // ---- memory

    @Override
    public long load(long gpa, int width, Outcome why) {
        points.reached("device, load");
        return gpa;
    }

    @Override
    public void store(long gpa, int width, long value, Outcome why) {
        points.reached("device, store");
    }

    @Override
    public void dropped(long gpa) {
        points.reached("page dropped");
    }

    @Override
    public void on(GfnToHvaCache.Window window) {
        points.reached("update");
        window.put(0, Long.BYTES, window.get(Long.BYTES, Long.BYTES) + 1);
        points.reached("update, written");
    }

    /** Somebody who takes delivery of dirty pages. */
    @Override
    public boolean test(long gfn) {
        boolean refuse = points.reached("delivery");
        if (!refuse) {
            delivered.add(gfn);
        }
        return !refuse;
    }

    /** Somebody who is told which pages were rewound. */
    @Override
    public void accept(long hva) {
        points.reached("rewound page");
    }
}
