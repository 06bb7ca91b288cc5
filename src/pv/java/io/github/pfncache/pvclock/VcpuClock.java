package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.vm.Vcpu;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One vCPU's kvmclock: what it registered, what was requested of it, and where its structure is.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.pv_time}, {@code vcpu->arch.time} and the vCPU's request bits.
 */
final class VcpuClock {

    /** Requests that wait for the vCPU's next entry. Bits of {@link #requests}. */
    enum Request {
        /** It has never entered: its first entry updates every vCPU. */
        FIRST_ENTRY,
        /** It had its first entry, or its register was written: update every vCPU once more a little later. */
        LATER,
        /** Write its clock. */
        UPDATE,
        /** With the next update that finds the clock on, tell the guest that it was stopped. */
        GUEST_STOPPED;

        private int bit() {
            return 1 << ordinal();
        }
    }

    private final Kvmclock clock;
    private final Vcpu vcpu;

    /** Atomic; any thread, in any context, raises a request. Only the vCPU's entry takes one away. */
    private final AtomicInteger requests = new AtomicInteger(Request.FIRST_ENTRY.bit());

    private final Registration place;

    // Guarded by the place's lock.

    /** That of the last update; null before the first. */
    private Moment last;

    /** The last update told the guest that it was stopped. Written by the vCPU's thread; read anywhere. */
    private volatile boolean toldStopped;

    /** The listeners that have not heard of the last update. Confined to the thread that runs the vCPU. */
    private Deque<ClockUpdateListener> untold = new ArrayDeque<>();

    /** Replaced as a whole, by any thread. */
    private volatile Kvmclock.VcpuTsc tsc;

    VcpuClock(Kvmclock clock, Vcpu vcpu, Kvmclock.VcpuTsc tsc) {
        this.clock = clock;
        this.tsc = tsc;
        this.vcpu = vcpu;
        this.place = new Registration(vcpu.vm(), PvclockField.ALONE.windowLength());
    }

    Kvmclock.VcpuTsc tsc() {
        return tsc;
    }

    void tsc(Kvmclock.VcpuTsc fresh) {
        tsc = fresh;
    }

    boolean isActive() {
        return place.target() != null;
    }

    /** Whether the last update told the guest that it was stopped: then every clock of the vCPU says so. */
    boolean hasToldStopped() {
        return toldStopped;
    }

    void request(Request request) {
        requests.accumulateAndGet(request.bit(), (pending, bit) -> pending | bit);
    }

    /** Serves a request. It is taken away first, so what comes meanwhile stays; and is there again if that throws. */
    void serve(Request request, Runnable service) {
        if (take(request)) {
            boolean served = false;
            try {
                service.run();
                served = true;
            } finally {
                if (!served) {
                    request(request);
                }
            }
        }
    }

    private boolean take(Request request) {
        int before = requests.get() & request.bit(); // an entry with nothing to do writes nothing
        return before != 0
                && (requests.getAndAccumulate(before, (pending, taken) -> pending & ~taken) & before) != 0;
    }

    long register() {
        return place.register();
    }

    /**
     * The register is written: any value is taken, whether or not there is memory at its address. An address whose
     * structure would cross a page changes nothing: the clock stays where it was, or off.
     */
    void register(long value) {
        boolean on = (value & Kvmclock.ENABLE) != 0;
        try {
            place.set(value, on ? new CacheTarget.ByGpa(value & ~Kvmclock.ENABLE) : null); // heals without memory, too
        } finally {
            request(Request.UPDATE);
            request(Request.LATER);
        }
    }

    /**
     * The vCPU enters the guest: writes its clock and tells the listeners, if that was requested. What code of others
     * ends by an exception is left to the next entry: the clock, or the listeners that have not been told.
     */
    void enter(List<ClockUpdateListener> listeners) {
        serve(Request.UPDATE, () -> {
            Deque<ClockUpdateListener> all = new ArrayDeque<>(listeners); // first: the write is not to be made again
            toldStopped = false;
            write();
            untold = all;
        });
        for (int left = untold.size(); left > 0 && !untold.isEmpty(); left--) { // bounded by their number
            ClockUpdateListener listener = untold.remove(); // before the call, which may come back here
            boolean told = false;
            try {
                listener.clockUpdated(vcpu);
                told = true;
            } finally {
                if (!told) {
                    untold.addLast(listener);
                }
            }
        }
    }

    private void write() {
        if (!isActive()) {
            return;
        }
        // Taken before the access: lost together with a write that finds no memory, but kept while the clock is off.
        boolean stopped = take(Request.GUEST_STOPPED);
        Outcome outcome = Outcome.BUSY; // also when code of others throws
        try {
            outcome = place.update(this::now, (access, now) -> {
                checkMonotonic(now);
                PvclockField.ALONE.write(
                        access, stopped ? now.time.withFlags(PvclockTimeInfo.FLAG_GUEST_STOPPED) : now.time);
                toldStopped = stopped;
            });
        } finally {
            if (outcome == Outcome.BUSY || outcome == Outcome.INACTIVE) {
                // Not lost but put off: the memory is there, or the clock is off now. The next entry tries again.
                request(Request.UPDATE);
                if (stopped) {
                    request(Request.GUEST_STOPPED);
                }
            }
        }
    }

    /** A value, the reference that it counts from, and by which ticks. */
    private record Moment(Kvmclock.Reference reference, Kvmclock.VcpuTsc tsc, PvclockTimeInfo time) {}

    private Moment now() {
        Kvmclock.Reference reference = clock.reference();
        Kvmclock.VcpuTsc by = tsc;
        return new Moment(reference, by, clock.timeBy(reference, by));
    }

    private void checkMonotonic(Moment now) {
        PvclockRule.I12_TIME_IS_MONOTONIC.check(
                last == null
                        || now.reference != last.reference
                        || now.tsc != last.tsc
                        || now.time.systemTime() - last.time.timeAt(now.time.tscTimestamp()) >= 0,
                last);
        last = now;
    }

    @Override
    public String toString() {
        return "kvmclock of " + vcpu + " register=" + Pages.hex(register());
    }
}
