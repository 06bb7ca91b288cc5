package io.github.pfncache.examples;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.pvclock.TscSource;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.vm.EntryHook;
import io.github.pfncache.vm.MsrHandler;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import java.lang.invoke.VarHandle;
import java.math.BigInteger;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A paravirtual interface that the library does not have: the reference time of Hyper-V, as a counter and as a page
 * from which the guest computes it by its TSC. The source is the hypervisor's Top Level Functional Specification,
 * chapter Timers.
 *
 * <pre>
 *  offset  0          4          8                     16                    24
 *          +----------+----------+---------------------+---------------------+
 *          | sequence | reserved |     scale (u64)     |     offset (s64)    |
 *          +----------+----------+---------------------+---------------------+
 *  time = ((tsc * scale) >> 64) + offset, in units of 100 ns; sequence 0: read the counter instead
 * </pre>
 */
final class HypervReferenceTime {

    /** The counter; the guest can only read it. */
    static final int MSR_TIME_REF_COUNT = 0x4000_0020;

    /** The register of the page: {@link #ENABLE}, eleven bits without meaning, the number of the page. */
    static final int MSR_REFERENCE_TSC = 0x4000_0021;

    static final long ENABLE = 1;
    static final int SEQUENCE = 0;
    static final int RESERVED = 4;
    static final int SCALE = 8;
    static final int OFFSET = 16;
    static final int SIZE = 24;

    private static final long PAGE_NUMBER = -1L << 12;
    private static final int UNITS_PER_SECOND = 10_000_000;

    /** One page for the VM. */
    private final Registration page;

    /** Any thread sets it, before {@link #due}: the thread that takes that finds it. */
    private volatile Reference reference;

    /** The page is to be written. */
    private final AtomicBoolean due = new AtomicBoolean();

    /**
     * What the page says, and the TSC that it says it of.
     *
     * @param scale what a tick takes, in 2^-64 of 100 ns
     * @param offset added to the scaled ticks, in 100 ns
     */
    private record Reference(TscSource tsc, long scale, long offset) {

        static Reference of(TscSource tsc, long units) {
            long scale = scaleOf(tsc.frequencyHz());
            return new Reference(tsc, scale, units - scaled(tsc.read(), scale));
        }

        long now() {
            return scaled(tsc.read(), scale) + offset;
        }
    }

    private HypervReferenceTime(Vm vm, TscSource tsc) {
        this.page = new Registration(vm, SIZE);
        this.reference = Reference.of(tsc, 0);
    }

    static HypervReferenceTime attach(Vm vm, TscSource tsc) {
        HypervReferenceTime time = new HypervReferenceTime(vm, tsc);
        Map<Integer, MsrHandler> registers =
                Map.of(MSR_REFERENCE_TSC, time.new PageRegister(), MSR_TIME_REF_COUNT, time.new Counter());
        vm.addInterface(registers, new EntryHook() {
            @Override
            public void beforeEntry(Vcpu vcpu) {
                time.writeIfDue();
            }
        });
        return time;
    }

    /** A quotient of 64 bits: the TSC is faster than the unit. */
    private static long scaleOf(long hertz) {
        if (hertz <= UNITS_PER_SECOND) {
            throw new IllegalArgumentException("frequency " + hertz + " Hz is not above " + UNITS_PER_SECOND);
        }
        return BigInteger.valueOf(UNITS_PER_SECOND).shiftLeft(Long.SIZE).divide(BigInteger.valueOf(hertz)).longValue();
    }

    /** The upper half of the product of two unsigned numbers. */
    static long scaled(long ticks, long scale) {
        return Math.multiplyHigh(ticks, scale) + (ticks >> 63 & scale) + (scale >> 63 & ticks);
    }

    /** The time, in 100 ns. */
    long now() {
        return reference.now();
    }

    /** Sets the time, as when the guest was moved to a host with another TSC. The next entry tells the guest. */
    void set(TscSource tsc, long units) {
        reference = Reference.of(tsc, units);
        due.set(true);
    }

    // ------------------------------------------------------------------ the page

    /** What is due is taken first, and is due again if it could not be done, or a page-fault handler threw. */
    private void writeIfDue() {
        if (due.getAndSet(false)) {
            Outcome outcome = Outcome.BUSY;
            try {
                // No code of others has a part in the value, so the writer reads it under the lock: the last one to
                // write cannot have an old one. A clock would be the source, which is asked without the lock.
                outcome = page.update(() -> null, (access, nothing) -> write(access));
            } finally {
                if (outcome == Outcome.BUSY || outcome == Outcome.FAULT) {
                    due.set(true);
                }
            }
        }
    }

    /** The structure at hand, alone. What the guest does meanwhile to its own page is its own affair. */
    private void write(GuestAccess access) {
        Reference now = reference; // once
        int next = access.getInt(SEQUENCE) + 1;
        access.putInt(SEQUENCE, 0);
        VarHandle.storeStoreFence(); // the guest sees that nothing is valid before anything has changed
        access.putInt(RESERVED, 0);
        access.putLong(SCALE, now.scale);
        Interleaving.reached("reference half written"); // so that a test can stop the writer here
        access.putLong(OFFSET, now.offset);
        VarHandle.storeStoreFence(); // and the whole value before a sequence that is valid, and new
        access.putInt(SEQUENCE, next == 0 ? 1 : next);
    }

    private final class PageRegister implements MsrHandler {

        @Override
        public long read(Vcpu vcpu, int index) {
            return page.register();
        }

        /** Any value is taken. The page is written before the guest goes on, if there is memory. */
        @Override
        public boolean write(Vcpu vcpu, int index, long value) {
            page.point(value, (value & ENABLE) == 0 ? null : new CacheTarget.ByGpa(value & PAGE_NUMBER));
            due.set(true); // after the place: who takes it finds that
            return true;
        }
    }

    private final class Counter implements MsrHandler {

        @Override
        public long read(Vcpu vcpu, int index) {
            return now();
        }

        @Override
        public boolean write(Vcpu vcpu, int index, long value) {
            return false;
        }
    }
}
