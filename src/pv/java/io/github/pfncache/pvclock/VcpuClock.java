package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vcpu;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One vCPU's kvmclock: what it registered, what was requested of it, and the cache of its structure.
 *
 * <p>Kernel counterpart: {@code vcpu->arch.pv_time}, {@code vcpu->arch.time} and the vCPU's request bits.
 */
final class VcpuClock {

    /** Requests that wait for the vCPU's next entry. Bits of {@link #requests}. */
    enum Request {
        /** It has never entered: its first entry updates every vCPU. */
        FIRST_ENTRY,
        /** Its register was written: update it, and every vCPU once more a little later. */
        REGISTRATION,
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

    /** Pointed and refreshed without the lock; written with it. */
    private final GfnPfnCache cache;

    /** No code of others runs under it. */
    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    // Guarded by lock.

    private long register;
    /** The reference and the value of the last update; null before the first. */
    private Kvmclock.Reference lastReference;
    private PvclockTimeInfo lastTime;

    /**
     * Where the clock is, by the register; null if it is off. The cache may be elsewhere for a while: a page-fault
     * handler wrote the register, or threw. Written with lock held; read anywhere, as a snapshot.
     */
    private volatile CacheTarget target;

    /** The listeners that have not heard of the last update. Confined to the thread that runs the vCPU. */
    private final Deque<ClockUpdateListener> untold = new ArrayDeque<>();

    VcpuClock(Kvmclock clock, Vcpu vcpu) {
        this.clock = clock;
        this.vcpu = vcpu;
        this.cache = vcpu.vm().newCache(PvclockField.ALONE.windowLength());
    }

    boolean isActive() {
        return target != null;
    }

    void request(Request request) {
        requests.accumulateAndGet(request.bit(), (pending, bit) -> pending | bit);
    }

    /** Takes a request away; true iff it was there. */
    boolean take(Request request) {
        return (requests.getAndUpdate(pending -> pending & ~request.bit()) & request.bit()) != 0;
    }

    long register() {
        lock.lock();
        try {
            return register;
        } finally {
            lock.unlock();
        }
    }

    /**
     * The register is written: any value is taken, whether or not there is memory at its address. Whatever a page-fault
     * handler does meanwhile, the value counts; a cache that could not follow does so at the next update.
     */
    void register(long value) {
        boolean on = (value & Kvmclock.ENABLE) != 0;
        CacheTarget next = on ? new CacheTarget.ByGpa(value & ~Kvmclock.ENABLE) : null;
        lock.lock();
        try {
            register = value;
            if (next == null || next.isCacheable(cache.length())) {
                target = next; // without memory too: the cache heals when there is some
            } // an address whose structure would cross a page changes nothing: the clock stays where it was, or off
        } finally {
            lock.unlock();
        }
        try {
            if (next == null) {
                Outcome outcome = cache.deactivate();
                PvclockRule.DISABLED_MEANS_INACTIVE.check(
                        outcome == Outcome.BUSY || target != null || !cache.state().active(), outcome);
            } else if (next == target) {
                cache.activate(next);
            }
        } finally {
            request(Request.REGISTRATION);
        }
    }

    /**
     * The vCPU enters the guest: writes its clock and tells the listeners, if that was requested. What code of others
     * ends by an exception is left to the next entry: the clock, or the listeners that have not been told.
     */
    void enter(List<ClockUpdateListener> listeners) {
        if (take(Request.UPDATE)) {
            write();
            untold.clear();
            untold.addAll(listeners);
        }
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
        CacheTarget where = target;
        if (where == null) {
            return;
        }
        // Taken before the access: lost together with a write that finds no memory, but kept while the clock is off.
        boolean stopped = take(Request.GUEST_STOPPED);
        Outcome outcome = Outcome.BUSY; // also when code of others throws
        try {
            outcome = write(where, stopped);
        } finally {
            if (outcome == Outcome.BUSY) {
                // Not lost but put off: the memory is there, and the next entry tries again.
                request(Request.UPDATE);
                if (stopped) {
                    request(Request.GUEST_STOPPED);
                }
            }
        }
    }

    private Outcome write(CacheTarget where, boolean stopped) {
        for (int attempt = 0; attempt < RetryPolicy.DEFAULT.attempts(); attempt++) { // bounded by that number
            boolean there = where.equals(cache.state().target());
            // When the memory is at hand, which may have taken long, but before it is accessed: the TSC is code of
            // others.
            Kvmclock.Reference reference = clock.reference();
            PvclockTimeInfo time = clock.timeBy(reference);
            lock.lock();
            try (GuestAccess access = cache.tryAccess()) {
                if (where != target) {
                    return Outcome.BUSY; // the register was written meanwhile
                }
                if (there && access.isUsable()) {
                    checkMonotonic(reference, time);
                    PvclockField.ALONE.write(
                            access, stopped ? time.withFlags(PvclockTimeInfo.FLAG_GUEST_STOPPED) : time);
                    return Outcome.OK;
                }
            } finally {
                lock.unlock();
            }
            Outcome outcome = there ? cache.refresh() : cache.activate(where); // page-fault handlers run here
            if (outcome != Outcome.OK) {
                return outcome;
            }
        }
        return Outcome.BUSY;
    }

    private void checkMonotonic(Kvmclock.Reference reference, PvclockTimeInfo time) {
        PvclockRule.I12_TIME_IS_MONOTONIC.check(
                reference != lastReference || time.systemTime() - lastTime.timeAt(time.tscTimestamp()) >= 0,
                lastTime);
        lastReference = reference;
        lastTime = time;
    }

    @Override
    public String toString() {
        return "kvmclock of " + vcpu + " register=" + Pages.hex(register());
    }
}
