package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.memslot.InvalidationGate;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * The invalidations in progress: which host pages are being taken away now, and by which thread.
 *
 * <p>A refresh must not install a page that an overlapping invalidation is about to take. An invalidation is entered
 * here <em>before</em> the caches are walked ([rule L6]), and leaves after the page table has changed. A refresh asks
 * {@link #covers} with its cache's write lock held. Either it finds the invalidation here and does not install, or it
 * installs before the walk reaches the cache, and the walk takes the mapping away ([rule L5]).
 *
 * <p>Kernel counterpart: {@code mn_active_invalidate_count} and its {@code rcuwait}. There it is a count; here it has
 * ranges, so that an invalidation delays only refreshes of the pages it covers.
 */
final class Invalidations implements InvalidationGate {

    /** How long an invalidation lets refreshes go first that had to wait for an earlier one: one millisecond. */
    private static final long MOMENT_NANOS = 1_000_000;

    private final TrackedLock lock = new TrackedLock(LockClass.INVALIDATIONS);

    private final GuestModes guestModes;

    /**
     * Starts and ends nest and come from several threads; one element for each, the latest first, null if none is in
     * progress. Written under {@link #lock}, read without. A reader that holds a cache's write lock and does not find
     * an invalidation is safe: one that is entered afterwards has yet to walk over that cache.
     */
    private volatile InProgress inProgress;

    /** Refreshes that had to wait, until they end. Guarded by {@link #lock}. */
    private final List<Waiter> waiters = new ArrayList<>();

    /** Size of {@link #waiters}. Written under {@link #lock}, read without: an early look costs fairness only. */
    private volatile int waiting;

    /** The invalidations of a domain. A thread inside one of its guest modes must not wait for an end either. */
    Invalidations(GuestModes guestModes) {
        this.guestModes = guestModes;
    }

    /** One invalidation. To end it takes no memory: it is marked as ended, and taken out of the list after that. */
    private static final class InProgress {
        private final HvaRange range;
        private final Thread thread;

        /** Those that started earlier. Written under the lock, read without: passes over ended ones only. */
        private volatile InProgress next;

        /** Written by its thread, before it takes the lock to wake waiting threads. */
        private volatile boolean ended;

        InProgress(HvaRange range, Thread thread, InProgress next) {
            this.range = range;
            this.thread = thread;
            this.next = next;
        }
    }

    private record Waiter(long hva, Thread thread) {}

    /**
     * Lets refreshes of these pages that had to wait go first, for a moment. Otherwise a page that is replaced in a
     * tight loop always has its next invalidation in progress by the time a waiting refresh wakes up, and starves it.
     * After that moment the invalidation goes on, whether or not they have ended. For invalidations that may block.
     */
    void letWaitersGoFirst(HvaRange range) {
        if (waiting != 0) {
            long deadline = System.nanoTime() + MOMENT_NANOS;
            // Inside another invalidation no refresh is let go first: it may be waiting for that one.
            locked(() -> isInside(Thread.currentThread()) || lock.await(() -> !isAwaited(range), deadline));
        }
    }

    void start(HvaRange range) {
        lock.lock();
        try (lock) {
            inProgress = new InProgress(range, Thread.currentThread(), inProgress);
        }
    }

    void end(HvaRange range) {
        InProgress mine = notEnded(inProgress);
        while (mine != null && !(mine.thread == Thread.currentThread()
                && mine.range.start() == range.start() && mine.range.end() == range.end())) { // with no memory
            mine = notEnded(mine.next); // bounded by those in progress
        }
        if (mine != null) {
            mine.ended = true; // even if what follows fails, waiting threads find it when they look again
        }
        lock.lock();
        try (lock) {
            dropEnded();
            lock.signalAll();
        }
        CacheRule.NOTIFIER_PAIRS.check(mine != null, range);
    }

    /** The lock is held. */
    private void dropEnded() {
        InProgress before = null;
        for (InProgress each = inProgress; each != null; each = each.next) { // bounded by those in progress
            if (!each.ended) {
                before = each;
            } else if (before == null) {
                inProgress = each.next;
            } else {
                before.next = each.next; // a reader that stands at the ended one goes on from there
            }
        }
    }

    /** Whether an invalidation in progress covers an address. */
    boolean covers(long hva) {
        return coveredNow(hva, null);
    }

    /**
     * Waits until no invalidation in progress covers an address.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false if one still does: the deadline passed, or the waiting thread is itself inside it
     */
    boolean awaitUncovered(long hva, long deadlineNanos) {
        return locked(() -> {
            if (coveredNow(hva, Thread.currentThread())) {
                return false;
            }
            Waiter waiter = new Waiter(hva, Thread.currentThread());
            if (!waiters.contains(waiter)) {
                waiters.add(waiter);
                waiting = waiters.size();
            }
            return lock.await(() -> !coveredNow(hva, null), deadlineNanos);
        });
    }

    /**
     * The refresh of this thread has ended, whether or not it had to wait: no invalidation lets it go first any more.
     */
    void doneWaiting() {
        if (waiting != 0) {
            lock.lock();
            try (lock) {
                for (int i = waiters.size() - 1; i >= 0; i--) { // bounded by the waits of the refreshes under way
                    if (waiters.get(i).thread == Thread.currentThread()) {
                        waiters.remove(i);
                    }
                }
                waiting = waiters.size();
                lock.signalAll();
            }
        }
    }

    /**
     * Publishes a memslot table while no invalidation is in progress and none can start, so that a start and its end
     * see one table.
     */
    @Override
    public Gate runWhenQuiet(Runnable publish, long deadlineNanos) {
        lock.lock();
        try (lock) {
            boolean quiet = !isInside(Thread.currentThread())
                    && lock.await(() -> notEnded(inProgress) == null, deadlineNanos);
            if (quiet) {
                publish.run();
            }
            return quiet ? Gate.DONE : Gate.BUSY;
        }
    }

    @Override
    public boolean isCurrentThreadInside() {
        return isInside(Thread.currentThread()) || guestModes.isCurrentThreadInside();
    }

    /** The first of some that has not ended; null if all have. */
    private static InProgress notEnded(InProgress first) {
        InProgress each = first;
        while (each != null && each.ended) { // bounded by those in progress
            each = each.next;
        }
        return each;
    }

    /** How many invalidations are in progress. */
    int inProgress() {
        int count = 0;
        for (InProgress each = notEnded(inProgress); each != null; each = notEnded(each.next)) { // bounded
            count++;
        }
        return count;
    }

    /** Whether one covers the address; with a thread given, one of that thread. Needs no lock. */
    private boolean coveredNow(long hva, Thread thread) {
        for (InProgress each = notEnded(inProgress); each != null; each = notEnded(each.next)) { // bounded
            if (each.range.contains(hva) && (thread == null || each.thread == thread)) {
                return true;
            }
        }
        return false;
    }

    /** Whether another thread's refresh of one of these pages had to wait. The lock is held. */
    private boolean isAwaited(HvaRange range) {
        for (Waiter each : waiters) { // bounded by the waits of the refreshes under way
            if (range.contains(each.hva) && each.thread != Thread.currentThread()) {
                return true;
            }
        }
        return false;
    }

    private boolean isInside(Thread thread) {
        for (InProgress each = notEnded(inProgress); each != null; each = notEnded(each.next)) { // bounded
            if (each.thread == thread) {
                return true;
            }
        }
        return false;
    }

    private boolean locked(BooleanSupplier body) {
        lock.lock();
        try (lock) {
            return body.getAsBoolean();
        }
    }
}
