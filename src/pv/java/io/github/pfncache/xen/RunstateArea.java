package io.github.pfncache.xen;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.AreaAccess;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GuestArea;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.pvclock.Registration;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vm;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * The run state of one vCPU, the time that it spent in each state, and the area where its guest reads both: at any byte
 * address, also over the end of a page.
 *
 * <p>The state itself changes by an atomic step, so the scheduler can change it in atomic context. The area is written
 * by one thread at a time; a write that cannot be made without waiting is made at the vCPU's next entry.
 *
 * <p>Thread-safe. ABI: {@code VCPUOP_register_runstate_memory_area}; kernel counterpart:
 * {@code kvm_xen_update_runstate()}, {@code kvm_xen_update_runstate_guest()}.
 *
 * @since 0.1.0
 */
public final class RunstateArea {

    private final Vm vm;
    private final LongSupplier guestClock;
    private final BooleanSupplier announced;

    /** Any thread changes it, in any context. */
    private final AtomicReference<Account> account = new AtomicReference<>(new Account(RunstateTimes.INITIAL, 0));

    private static final LongUnaryOperator MARK = marks -> (marks | 1) + 2; // made once: to mark takes no memory

    /**
     * How often the area was marked as behind the account, doubled; odd while it is. A thread that changes one of the
     * two marks the area before it writes it. A thread takes the last mark away if it has seen that mark before it read
     * the account.
     */
    private final AtomicLong marks = new AtomicLong();

    /** Makes the area's writers one at a time. No code of others runs under it. */
    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    /**
     * Points the area somewhere, one call at a time. Held while page-fault handlers run, so it is taken for a bounded
     * time, and a handler that comes back here is answered BUSY.
     */
    private final TrackedLock turn = new TrackedLock(LockClass.REFRESH);

    /** Pointed somewhere in a turn; guards itself. */
    private final GuestArea area;

    /** By the guest's mode. Changes before the area does, which is not written while its length is another. */
    private volatile RunstateLayout layout;

    /** The times, and what was stolen of the present state's time and not accounted yet. */
    private record Account(RunstateTimes times, long stolen) {

        Account entering(RunState next, long now) {
            long passed = times.passedAt(now);
            RunState spent = times.entryNanos() == 0 ? RunState.OFFLINE : times.state(); // it was not there yet
            // Only from a vCPU that wanted to run can time be stolen, and never more than has passed.
            long taken = spent == RunState.RUNNING ? Math.min(stolen, passed) : 0;
            return new Account(times.entering(next, now, spent, taken), stolen - taken);
        }

        Account with(RunstateTimes other) {
            return new Account(other, stolen);
        }
    }

    /**
     * Makes it; what passes before the first change of state is time offline.
     *
     * @param guestClock the guest's clock, nanoseconds
     * @param announced whether the guest asked for the UPDATE flag
     */
    RunstateArea(Vm vm, GuestMode mode, LongSupplier guestClock, BooleanSupplier announced) {
        this.vm = vm;
        this.guestClock = guestClock;
        this.announced = announced;
        this.area = vm.newArea();
        this.layout = mode.runstate();
    }

    // ------------------------------------------------------------------ where the guest sees it

    /**
     * The guest registers an area, or another one, and finds the runstate there. If a page-fault handler throws,
     * {@link #target} tells whether the area is registered; if it is, the next entry writes it.
     *
     * @param target its first byte, by gpa or by hva, any value
     * @return OK; INVALID with nothing changed if there can be no area; FAULT, and there is none from now on, if there
     *     is no memory; BUSY if it cannot be written now, but will be when it can; BUSY with nothing changed if
     *     another registration does not end, or is this very thread's
     */
    public Outcome register(CacheTarget target) {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        Outcome outcome;
        try {
            long before = marks.getAndUpdate(MARK); // whatever comes between, the next entry writes the area
            outcome = wraps(target) ? Outcome.FAULT : point(target);
            if (outcome == Outcome.FAULT) {
                area.deactivate(); // a guest that is told so registers it again
            }
            if (outcome == Outcome.INVALID && before % 2 == 0) {
                written(MARK.applyAsLong(before)); // as it was
            }
        } finally {
            turn.unlock();
        }
        return outcome == Outcome.OK ? write(CallContext.MAY_SLEEP) : outcome;
    }

    private static long deadline() {
        return Patience.deadlineAfter(RetryPolicy.DEFAULT.patience());
    }

    private Outcome point(CacheTarget target) {
        int length = lengthAt(addressOf(target), layout);
        return target instanceof CacheTarget.ByGpa byGpa
                ? area.activate(byGpa.gpa(), length)
                : area.activateHva(((CacheTarget.ByHva) target).hva(), length);
    }

    /** An area that begins at the last bytes of all is one without memory, not one that cannot be. */
    private boolean wraps(CacheTarget target) {
        return target instanceof CacheTarget.ByGpa byGpa
                && byGpa.gpa() != Pages.INVALID_GPA
                && Pages.wraps(byGpa.gpa(), layout.size());
    }

    /** The mode's length; where both take as many pages, the longer, so that a change of mode is none of the area. */
    private static int lengthAt(long address, RunstateLayout layout) {
        int longest = RunstateLayout.NATIVE.size();
        boolean onlyShorterFits = !Pages.fitsInPage(address, longest)
                && Pages.fitsInPage(address, RunstateLayout.COMPAT.size());
        return onlyShorterFits ? layout.size() : longest;
    }

    private static long addressOf(CacheTarget target) {
        return target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : ((CacheTarget.ByHva) target).hva();
    }

    /**
     * The area is no longer written. The times go on.
     *
     * @return OK; BUSY if a call on it does not end
     */
    public Outcome clear() {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        try {
            Outcome outcome = area.deactivate();
            XenRule.CLEARED_MEANS_INACTIVE.check(outcome == Outcome.BUSY || area.target() == null, area);
            return outcome;
        } finally {
            turn.unlock();
        }
    }

    /**
     * Where the guest sees it.
     *
     * @return the area's first byte, by the kind of address that was given; null if there is none
     */
    public CacheTarget target() {
        return area.target();
    }

    /**
     * The guest's mode changes: the area gets another length, at the same address, when it is written again. Calls no
     * code of others.
     */
    void switchMode(GuestMode mode) {
        layout = mode.runstate();
    }

    /** Gives the area the length of the layout. */
    private Outcome resize() {
        if (!turn.tryLock(deadline())) {
            return Outcome.BUSY;
        }
        try {
            CacheTarget target = area.target();
            if (hasLengthOfLayout()) {
                return Outcome.OK; // another thread has seen to it
            }
            if (point(target) == Outcome.INVALID) {
                area.deactivate(); // the longer structure does not fit there: better none than one of the wrong length
            }
            return Outcome.OK;
        } finally {
            turn.unlock();
        }
    }

    // ------------------------------------------------------------------ the account

    /**
     * The times.
     *
     * @return as of the last change
     */
    public RunstateTimes times() {
        return account.get().times();
    }

    /**
     * The vCPU does something else from now on, and its guest sees it. May wait.
     *
     * @param state what it does
     * @return how the area was written; INACTIVE if there is none
     */
    public Outcome set(RunState state) {
        enter(state);
        return write(CallContext.MAY_SLEEP);
    }

    /**
     * The vCPU is taken off its processor: runnable from now on. For atomic context: never waits, and leaves the
     * writing to the next entry if it would have to.
     *
     * @return how the area was written; BUSY if it will be at the next entry
     */
    public Outcome preempted() {
        return CallContext.ATOMIC.call(() -> {
            enter(RunState.RUNNABLE);
            return write(CallContext.ATOMIC);
        });
    }

    /**
     * Of the time that the vCPU is running, some was taken by something else: it counts as runnable. Never waits; the
     * guest sees it with the next change.
     *
     * @param nanos how much; not negative
     * @throws IllegalArgumentException if negative
     */
    public void addStolen(long nanos) {
        if (nanos < 0) {
            throw new IllegalArgumentException("nanos=" + nanos + " is negative");
        }
        // Saturates: more than that cannot pass.
        account.updateAndGet(now -> new Account(now.times, nanos + Math.min(now.stolen, Long.MAX_VALUE - nanos)));
    }

    /**
     * Sets all of it, as when a saved guest is restored. The guest sees it with the next change of state or entry.
     * {@code KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA}.
     *
     * @param times the new value
     * @return false with nothing changed if the times do not add up, modulo 2<sup>64</sup>, or the entry lies in the
     *     future
     */
    public boolean setTimes(RunstateTimes times) {
        return change(now -> times, null);
    }

    /**
     * Adds to it, and the guest sees it at once. {@code KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADJUST}.
     *
     * @param state the state entered now; null to keep the present one, and the times as they are then
     * @param entryDelta added to the entry time, nanoseconds
     * @param deltas added to the times, in the order of {@link RunState}
     * @return false with nothing changed if the deltas do not add up, or the result would be refused by
     *     {@link #setTimes}
     * @throws IllegalArgumentException if there are not four deltas
     */
    public boolean adjust(RunState state, long entryDelta, long... deltas) {
        if (deltas.length != RunState.values().length) {
            throw new IllegalArgumentException(deltas.length + " deltas, there are four times");
        }
        bringIn(); // page-fault handlers run here, before anything has changed: the call can be repeated
        boolean changed = change(now -> now.plus(entryDelta, deltas), state);
        if (changed) {
            write(CallContext.MAY_SLEEP);
        }
        return changed;
    }

    /** @param next the state to be entered then; null for none */
    private boolean change(UnaryOperator<RunstateTimes> step, RunState next) {
        boolean[] changed = new boolean[1];
        account.updateAndGet(now -> {
            RunstateTimes times = step.apply(now.times);
            long time = guestClock.getAsLong();
            changed[0] = times.isPossibleAt(time);
            Account with = changed[0] ? now.with(times) : now;
            return changed[0] && next != null ? with.entering(next, time) : with;
        });
        if (changed[0]) {
            marks.updateAndGet(MARK);
        }
        return changed[0];
    }

    private void enter(RunState state) {
        RunstateTimes times;
        try {
            times = account.updateAndGet(now -> now.entering(state, guestClock.getAsLong())).times;
        } finally {
            marks.updateAndGet(MARK);
        }
        XenRule.I12_TIMES_ADD_UP.check(times.isConsistent(), times);
    }

    /** The vCPU enters its guest. */
    void writeIfBehind() {
        if (marks.get() % 2 != 0) {
            write(CallContext.MAY_SLEEP);
        }
    }

    // ------------------------------------------------------------------ writing

    /** The area is no longer behind, unless it was marked since. */
    private void written(long mark) {
        marks.compareAndSet(mark, mark - 1);
    }

    private Outcome write(CallContext context) {
        long mark = marks.updateAndGet(MARK); // before the account is read, and until it is written
        // Page-fault handlers run between the attempts, with no lock held: what they end by an exception stays behind.
        Outcome outcome = context == CallContext.MAY_SLEEP
                ? Registration.retrying(vm, this::writeWaiting, this::bringIn)
                : writeAtOnce();
        if (outcome != Outcome.BUSY) {
            written(mark); // without memory it is lost; the next change lands
        }
        return outcome;
    }

    private Outcome writeWaiting() {
        lock.lock();
        try {
            return writeLocked();
        } finally {
            lock.unlock();
        }
    }

    private Outcome writeAtOnce() {
        if (!lock.tryLock()) {
            return Outcome.BUSY; // marked after the account has changed: who takes the mark away finds the change
        }
        try {
            return writeLocked();
        } finally {
            lock.unlock();
        }
    }

    /** Writes what can be written without waiting; the lock is held. */
    private Outcome writeLocked() {
        try (AreaAccess access = area.tryAccess()) {
            RunstateLayout now = layout; // once
            CacheTarget target = area.target();
            if (access.isUsable() && target != null && access.length() == lengthAt(addressOf(target), now)) {
                XenRule.I7_RUNSTATE_LENGTH.check(access.length() == lengthAt(addressOf(target), now), target);
                boolean inOnePage = Pages.fitsInPage(addressOf(target), now.size());
                now.write(access, times(), announced.getAsBoolean(), inOnePage);
                return Outcome.OK;
            }
            return access.outcome() == Outcome.INACTIVE ? Outcome.INACTIVE : Outcome.BUSY;
        }
    }

    private boolean hasLengthOfLayout() {
        CacheTarget target = area.target();
        return target == null || area.length() == lengthAt(addressOf(target), layout);
    }

    /** Brings the area in, by the length of the layout. Page-fault handlers run here. */
    private Outcome bringIn() {
        if (!hasLengthOfLayout()) {
            return resize();
        }
        try (AreaAccess access = area.access()) {
            return access.outcome();
        }
    }

    @Override
    public String toString() {
        return "runstate at " + target() + ": " + times();
    }
}
