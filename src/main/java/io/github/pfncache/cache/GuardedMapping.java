package io.github.pfncache.cache;

import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.TrackedRwLock;

/**
 * What a check looks at, and the read-write lock that guards it. Every critical section of that lock is a method here;
 * none of them sleeps ([rule L10]).
 *
 * <p>Readers use the mapping; whoever takes it away is a writer, so it cannot be taken while somebody uses it ([rule
 * L1]). The lock protects the mapping, not the bytes behind it ([rule L2]).
 *
 * <p><b>Without the lock.</b> A load can be thrown away, so it need not take the lock: between {@link
 * #tryOptimisticRead} and {@link #validate} it may look at the mapping and read through it, and uses the value if
 * nobody has had the write side meanwhile. Memory behind a stale mapping stays readable. A store cannot be taken back:
 * it holds the read side, for a few instructions.
 *
 * <p>The methods that the refresh side calls (with the cache's refresh lock held, [rule L3]) are those that change
 * where the cache points and what it owns. The other two sides, invalidation and access, only withdraw validity and
 * look.
 *
 * <p>Kernel counterpart: {@code gpc->lock} and the fields it protects.
 */
final class GuardedMapping {

    private final Memslots memslots;
    private final HostMemory host;

    /** Made once with the cache, and never again ([I13]). */
    private final TrackedRwLock lock;

    // Written with the refresh lock and the write side of lock held; read with either, on any side, or optimistically.

    private boolean active;
    /** Where the cache points. */
    private Translation where = Translation.NOWHERE;
    /** Where the window starts in its page. Always so that it fits: an optimistic reader may find it with any khva. */
    private int base;
    /** The mapping that is owned, null if none. Owned does not mean usable: that is {@link #valid}. */
    private HostMapping khva;

    // Written with the write side of lock held, by the notifier too; read with either side, or optimistically.

    private boolean valid;
    /** Grows with every invalidation that hits this cache; a refresh that sees it move resolves again. */
    private long invalidations;

    GuardedMapping(Memslots memslots, HostMemory host, boolean readerBias) {
        this.memslots = memslots;
        this.host = host;
        this.lock = new TrackedRwLock(LockClass.CACHE, readerBias);
    }

    // ------------------------------------------------------------------ the refresh side, with the refresh lock held

    /** Whether the cache is active. */
    boolean isActive() {
        return active;
    }

    /** Whether the mapping may be used as far as the host is concerned; without the lock, and so for reports only. */
    boolean isValid() {
        return valid;
    }

    /** Where it points. */
    Translation where() {
        return where;
    }

    void activate() {
        lock.writeLock();
        active = true;
        lock.writeUnlock();
    }

    /**
     * Points the cache somewhere else, or at the same place by a newer translation.
     *
     * @return true iff the mapping it has is still the right one, and only the offset may have moved
     */
    boolean repoint(Translation fresh) {
        lock.writeLock();
        // Everything else is new from here on: with the old mapping still valid, a check that comes between this and
        // the install would pass with the wrong page [rule L4].
        valid = valid && fresh.isSamePageAs(where);
        where = fresh;
        base = fresh.isBacked() ? fresh.offsetInPage() : 0;
        boolean keep = valid;
        lock.writeUnlock();
        return keep;
    }

    /** How many invalidations have hit up to now; to be handed to {@link #install}. */
    long sampleInvalidations() {
        int hold = lock.readLock();
        try {
            return invalidations;
        } finally {
            lock.readUnlock(hold);
        }
    }

    /**
     * Installs a mapping, unless its page was invalidated since the sample or is being invalidated now.
     *
     * @param fresh a mapping of the page that backed the uhva after the sample was taken
     * @param sampled the number of invalidations from before the page was resolved
     * @param inProgress the invalidations in progress
     * @return the mapping that has to be unmapped: the former one (null if none), or {@code fresh} if it came too late
     */
    HostMapping install(HostMapping fresh, long sampled, Invalidations inProgress) {
        lock.writeLock();
        try {
            // With the write side held [rule L5]: an invalidation that is not seen here has yet to walk over this
            // cache. First those in progress, then those that finished: one that ends in between shows in the second.
            if (inProgress.covers(where.uhva()) || invalidations != sampled) {
                return fresh;
            }
            HostMapping former = khva;
            khva = fresh;
            valid = true;
            return former;
        } finally {
            lock.writeUnlock();
        }
    }

    /** Gives up the mapping; the caller unmaps what is returned, null if none was owned. */
    HostMapping drop() {
        lock.writeLock();
        HostMapping dropped = khva;
        khva = null;
        valid = false;
        lock.writeUnlock();
        return dropped;
    }

    /** Makes the cache inactive and gives up the mapping, at once; the caller unmaps what is returned. */
    HostMapping deactivate() {
        lock.writeLock();
        active = false;
        valid = false;
        where = Translation.NOWHERE;
        base = 0;
        HostMapping dropped = khva;
        khva = null;
        lock.writeUnlock();
        return dropped;
    }

    // ------------------------------------------------------------------ the other side: invalidation and slot changes

    /**
     * Makes the mapping unusable. On return nobody uses it, though it is still owned: unmapping may sleep, and is left
     * to the next refresh or deactivation.
     *
     * @param mayBlock false if the caller must not wait for accesses to end
     * @return false iff it would have had to wait
     */
    boolean invalidate(boolean mayBlock) {
        if (mayBlock) {
            lock.writeLock();
        } else if (!lock.tryWriteLock()) {
            return false;
        }
        valid = false;
        invalidations++;
        lock.writeUnlock();
        return true;
    }

    /**
     * Waits until the accesses that began before have ended. After a memslot change, those that begin later find
     * another generation.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false if one of them has not ended; at once if it is the current thread's
     */
    boolean drain(long deadlineNanos) {
        boolean drained = lock.tryWriteLock(deadlineNanos);
        if (drained) {
            lock.writeUnlock();
        }
        return drained;
    }

    // ------------------------------------------------------------------ the access side

    int readLock() {
        return lock.readLock();
    }

    int tryReadLock() {
        return lock.tryReadLock();
    }

    void readUnlock(int hold) {
        lock.readUnlock(hold);
    }

    void readUnlockBriefly(int hold) {
        lock.readUnlockBriefly(hold);
    }

    boolean isHeldByCurrentThread() {
        return lock.isHeldByCurrentThread();
    }

    /** Takes the read side if the check says yes under it; the hold, or {@link TrackedRwLock#NOT_TAKEN}. */
    int lockUsable() {
        int hold = lock.readLock();
        if (check()) {
            return hold;
        }
        lock.readUnlock(hold);
        return TrackedRwLock.NOT_TAKEN;
    }

    /** As {@link #lockUsable}, for a hold of a few instructions. */
    int lockUsableBriefly() {
        int hold = lock.readLockBriefly();
        if (check()) {
            return hold;
        }
        lock.readUnlockBriefly(hold);
        return TrackedRwLock.NOT_TAKEN;
    }

    /** The check. The caller holds the read side. */
    boolean check() {
        boolean usable = isUsable();
        if (Rules.ENABLED && usable) {
            checkCurrency();
        }
        return usable;
    }

    private boolean isUsable() {
        return active && valid && where.isOf(memslots.generation());
    }

    /**
     * Begins a load without the lock, if the check says yes.
     *
     * @return a stamp for {@link #validate}, or 0
     */
    long tryOptimisticRead() {
        long stamp = lock.tryOptimisticRead();
        return stamp != 0 && isUsable() ? stamp : 0;
    }

    /** Ends a load without the lock: whether what it read is worth anything. */
    boolean validate(long stamp) {
        return lock.validate(stamp);
    }

    /**
     * The mapping, usable as long as the caller holds the read side after {@link #check} said yes. Null if there is
     * none, as an optimistic reader may find.
     */
    HostMapping khva() {
        return khva;
    }

    /** Where the window starts in the mapped page. */
    int base() {
        return base;
    }

    /** Marks the guest page dirty; the caller holds the read side, so it is the page it wrote ([rule L12]). */
    void markDirty() {
        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || lock.isHeldByCurrentThread(), this);
        where.markDirty();
    }

    /** As {@link #markDirty}, under a brief hold that was taken before the write. */
    void markDirtyUnderBriefHold(int hold) {
        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || lock.isHeldByCurrentThread(), this);
        if (TrackedRwLock.isAnnounced(hold)) {
            where.markDirtyUnderBriefHold();
        } else {
            where.markDirty();
        }
    }

    // ------------------------------------------------------------------ looking at it

    /** How many invalidations have hit, for whoever counts. */
    long invalidations() {
        return lock.isHeldByCurrentThread() ? invalidations : sampleInvalidations();
    }

    CacheState state() {
        if (lock.isHeldByCurrentThread()) {
            return stateLocked(); // whoever has an access open may look and log, too
        }
        int hold = lock.readLock();
        try {
            return stateLocked();
        } finally {
            lock.readUnlock(hold);
        }
    }

    private CacheState stateLocked() {
        return new CacheState(
                active, valid, where.target(), where.uhva(), khva == null ? -1 : khva.pfn(), where.generation());
    }

    /** Translates afresh and compares. The caller holds the read side, so the page cannot be taken away meanwhile. */
    private void checkCurrency() {
        CacheRule.I1_MAPPING_IS_CURRENT.check(host.presentPfn(where.uhva()) == khva.pfn(), stateLocked());
        MemslotTable slots = memslots.table();
        CacheRule.I8_GENERATION_IS_CURRENT.check(
                !where.isOf(slots.generation()) // the slots have changed since the test, and the change waits for us
                        || Translation.of(where.target(), slots).uhva() == where.uhva(),
                stateLocked());
    }

    /** Looks at the invariants of the state. */
    void checkState(int length) {
        int hold = lock.readLock();
        CacheState state = stateLocked();
        boolean mapped = khva != null && where.isBacked() && where.offsetsAgree(length);
        lock.readUnlock(hold);
        CacheRule.I3_VALID_IMPLIES_ACTIVE.check(!state.valid() || state.active(), state);
        CacheRule.I4_VALID_IMPLIES_MAPPED.check(!state.valid() || mapped, state);
    }

    @Override
    public String toString() {
        return state().toString();
    }
}
