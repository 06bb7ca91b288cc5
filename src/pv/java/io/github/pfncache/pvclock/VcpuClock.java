package io.github.pfncache.pvclock;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vcpu;
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

    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    // Guarded by lock, held across every call that may refresh the cache: so the cache's own refresh lock is free, and
    // activate and deactivate take effect whatever they answer.

    private final GfnPfnCache cache;
    private long register;
    /** The reference and the value of the last update; null before the first. */
    private Kvmclock.Reference lastReference;
    private PvclockTimeInfo lastTime;

    /** Whether the clock is on. Written with lock held; read anywhere, as a snapshot. */
    private volatile boolean active;

    VcpuClock(Kvmclock clock, Vcpu vcpu) {
        this.clock = clock;
        this.vcpu = vcpu;
        this.cache = vcpu.vm().newCache(PvclockField.ALONE.windowLength());
    }

    boolean isActive() {
        return active;
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

    /** The register is written: any value is taken, whether or not there is memory at its address. */
    void register(long value) {
        lock.lock();
        try {
            register = value;
            if ((value & Kvmclock.ENABLE) == 0) {
                Outcome outcome = cache.deactivate();
                active = false;
                PvclockRule.DISABLED_MEANS_INACTIVE.check(outcome == Outcome.OK && !cache.state().active(), outcome);
            } else if (cache.activate(value & ~Kvmclock.ENABLE) != Outcome.INVALID) {
                active = true; // without memory too: the cache heals when there is some
            } // an address whose structure would cross a page changes nothing: the clock stays where it was, or off
        } finally {
            lock.unlock();
        }
        request(Request.REGISTRATION);
    }

    /** The vCPU enters the guest: writes its clock if that was requested. True iff it was. */
    boolean enter() {
        if (!take(Request.UPDATE)) {
            return false;
        }
        lock.lock();
        try {
            if (active) {
                write();
            }
        } finally {
            lock.unlock();
        }
        return true;
    }

    private void write() {
        // Taken before the access: lost together with a write that finds no memory, but kept while the clock is off.
        boolean stopped = take(Request.GUEST_STOPPED);
        Outcome outcome = Outcome.BUSY; // also when a page-fault handler throws
        try (GuestAccess access = cache.access()) {
            outcome = access.outcome();
            if (access.isUsable()) {
                // After the access was had, which may have taken long.
                Kvmclock.Reference reference = clock.reference();
                PvclockTimeInfo time = clock.timeBy(reference);
                checkMonotonic(reference, time);
                PvclockField.ALONE.write(access, stopped ? time.withFlags(PvclockTimeInfo.FLAG_GUEST_STOPPED) : time);
            }
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
