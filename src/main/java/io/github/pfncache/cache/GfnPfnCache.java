package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.TrackedLock;

/**
 * Remembers how one window of guest memory becomes host memory, so that its next access needs no translation and never
 * goes through a mapping that has gone.
 *
 * <p>The window's <b>length is fixed when the cache is made</b>. {@link #check} and {@link #refresh} take none, so they
 * cannot disagree about it, and every access states its own width and is checked against it.
 *
 * <pre>{@code
 * GfnPfnCache cache = vm.newCache(32);
 * cache.activate(0x1fc0);
 * try (GuestAccess access = cache.access()) {
 *     if (access.isUsable()) {
 *         access.putLong(8, now);          // marks the page dirty by itself
 *     }
 * }
 * }</pre>
 *
 * <p><b>The line.</b> gpa, by the memslots, to uhva; uhva, by the host, to a page; the page, mapped, to khva. A refresh
 * walks it forwards; an invalidation breaks it at the page; a memslot change breaks it at the slot.
 *
 * <p><b>Locks.</b> A read-write lock coordinates the users of the mapping with those who take it away: an access holds
 * the read side from the check to its end ([rule L1]), so an invalidation, which needs the write side, cannot return
 * while anybody still uses the page. A refresh lock makes activate, refresh and deactivate one at a time ([rule L3]),
 * because a refresh has to drop the read-write lock in its middle: it resolves a page, which may block, and may itself
 * set off an invalidation on the same thread ([rule L8], [rule L10]).
 *
 * <p><b>A refresh that fails</b> leaves the cache active and listed at its new place, without a mapping. It heals by
 * itself when memory appears there: the next access refreshes again.
 *
 * <p>Thread-safe. Kernel counterpart: {@code struct gfn_to_pfn_cache} and {@code virt/kvm/pfncache.c}.
 */
public final class GfnPfnCache {

    private final CacheDomain domain;
    private final int length;
    private final CacheIndex.Entry entry = new CacheIndex.Entry(this);

    /** Made once with the cache, and never again ([I13]). */
    private final TrackedLock refreshLock = new TrackedLock(LockClass.REFRESH);

    /** The mapping and the read-write lock that guards it. */
    private final GuardedMapping mapping;

    GfnPfnCache(CacheDomain domain, int length) {
        if (length < 1 || length > Pages.PAGE_SIZE) {
            throw new IllegalArgumentException("length=" + length + " is not in 1..4096");
        }
        this.domain = domain;
        this.length = length;
        this.mapping = new GuardedMapping(domain.memslots, domain.host);
    }

    /**
     * Size of the window, for the life of the cache.
     *
     * @return bytes, 1 to 4096
     */
    public int length() {
        return length;
    }

    // ------------------------------------------------------------------ pointing the cache somewhere

    /**
     * Points the cache at guest memory and refreshes it. An active cache moves; when the address cannot be cached at
     * all, it stays as it was.
     *
     * @param gpa guest physical address of the first byte; a guest may have chosen it, so any value is allowed
     * @return OK; INVALID with nothing changed, for {@link Pages#INVALID_GPA} or a window that would cross a page;
     *     FAULT or BUSY as for {@link #refresh}, with the cache active at the new address (BUSY with nothing changed
     *     while another
     *     call on this cache does not finish)
     */
    public Outcome activate(long gpa) {
        return activate(new CacheTarget.ByGpa(gpa));
    }

    /**
     * Points the cache at host memory and refreshes it: no memslot, no generation, no dirty log.
     *
     * @param hva host user virtual address of the first byte
     * @return as for {@link #activate(long)}; INVALID also for an address outside user space
     */
    public Outcome activateHva(long hva) {
        return activate(new CacheTarget.ByHva(hva));
    }

    /**
     * Points the cache at a target and refreshes it.
     *
     * @param target guest or host memory
     * @return as for {@link #activate(long)}
     */
    public Outcome activate(CacheTarget target) {
        if (!target.isCacheable(length)) {
            return Outcome.INVALID; // before anything has changed
        }
        return activate(target, domain.retry.deadlineFromNow());
    }

    /** An activation that is part of a longer call; the target is cacheable. */
    Outcome activate(CacheTarget target, long deadlineNanos) {
        return underRefreshLock(deadlineNanos, deadline -> {
            if (!mapping.isActive()) {
                // Before it is active: "active but unlisted" would miss invalidations [rule L7].
                domain.index.add(entry);
                mapping.activate();
            }
            return refreshAt(target, deadline);
        });
    }

    /**
     * Takes the cache out of use. On return nobody uses its mapping. Idempotent.
     *
     * @return OK; BUSY with nothing changed when another call on this cache does not finish, or when it is this very
     *     thread's: a fault handler cannot deactivate the cache whose fault it handles
     */
    public Outcome deactivate() {
        return underRefreshLock(deadline -> {
            boolean wasActive = mapping.isActive();
            HostMapping dropped = mapping.deactivate();
            if (wasActive) {
                domain.index.remove(entry); // after it is inactive, the reverse of activate [rule L7]
            }
            unmap(dropped);
            return Outcome.OK;
        });
    }

    // ------------------------------------------------------------------ check and refresh

    /**
     * Whether the mapping could be used at this moment. Nothing holds it so: to use it, ask under {@link #readLock} or
     * take an {@link #access}.
     *
     * @return true iff active, valid and, by gpa, translated by the current memslots
     */
    public boolean check() {
        try (GuestAccess guard = readLock()) {
            return guard.check();
        }
    }

    /**
     * Translates again what has changed. Success does not mean usable: an invalidation may have come since; take the
     * lock and check.
     *
     * @return OK; INACTIVE; FAULT if no writable memory is there; BUSY if invalidations of this page kept coming for
     *     the whole of the {@link RetryPolicy}, or at once if the calling thread is inside one
     */
    public Outcome refresh() {
        return refresh(domain.retry.deadlineFromNow());
    }

    /** A refresh that is part of a longer call. */
    Outcome refresh(long deadlineNanos) {
        return underRefreshLock(
                deadlineNanos,
                deadline -> mapping.isActive() ? refreshAt(mapping.where().target(), deadline) : Outcome.INACTIVE);
    }

    /** What a refresh, an activation or a deactivation does while it has the cache to itself. */
    private interface Exclusive {
        Outcome run(long deadlineNanos);
    }

    private Outcome underRefreshLock(Exclusive body) {
        return underRefreshLock(domain.retry.deadlineFromNow(), body);
    }

    private Outcome underRefreshLock(long latest, Exclusive body) {
        boolean held = mapping.isHeldByCurrentThread();
        CacheRule.I11_NO_GUARD_ACROSS_REFRESH.check(!held, this);
        if (held) { // before anything has changed
            throw new IllegalStateException("this thread has an access open to " + this);
        }
        HeldLocks.mightSleep("refresh");
        // From inside an invalidation nobody is waited for: whoever has this cache may be waiting for its end.
        long deadline = domain.invalidations.isCurrentThreadInside() ? System.nanoTime() : latest;
        if (!refreshLock.tryLock(deadline)) {
            return Outcome.BUSY;
        }
        try {
            Outcome outcome = body.run(deadline);
            if (Rules.ENABLED) {
                mapping.checkState(length);
            }
            return outcome;
        } finally {
            refreshLock.unlock();
        }
    }

    /** gpa to slot to uhva, then on to the page unless it is still the same. The refresh lock is held. */
    private Outcome refreshAt(CacheTarget target, long deadline) {
        domain.counters.refreshes.increment();
        // The table stays usable until the page is resolved, and a change of it waits for us [rule L11].
        int readers = domain.memslots.enterRead();
        try {
            Translation fresh = Translation.of(target, domain.memslots.table()); // one snapshot, one generation
            return mapping.repoint(fresh) ? Outcome.OK : resolve(fresh, deadline);
        } finally {
            domain.invalidations.doneWaiting();
            domain.memslots.exitRead(readers);
        }
    }

    /** uhva to page to khva, again while invalidations of this page come between. The refresh lock is held. */
    private Outcome resolve(Translation where, long deadline) {
        // Listed under its page before the first sample: an invalidation either is in progress by then, and is seen
        // there, or walks the index later, and finds us.
        domain.index.move(entry, where);
        if (!where.isBacked()) {
            return fail(Outcome.FAULT);
        }
        int attempt = 0;
        while (attempt < domain.retry.attempts()) { // bounded by the retry policy: every turn is an attempt
            attempt++;
            // Sample first, then look for one in progress: one that starts in between shows in both.
            long sampled = mapping.sampleInvalidations();
            if (domain.invalidations.covers(where.uhva())) {
                domain.counters.waits.increment();
                if (!domain.invalidations.awaitUncovered(where.uhva(), deadline)) {
                    return fail(Outcome.BUSY);
                }
                continue; // the next one may have started already: sample again
            }
            domain.counters.resolutions.increment();
            HostPage page = domain.host.hvaToPage(where.uhva()); // may fault, may block: no cache lock held
            if (page == null) {
                return fail(Outcome.FAULT);
            }
            if (mapAndInstall(page, sampled)) {
                CacheRule.I6_BOUNDED_ATTEMPTS.check(attempt <= domain.retry.attempts(), attempt);
                return Outcome.OK;
            }
            domain.counters.retries.increment();
        }
        return fail(Outcome.BUSY);
    }

    /**
     * Maps a page and installs it, unless it was invalidated since the sample. Gives the page's reference back: from
     * the install on, the notifier protects the mapping; a cache never pins its page.
     */
    private boolean mapAndInstall(HostPage page, long sampled) {
        try {
            HostMapping khva = domain.host.map(page); // may sleep: no cache lock held
            HostMapping unused = khva; // unless it is installed
            try {
                unused = mapping.install(khva, sampled, domain.invalidations);
            } finally {
                unmap(unused); // the former mapping, or the one that came too late
            }
            return unused != khva;
        } finally {
            domain.host.release(page);
        }
    }

    private Outcome fail(Outcome outcome) {
        unmap(mapping.drop());
        domain.counters.failures.increment();
        return outcome;
    }

    private void unmap(HostMapping khva) {
        if (khva != null) {
            domain.host.unmap(khva); // may sleep: no cache lock held [rule L10]
        }
    }

    // ------------------------------------------------------------------ access

    /**
     * The combined access: locks, checks, refreshes as needed, and hands out the window with the lock held. Always
     * returns an object; always close it.
     *
     * @return an access; {@linkplain GuestAccess#isUsable() usable}, or with the outcome that says why not: INACTIVE,
     *     FAULT or BUSY as for {@link #refresh}
     */
    public GuestAccess access() {
        return access(domain.retry.deadlineFromNow());
    }

    /**
     * The combined access, with a deadline of the caller's own instead of the {@link RetryPolicy}'s patience. What
     * bounds the attempts stays.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to wait no more, for another call on this
     *     cache or for an invalidation to end; one that has passed already waits for neither
     * @return as for {@link #access()}
     */
    public GuestAccess access(long deadlineNanos) {
        GuestAccess access = lockAndCheck();
        if (access.isUsable()) {
            return access;
        }
        access.close(); // a refresh takes the write side: the read side must be free [rule L8]
        // A change of the memslots waits for whoever reads them: until this call has its access there can be one more
        // generation, and no stream of them to chase.
        int readers = domain.memslots.enterRead();
        try {
            return refreshAndAccess(deadlineNanos);
        } finally {
            domain.memslots.exitRead(readers);
        }
    }

    private GuestAccess refreshAndAccess(long deadlineNanos) {
        for (int attempt = 0; attempt < domain.retry.attempts(); attempt++) { // bounded by the retry policy
            Interleaving.reached("between check and refresh");
            Outcome outcome = refresh(deadlineNanos);
            if (outcome != Outcome.OK) {
                return GuestAccess.refused(mapping, length, outcome);
            }
            GuestAccess access = lockAndCheck();
            if (access.isUsable()) {
                return access;
            }
            access.close();
        }
        return GuestAccess.refused(mapping, length, Outcome.BUSY);
    }

    /**
     * The combined access for interrupt-like context: never waits, never refreshes ([rule L9]).
     *
     * @return an access; usable, or INACTIVE, or BUSY if it could be had only by waiting or refreshing
     */
    public GuestAccess tryAccess() {
        if (!mapping.tryReadLock()) {
            return GuestAccess.refused(mapping, length, Outcome.BUSY);
        }
        GuestAccess access = GuestAccess.locked(mapping, length);
        if (!access.check()) {
            access.close(); // an access that is not usable holds no lock: nobody may wait for it
        }
        return access;
    }

    /**
     * Takes the read side of the lock, for those who need the parts: ask the guard to {@link GuestAccess#check}, and
     * use it if the answer is true; otherwise close it, {@link #refresh}, and start over.
     *
     * @return a guard that holds the lock until it is closed
     */
    public GuestAccess readLock() {
        mapping.readLock();
        return GuestAccess.locked(mapping, length);
    }

    // ------------------------------------------------------------------ for the area and the domain

    /** One turn of the combined access: holds the lock, whatever the check said. */
    GuestAccess lockAndCheck() {
        GuestAccess access = readLock();
        access.check();
        return access;
    }

    /** See {@link GuardedMapping#invalidate}. */
    boolean invalidate(boolean mayBlock) {
        boolean done = mapping.invalidate(mayBlock);
        domain.counters.hits.increment();
        return done;
    }

    /** See {@link GuardedMapping#drain}. */
    boolean drain(long deadlineNanos) {
        return mapping.drain(deadlineNanos);
    }

    /**
     * The state now, for audits and messages.
     *
     * @return a consistent snapshot
     */
    public CacheState state() {
        return mapping.state();
    }

    @Override
    public String toString() {
        return "GfnPfnCache[length=" + length + " " + mapping + "]";
    }
}
