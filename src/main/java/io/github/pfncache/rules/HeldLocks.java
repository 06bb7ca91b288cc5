package io.github.pfncache.rules;

import java.util.ArrayList;
import java.util.List;

/**
 * The record of what the current thread holds, kept only while rules are {@linkplain Rules#ENABLED checked}. All
 * methods concern the calling thread and do nothing otherwise.
 *
 * <p>Kernel counterpart: {@code task_struct.held_locks}, {@code might_sleep()}, {@code preempt_disable()}.
 *
 * @since 0.1.0
 */
public final class HeldLocks {

    private static final ThreadLocal<HeldLocks> OF_THREAD = ThreadLocal.withInitial(HeldLocks::new);

    /** Locks held, in the order of acquisition. Confined to the thread. */
    private final List<OrderedLock> held = new ArrayList<>();

    /** How many {@link #atomically} calls enclose the current point. Confined to the thread. */
    private int atomicDepth;

    /** Whether the thread is in guest mode. Confined to the thread. */
    private boolean inGuestMode;

    private HeldLocks() {}

    /** A lock that is wanted, and what its thread holds; made into text only where a rule is broken. */
    private record Attempt(OrderedLock wanted, HeldLocks mine) {
        @Override
        public String toString() {
            return "taking " + wanted + " while holding " + mine.held;
        }
    }

    /**
     * Whether the current thread holds a lock of some class.
     *
     * @param lockClass the class
     * @return true if it does; false while rules are not checked
     */
    public static boolean holds(LockClass lockClass) {
        return Rules.ENABLED && OF_THREAD.get().held.stream().anyMatch(each -> each.lockClass == lockClass);
    }

    /**
     * Runs code as interrupt-like context would: a lock may be tried, nothing may wait.
     *
     * @param body the code
     */
    public static void atomically(Runnable body) {
        if (!Rules.ENABLED) {
            body.run();
            return;
        }
        HeldLocks mine = OF_THREAD.get();
        mine.atomicDepth++;
        try {
            body.run();
        } finally {
            mine.atomicDepth--;
        }
    }

    /**
     * States that the current thread enters guest mode, where others may be waiting for what it holds, or leaves it.
     *
     * @param inside whether it is in guest mode from now on
     * @return whether it was before; false while rules are not checked
     */
    public static boolean guestMode(boolean inside) {
        if (!Rules.ENABLED) {
            return false;
        }
        HeldLocks mine = OF_THREAD.get();
        boolean before = mine.inGuestMode;
        mine.inGuestMode = inside;
        return before;
    }

    /**
     * States that the caller is about to do something that can sleep: resolve a page, map, unmap, wait.
     *
     * @param what what is about to happen, for the message
     * @throws RuleViolation under a short lock, in atomic context or in guest mode
     */
    public static void mightSleep(String what) {
        if (Rules.ENABLED) {
            LockRule.NO_WAIT_IN_GUEST_MODE.check(!OF_THREAD.get().inGuestMode, what);
            mayHaveToSleep(what);
        }
    }

    /**
     * States that the caller is about to do something that seldom has to sleep, and that gives up in guest mode where
     * it would have to. The rules are checked at each call, so a misuse shows each time and not by chance of timing.
     *
     * @param what what is about to happen, for the message
     * @throws RuleViolation under a short lock or in atomic context
     */
    public static void mayHaveToSleep(String what) {
        if (Rules.ENABLED) {
            HeldLocks mine = OF_THREAD.get();
            LockRule.NO_WAIT_IN_ATOMIC_CONTEXT.check(mine.atomicDepth == 0, what);
            for (int i = 0; i < mine.held.size(); i++) { // bounded by the lock classes, plus the caches of one area
                boolean may = mine.held.get(i).lockClass.maySleepUnder();
                LockRule.NO_SLEEP_UNDER_SHORT_LOCK.check(may, may ? what : what + " while holding " + mine.held);
            }
        }
    }

    /** The manner in which a caller takes a lock. */
    enum Manner {
        /** Waits as long as it takes. */
        WAITS,
        /** Waits up to a deadline. */
        BOUNDED,
        /** Does not wait. */
        TRIES
    }

    /** Checks an acquisition before it is attempted, so that a violation is reported instead of a deadlock. */
    static void beforeAcquire(OrderedLock lock, Manner manner) {
        HeldLocks mine = OF_THREAD.get();
        Attempt attempt = new Attempt(lock, mine);
        if (manner != Manner.TRIES && !lock.lockClass.mayWaitInAtomicContext()) {
            LockRule.NO_WAIT_IN_ATOMIC_CONTEXT.check(mine.atomicDepth == 0, attempt);
        }
        for (OrderedLock each : mine.held) { // bounded by the number of lock classes, plus the caches of one area
            if (manner == Manner.WAITS) {
                LockRule.NO_RECURSION.check(each != lock, attempt);
            }
            if (manner != Manner.TRIES) {
                // A timed wait for a lock that this very thread holds is refused at once, and waits for nothing.
                LockRule.ORDER.check(each == lock || mayFollow(each, lock, manner), attempt);
            }
        }
    }

    private static boolean mayFollow(OrderedLock held, OrderedLock next, Manner manner) {
        if (held.lockClass != next.lockClass) {
            return held.lockClass.compareTo(next.lockClass) < 0;
        }
        return next.lockClass.nestsInCreationOrder() && held.creation < next.creation
                || next.lockClass.nestsWithDeadline() && manner == Manner.BOUNDED;
    }

    static void acquired(OrderedLock lock) {
        OF_THREAD.get().held.add(lock);
    }

    static void released(OrderedLock lock) {
        HeldLocks mine = OF_THREAD.get();
        boolean held = mine.held.remove(lock);
        LockRule.RELEASED_BY_HOLDER.check(held, held ? lock : "releasing " + lock + " while holding " + mine.held);
    }

    static boolean holds(OrderedLock lock) {
        return OF_THREAD.get().held.contains(lock);
    }
}
