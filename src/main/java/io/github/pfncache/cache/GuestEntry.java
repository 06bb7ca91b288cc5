package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.rules.Failures;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedLock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * The state that a vCPU and the takers of its pages share: whether the vCPU is in the guest, which thread owns the
 * guest mode, which pages are wanted back, and up to which request they were given back. The argument is in
 * {@link GuestMode}.
 *
 * <p>Kernel counterpart: {@code vcpu->mode} and {@code vcpu->requests}.
 */
abstract class GuestEntry {

    /** A deadline that has passed already. */
    static final long AT_ONCE = Long.MIN_VALUE;

    /** How long a wait for a vCPU lasts before it is reported: one second. */
    private static final long QUIET_NANOS = 1_000_000_000;

    private static final VarHandle INSIDE;
    private static final VarHandle REQUESTS;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            INSIDE = lookup.findVarHandle(GuestEntry.class, "inside", boolean.class);
            REQUESTS = lookup.findVarHandle(GuestEntry.class, "requests", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Told on the vCPU's thread when its pages may be used, and when not. */
    @FunctionalInterface
    interface Gate {

        /** The gate of an emulated CPU that knows by itself whether it is inside. */
        Gate NONE = (inside, empty) -> {};

        /**
         * Pages may be used from now on, or no longer.
         *
         * @param inside whether they may
         * @param empty whether all were given back
         */
        void change(boolean inside, boolean empty);

        /**
         * A page is given back by its holder: as if it were dropped.
         *
         * @param gpa guest physical address of the page
         */
        default void released(long gpa) {}
    }

    final Gate gate;

    private final TrackedLock lock = new TrackedLock(LockClass.GUEST_MODE);

    /** Accessed through INSIDE; written by the owner. */
    private boolean inside;

    /** How often the vCPU was kicked. Accessed through REQUESTS; written with the lock held. */
    private long requests;

    /** Up to which request pages were given back. Written by the owner with the lock held; read by either. */
    private long acknowledged;

    /** Those that are wanted back; null if none. Guarded by {@link #lock}. */
    private HeldPage wanted;

    /** The thread that owns the guest mode; null if none. Written by that thread, or by the next owner. */
    private volatile Thread owner;

    /** Set once, by the owner, with the lock held. */
    private volatile boolean closed;

    GuestEntry(Gate gate) {
        this.gate = gate;
    }

    /**
     * Whether the vCPU is in the guest.
     *
     * @return true after {@code enter} and before {@code leave}; false while a page is resolved
     */
    public final boolean isInside() {
        return (boolean) INSIDE.getVolatile(this);
    }

    /**
     * Whether the current thread is this vCPU's, and in the guest.
     *
     * @return true if it must not wait
     */
    public final boolean isCurrentThreadInside() {
        return isInside() && owner == Thread.currentThread();
    }

    // ------------------------------------------------------------------ the vCPU's side

    /** Whether pages are wanted: one opaque look. */
    final boolean isWanted() {
        return (long) REQUESTS.getOpaque(this) != acknowledged;
    }

    /** The page must not be used any more from now on; the first failure, with this one added if there is one. */
    abstract Throwable drop(HeldPage page, Throwable former);

    final void goInside() {
        INSIDE.setVolatile(this, true); // first, then the look: pairs with kick
        Interleaving.reached("guest mode entered");
        try {
            if ((long) REQUESTS.getVolatile(this) != acknowledged) {
                giveBack();
            }
        } finally {
            HeldLocks.guestMode(true);
            gate.change(true, false);
        }
    }

    final void goOutside() {
        gate.change(false, false);
        HeldLocks.guestMode(false);
        INSIDE.setVolatile(this, false); // first, then the look: pairs with the wait for an acknowledgement
        if ((long) REQUESTS.getVolatile(this) != acknowledged) {
            lock.lock();
            try (lock) {
                lock.signalAll();
            }
        }
    }

    /** Drops what is wanted, then acknowledges; what {@link GuestMode.Dropped} throws is thrown at the end. */
    final boolean giveBack() {
        StackRoom.require(); // before the list is taken
        HeldPage list;
        long upTo;
        lock.lock();
        try (lock) {
            list = wanted; // stays there until it is dropped: also after an exception it is dropped the next time
            upTo = requests;
        }
        boolean dropped = false;
        Throwable failure = null;
        for (HeldPage page = list; page != null; page = page.nextWanted) { // bounded by the pages held
            if (page.indexed) { // not released meanwhile
                dropped = true;
                failure = drop(page, failure);
            }
        }
        Interleaving.reached("about to acknowledge");
        lock.lock();
        try (lock) {
            forget(list);
            acknowledged = Math.max(acknowledged, upTo);
            lock.signalAll();
        }
        Failures.<RuntimeException>rethrow(failure);
        return dropped;
    }

    /** The rest of those that are wanted, from one on, was given back. The lock is held. */
    private void forget(HeldPage from) {
        if (wanted == from) {
            wanted = null;
            return;
        }
        HeldPage last = wanted;
        while (last != null && last.nextWanted != from) { // bounded by those that came meanwhile
            last = last.nextWanted;
        }
        if (last != null) {
            last.nextWanted = null;
        }
    }

    // ------------------------------------------------------------------ the takers' side

    /** What is held, or about to be, of some pages. Asked by any thread. */
    abstract List<HeldPage> holdsOf(HvaRange range, Predicate<HeldPage> which);

    /** How many pages are held; at rest. */
    abstract int held();

    /** Wants pages back; answers which request has to be acknowledged. */
    final long kick(List<HeldPage> pages) {
        lock.lock();
        try (lock) {
            for (HeldPage page : pages) { // bounded by the pages held
                if (!page.wanted) {
                    page.wanted = true;
                    page.nextWanted = wanted;
                    wanted = page;
                }
            }
            REQUESTS.setVolatile(this, requests + 1); // the list is complete; then the look at the mode
            return requests;
        }
    }

    /** Whether a request is acknowledged, the vCPU is outside, or its thread has ended. Under the lock. */
    final boolean hasAcknowledged(long request) {
        return acknowledged >= request || !isRunning();
    }

    /**
     * Waits until the vCPU {@linkplain #hasAcknowledged has acknowledged}. A wait of a second is reported.
     *
     * @param done whether it has
     * @param deadlineNanos a value of {@link System#nanoTime()}, or {@link #AT_ONCE}
     * @return false if the deadline has passed
     */
    final boolean awaitGone(BooleanSupplier done, long deadlineNanos) {
        if (deadlineNanos == AT_ONCE) {
            return await(done, System.nanoTime());
        }
        long quiet = System.nanoTime() + QUIET_NANOS;
        if (deadlineNanos - quiet <= 0) {
            return await(done, deadlineNanos);
        }
        if (await(done, quiet)) {
            return true;
        }
        CacheEvents.waitsForGuest(owner);
        return await(done, deadlineNanos);
    }

    private boolean await(BooleanSupplier done, long deadlineNanos) {
        lock.lock();
        try (lock) {
            return lock.await(done, deadlineNanos);
        }
    }

    /** Whether the vCPU is inside, and its thread lives. A thread that is seen to have ended has done all it did. */
    final boolean isRunning() {
        Thread thread = owner;
        return isInside() && thread != null && thread.isAlive();
    }

    // ------------------------------------------------------------------ the owner

    /** No thread owns the guest mode any more; with {@code forGood} none ever will again: in one step. */
    final void abandon(boolean forGood) {
        lock.lock();
        try (lock) {
            closed |= forGood;
            INSIDE.setVolatile(this, false); // where a thread that died has left it
            owner = null;
        }
    }

    final boolean isClosed() {
        return closed;
    }

    /** The current thread owns the guest mode, if no living thread does. */
    final void belongToCurrentThread() {
        Thread current = Thread.currentThread();
        if (owner == current) {
            return;
        }
        lock.lock();
        try (lock) {
            Thread former = owner; // one look: its owner may abandon it meanwhile
            if (closed || former != null && former.isAlive()) {
                throw notMine(current);
            }
            if (former != null) { // it died
                INSIDE.setVolatile(this, false);
            }
            owner = current;
        }
    }

    final void requireOwner() {
        requireOwner(false);
    }

    /** With {@code orNobodys} it is enough that no thread owns the guest mode. */
    final void requireOwner(boolean orNobodys) {
        Thread mine = owner;
        if (mine != Thread.currentThread() && !(orNobodys && mine == null)) {
            throw notMine(Thread.currentThread());
        }
    }

    final void requireInside() {
        requireOwner();
        if (!isInside()) {
            throw new IllegalStateException(this + " is not entered");
        }
    }

    /** Outside, or left inside by a thread that has ended. */
    final void requireOutside() {
        if (isRunning()) {
            throw new IllegalStateException(this + " is to be left first");
        }
    }

    private IllegalStateException notMine(Thread current) {
        return new IllegalStateException(
                closed ? this + " is closed" : this + " is not for " + current + "; handOver() lets it have it");
    }

    final String state() {
        return (closed ? "closed" : isInside() ? "inside" : "outside") + " of " + owner;
    }
}
