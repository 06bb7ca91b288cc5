package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.VarHandle;

/**
 * The mapping of one cache, with the read-write lock that guards it. Every critical section of that lock is a method
 * here, but for the brief one of a store in {@link FastPath}; none of them sleeps ([rule L10]).
 *
 * <p>A reader uses the mapping; an invalidation is a writer, so it cannot take the mapping away while a reader uses it
 * ([rule L1]). The lock protects the mapping, not the bytes behind it ([rule L2]).
 *
 * <p><b>The window.</b> Accesses go through the window while it is usable. An invalidation makes it unusable and keeps
 * the object; a refresh makes another one only if the mapping or the offset has changed. A slot change makes the
 * windows of that slot unusable ({@link #drain}), so an access need not look at the generation. {@link #check} looks at
 * it as well, since it answers as the kernel's check does.
 *
 * <p><b>The lock is open</b> as long as the window is usable: for readers that announce themselves (see
 * {@link TrackedRwLock} for the argument), and for the loads and stores of {@link FastPath}, which has the bytes.
 *
 * <p><b>Three sides</b> call in. A refresh, with the cache's refresh lock held ([rule L3]), changes where the cache
 * points and what it owns. An invalidation withdraws validity. An access looks.
 *
 * <p>Kernel counterpart: {@code gpc->lock} and the fields it protects.
 */
final class GuardedMapping implements Placed, CacheEvents.Subject {

    final TrackedRwLock lock;
    final FastPath fastPath;

    private final DomainState domain;
    private final Memslots memslots;
    private final HostMemory host;
    private final int length;

    private final boolean readerBias;

    // Written with the refresh lock and the write side of the lock held; read with either, on any side.

    private boolean active;
    /** Where the cache points. While the mapping is not valid, written without the write side. */
    private Translation where = Translation.NOWHERE;
    /** The mapping that is owned, null if none. Owned does not mean usable: that is {@link #valid}. */
    private HostMapping khva;

    // Written with the write side of lock held, by the notifier too; read with either side.

    /** Becomes true only with the refresh lock held, too: a thread that holds that and reads false may rely on it. */
    private boolean valid;
    /** Grows with every invalidation that hits this cache; a refresh that sees it move resolves again. Read by all. */
    private volatile long invalidationSeq;

    /**
     * Whether accesses may go through the window: active, valid, and translated since the last change of the slot. Also
     * made false without the lock, by {@link #leaveIfGivenUp}.
     */
    private boolean usable;
    /** The part of {@link #khva} that the cache is for, kept as long as it is that part; null without a mapping. */
    private HostWindow window;

    /** The mapping of the cache that the fast path is part of. */
    GuardedMapping(FastPath fastPath, DomainState domain, int length) {
        this.lock = fastPath.lock;
        this.fastPath = fastPath;
        this.domain = domain;
        this.memslots = domain.memslots;
        this.host = domain.host;
        this.length = length;
        this.readerBias = domain.readerBias;
    }

    @Override
    public long vm() {
        return memslots.number();
    }

    // ------------------------------------------------------------------ the refresh side, with the refresh lock held

    /** Whether the cache is active. */
    boolean isActive() {
        return active;
    }

    /** Whether the mapping may be used as far as the host is concerned; without the lock, and so for reports only. */
    @Override
    public boolean isValid() {
        return valid;
    }

    /** The mapping it owns, usable or not; null if none. */
    @Override
    public HostMapping khva() {
        return khva;
    }

    /** Where it points. */
    @Override
    public Translation where() {
        return where;
    }

    /**
     * Makes an inactive cache active, at a place not looked up yet; false, and nothing has changed, if an access did
     * not end in time.
     */
    boolean activate(Translation pending, Deadline latest) {
        if (!lockBefore(latest)) {
            return false;
        }
        active = true;
        where = pending;
        unlock();
        return true;
    }

    /** The answer of an attempt to change the mapping. */
    enum Change {
        /** The mapping is valid. */
        VALID,
        /** It is not, or not any more: the page is to be resolved. */
        INVALID,
        /** Nothing was changed: an access did not end in time. */
        NONE
    }

    /**
     * Points the cache somewhere else, or at the same place by a newer translation.
     *
     * @return VALID iff the mapping it has is still the right one, and only the offset may have moved
     */
    Change repoint(Translation fresh, Deadline latest) {
        if (!valid) {
            if (fresh != where) { // of a young object the collector has to be told
                where = fresh; // no thread uses the mapping, and only an install makes it valid again
            }
            return Change.INVALID;
        }
        if (!lockBefore(latest)) {
            return Change.NONE;
        }
        // Everything else is new from here on: with the old mapping still valid, a check that comes between this and
        // the install would pass with the wrong page [rule L4].
        valid = valid && fresh.isSamePageAs(where);
        where = fresh;
        boolean keep = valid;
        unlock();
        return keep ? Change.VALID : Change.INVALID;
    }

    /** How many invalidations have hit up to now; to be handed to {@link #install}. */
    long sampleInvalidations() {
        return invalidationSeq;
    }

    /**
     * Installs a mapping, unless its page was invalidated since the sample or is being invalidated now.
     *
     * @param fresh a mapping of the page that backed the uhva after the sample was taken
     * @param sampled the number of invalidations from before the page was resolved
     * @param inProgress the invalidations in progress
     * @return VALID iff it was installed; if not, the former one is kept, which may be the same: INVALID if this one
     *     came too late
     */
    Change install(HostMapping fresh, long sampled, Invalidations inProgress, Deadline latest) {
        if (!lockBefore(latest)) {
            return Change.NONE;
        }
        try {
            // With the write side held [rule L5]: an invalidation that is not seen here has yet to walk over this
            // cache. First those in progress, then those that finished: one that ends in between shows in the second.
            if (inProgress.covers(where.uhva()) || invalidationSeq != sampled) {
                return Change.INVALID;
            }
            if (fresh != khva) {
                khva = fresh;
            }
            valid = true;
            return Change.VALID;
        } finally {
            unlock();
        }
    }

    /**
     * Gives up a mapping that is not valid, and returns it for the caller to unmap. Null if none was owned, or if a
     * thread that looked at the mapping did not leave in time: then it stays owned, as after an invalidation.
     */
    HostMapping drop(Deadline latest) {
        if (khva == null || !lockBefore(latest)) {
            return null;
        }
        HostMapping dropped = khva;
        khva = null;
        unlock();
        return dropped;
    }

    /** Makes the cache inactive; the caller unmaps its mapping. False, with no change, if an access did not end. */
    boolean deactivate(Deadline latest) {
        if (!lockBefore(latest)) {
            return false;
        }
        active = false;
        valid = false;
        where = Translation.NOWHERE;
        khva = null;
        unlock();
        return true;
    }

    /** Takes the write side; false if another thread keeps the lock, an exception if the current thread does. */
    private boolean lockBefore(Deadline latest) {
        boolean locked = lock.tryWriteLock(latest);
        if (!locked) {
            requireNotHeld();
            CacheEvents.busy("the end of an access", this);
        }
        return locked;
    }

    /** Refuses a call that waits for accesses to end if the thread has one open; nothing has changed. */
    void requireNotHeld() {
        boolean held = lock.isHeldByCurrentThread();
        CacheRule.I11_NO_GUARD_ACROSS_REFRESH.check(!held, lock);
        if (held) {
            throw new IllegalStateException("this thread has an access open to " + state());
        }
    }

    // ------------------------------------------------------------------ the other side: invalidation and slot changes

    /**
     * Makes the mapping unusable. On return no thread uses it, though it is still owned: unmapping may sleep, and is
     * left to the next refresh or deactivation.
     *
     * @param mayBlock false if the caller must not wait for accesses to end
     * @return false iff it would have had to wait
     */
    @Override
    public boolean invalidate(boolean mayBlock) {
        if (mayBlock) {
            lock.writeLock();
        } else if (!lock.tryWriteLock()) {
            return false;
        }
        boolean hit = valid;
        valid = false;
        invalidationSeq++;
        unlock();
        if (hit) {
            domain.counters.invalidated.increment();
        }
        return true;
    }

    /**
     * The slot has changed: makes the window unusable, and waits until the accesses through it have ended. The next
     * access translates again, and keeps the page if that is still the same. A cache that points by hva, or where there
     * is no slot, is left alone.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to give up
     * @return false if an access has not ended; at once if it is the current thread's
     */
    @Override
    public boolean drain(long deadlineNanos) {
        if (where.slot() == null) {
            return true; // a refresh by the former table has left its read section, so this is not older
        }
        boolean drained = lock.tryWriteLock(deadlineNanos);
        if (drained) {
            usable = false;
            fastPath.openIf(false);
            lock.writeUnlock();
        } else {
            leaveIfGivenUp();
        }
        return drained;
    }

    /**
     * Lets no access begin on a slot that was given up: at the end of a critical section, or without the lock where an
     * access is open and the write side cannot be had. The next access translates again. What is written without the
     * lock never shows wrong memory. If a refresh comes between, a window that it has just renewed is left as well, and
     * at worst the fast path stays without bytes until the next install.
     */
    private void leaveIfGivenUp() {
        Memslot slot = where.slot();
        if (slot != null && slot.isGivenUp()) {
            fastPath.install(null, null);
            usable = false; // last: a refresh that comes whole between the two is followed by another one
        }
    }

    /** Ends a critical section of the write side: with the window usable if the mapping is valid. */
    private void unlock() {
        try {
            usable = false; // stays so if the window cannot be made: the lock is given back in any case
            CacheRule.I3_VALID_IMPLIES_ACTIVE.check(!valid || active, where);
            CacheRule.I4_VALID_IMPLIES_MAPPED.check(!valid || khva != null, where);
            if (valid) {
                renewWindow();
                usable = true;
                VarHandle.fullFence(); // first, then the look at the slot: pairs with PublishedTable.takeBack
                leaveIfGivenUp();
            } else if (khva == null) {
                window = null;
                fastPath.install(null, null);
            }
        } finally {
            fastPath.openIf(readerBias && usable);
            lock.writeUnlock();
        }
    }

    /** Makes the window of a valid mapping, or keeps the one it had if that is still right. */
    private void renewWindow() {
        if (window == null || window.mapping() != khva || window.start() != where.offsetInPage()) {
            window = khva.window(where.offsetInPage(), length);
        }
        CacheRule.I7_IN_BOUNDS.check(window.length() == length, window);
        fastPath.install(window.bytes(), where.dirtyMark(fastPath.mark()));
    }

    // ------------------------------------------------------------------ the access side

    /**
     * Takes the read side if the window is usable under it.
     *
     * @return the hold; {@link TrackedRwLock#NOT_TAKEN} if it is not usable; a {@link Hold#codeOf} if the lock
     *     is not available without waiting
     */
    int lockUsable() {
        fastPath.requireRoomUnlessOpen();
        return keepIfUsable(lock.readLockNow());
    }

    /** As {@link #lockUsable()}, waiting up to a deadline for the lock. */
    int lockUsable(Deadline latest) {
        int hold = lock.readLock(latest);
        if (hold == TrackedRwLock.NOT_TAKEN) {
            CacheEvents.busy("the end of an access", this);
        }
        return keepIfUsable(hold);
    }

    /** As {@link #lockUsable()}, with an outcome: a hold, or a refusal of {@link GuestAccess}. */
    int tryLockUsable() {
        fastPath.requireRoomUnlessOpen();
        int hold = lock.tryReadLock();
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return Hold.codeOf(Outcome.BUSY);
        }
        int refusal = Hold.codeOf(active ? Outcome.BUSY : Outcome.INACTIVE);
        return keepIfUsable(hold) == TrackedRwLock.NOT_TAKEN ? refusal : hold;
    }

    /** Gives a hold back unless the window is usable under it; also when a rule is broken. As {@link #lockUsable()}. */
    int keepIfUsable(int hold) {
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return Hold.codeOf(Outcome.BUSY);
        }
        boolean keep = false;
        try {
            keep = isUsable();
        } finally {
            if (!keep) {
                lock.readUnlock(hold);
            }
        }
        return keep ? hold : TrackedRwLock.NOT_TAKEN;
    }

    /** Whether the window is usable. The caller holds the read side. */
    boolean isUsable() {
        if (usable) {
            checkInUse();
        }
        return usable;
    }

    /**
     * With rules on, checks that the window shows the memory that it should. The caller holds the read side and found
     * it usable.
     */
    void checkInUse() {
        if (Rules.ENABLED) {
            checkCurrency();
        }
    }

    /** The check, as the kernel's: a usable window, and by gpa the current memslots. The caller holds the read side. */
    boolean check() {
        return isUsable() && where.isOf(memslots.generation());
    }

    /** The window, to be used as long as the caller holds the read side, under which it was found usable. */
    HostWindow window() {
        return window;
    }

    /** Marks the guest page dirty; the caller holds the read side, so it is the page it wrote ([rule L12]). */
    void markDirty() {
        CacheRule.I9_DIRTY_UNDER_LOCK.check(!Rules.ENABLED || lock.isHeldByCurrentThread(), lock);
        where.markDirty();
    }

    void requireInside(int offset, int width) {
        if (!Pages.rangeFits(offset, width, length)) {
            throw exceeds(offset, width);
        }
    }

    /** The exception of a caller that would leave the window. */
    IllegalArgumentException exceeds(int offset, int width) {
        return new IllegalArgumentException(
                "offset=" + offset + " width=" + width + " exceeds length=" + length + " at " + where.target());
    }

    // ------------------------------------------------------------------ looking at it

    CacheState state() {
        if (lock.isHeldByCurrentThread()) {
            return stateLocked(); // a thread that has an access open may look and log, too
        }
        int hold = lock.readLock(Deadline.of(domain));
        try {
            return stateLocked(); // also without the lock: of a machine that is stuck a report is wanted most
        } finally {
            lock.readUnlock(hold);
        }
    }

    /** Whether the current memslots point where this mapping is, if it is usable; for audits at rest. */
    boolean isTranslatedAsNow() {
        int hold = lock.readLock(Deadline.of(domain));
        try {
            return !usable || Translation.of(where.target(), memslots.table()).leadsToSamePlaceAs(where);
        } finally {
            lock.readUnlock(hold);
        }
    }

    private CacheState stateLocked() {
        Translation at = where; // once, and khva: they may be written meanwhile, unless the mapping is valid
        HostMapping owned = khva;
        return new CacheState(active, valid, at.target(), at.uhva(), owned == null ? -1 : owned.pfn(), at.generation());
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
        int hold = lock.readLock(Deadline.of(domain));
        if (hold == TrackedRwLock.NOT_TAKEN) {
            return; // another thread keeps the lock: looked at the next time
        }
        CacheState state = stateLocked();
        boolean mapped = khva != null && where.isBacked() && where.offsetsAgree(length);
        lock.readUnlock(hold);
        CacheRule.I3_VALID_IMPLIES_ACTIVE.check(!state.valid() || state.active(), state);
        CacheRule.I4_VALID_IMPLIES_MAPPED.check(!state.valid() || mapped, state);
    }
}
