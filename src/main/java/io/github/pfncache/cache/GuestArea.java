package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.TrackedLock;
import java.util.ArrayList;
import java.util.List;

/**
 * A window of guest memory that may start at any byte and cross pages: one {@link GfnPfnCache} for each page, taken
 * together, all or nothing.
 *
 * <p>Unlike a cache, an area may change its length when it is pointed somewhere: a 64-bit guest's structure is longer
 * than a 32-bit one's. It then gets <em>new</em> caches, activated before the old ones are deactivated; the length of
 * each cache stays what it was made with.
 *
 * <p><b>Locks.</b> The area's lock guards which caches it consists of, and is held while it is pointed somewhere. An
 * access takes only the read locks of the caches, in the order in which they were made, which is that of the addresses
 * ([rule L14]). If one of them needs a refresh, all are let go first, and afterwards <em>all</em> are checked again.
 *
 * <p>Thread-safe. Kernel counterpart: the two caches of {@code kvm_xen_update_runstate_guest()}.
 */
public final class GuestArea {

    /** Largest area: sixteen pages, touching at most seventeen. */
    public static final int MAX_LENGTH = 16 * Pages.PAGE_SIZE;

    private final CacheDomain domain;
    private final TrackedLock lock = new TrackedLock(LockClass.REFRESH);

    /**
     * What the area consists of now. Written under {@link #lock}; read by anybody, who then finds it retired at worst.
     */
    private volatile Segments segments = Segments.NONE;

    /** What was replaced while a call on one of its caches did not end; still to be deactivated. Guarded by lock. */
    private final ArrayList<Segments> retired = new ArrayList<>();

    /** One cache for each page, by ascending address. Immutable. */
    record Segments(CacheTarget target, int length, List<GfnPfnCache> caches) {

        static final Segments NONE = new Segments(null, 0, List.of());

        /** Splits a range at the page boundaries. */
        static Segments of(CacheDomain domain, CacheTarget target, int length) {
            List<GfnPfnCache> caches = new ArrayList<>();
            for (int done = 0; done < length; ) { // bounded by the pages of the range
                int part = Math.min(length - done, Pages.PAGE_SIZE - Pages.offsetInPage(at(target, done)));
                caches.add(domain.newCache(part));
                done += part;
            }
            return new Segments(target, length, List.copyOf(caches));
        }

        /** Activates each cache at its part; the first outcome that is not OK. */
        Outcome activate(long deadlineNanos) {
            Outcome outcome = Outcome.OK;
            int done = 0;
            for (GfnPfnCache cache : caches) { // bounded by the pages of the range
                long at = at(target, done);
                Outcome each = cache.activate(
                        target instanceof CacheTarget.ByHva ? new CacheTarget.ByHva(at) : new CacheTarget.ByGpa(at),
                        deadlineNanos);
                outcome = outcome == Outcome.OK ? each : outcome;
                done += cache.length();
            }
            return outcome;
        }

        /** Deactivates each cache; whether none is in use. */
        boolean deactivate() {
            boolean all = true;
            for (GfnPfnCache cache : caches) { // bounded by the pages of the range
                all &= cache.deactivate() == Outcome.OK;
            }
            return all;
        }

        private static long at(CacheTarget target, int done) {
            return done
                    + (target instanceof CacheTarget.ByHva byHva ? byHva.hva() : ((CacheTarget.ByGpa) target).gpa());
        }
    }

    GuestArea(CacheDomain domain) {
        this.domain = domain;
    }

    /**
     * Points the area at guest memory.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param length bytes, 1 to {@link #MAX_LENGTH}
     * @return OK; INVALID with nothing changed, for {@link Pages#INVALID_GPA} or a range that wraps; FAULT or BUSY if a
     *     page cannot be had now, with the area active at the new address (BUSY with nothing changed while another
     *     activation or deactivation does not finish)
     * @throws IllegalArgumentException if the length is out of range
     */
    public Outcome activate(long gpa, int length) {
        boolean invalid = gpa == Pages.INVALID_GPA || Pages.wraps(gpa, length);
        return activate(new CacheTarget.ByGpa(gpa), length, invalid);
    }

    /**
     * Points the area at host memory.
     *
     * @param hva host user virtual address of the first byte, any value
     * @param length bytes, 1 to {@link #MAX_LENGTH}
     * @return as for {@link #activate}; INVALID also for a range that is not all user addresses
     * @throws IllegalArgumentException if the length is out of range
     */
    public Outcome activateHva(long hva, int length) {
        return activate(new CacheTarget.ByHva(hva), length, !Pages.rangeFits(hva, length, HvaRange.USER_END));
    }

    private Outcome activate(CacheTarget target, int length, boolean invalid) {
        if (length < 1 || length > MAX_LENGTH) {
            throw new IllegalArgumentException("length=" + length + " is not in 1.." + MAX_LENGTH);
        }
        if (invalid) {
            return Outcome.INVALID;
        }
        long deadline = domain.retry.deadlineFromNow();
        if (!lockBefore(deadline)) {
            return Outcome.BUSY;
        }
        try {
            retired.ensureCapacity(retired.size() + 1); // before anything has changed: memory may run out
            return activateLocked(Segments.of(domain, target, length), deadline);
        } finally {
            lock.unlock();
        }
    }

    private Outcome activateLocked(Segments fresh, long deadline) {
        boolean activated = false;
        try {
            Outcome outcome = fresh.activate(deadline);
            activated = true;
            replace(fresh);
            return outcome;
        } finally {
            if (!activated) { // a page-fault handler threw: nobody else knows these caches
                retire(fresh);
            }
        }
    }

    /**
     * Takes the area out of use. On return nobody uses it, unless the answer is BUSY. Idempotent.
     *
     * @return OK; BUSY if a call on one of its caches does not end, which then is taken out of use by the next
     *     activation or deactivation; BUSY with nothing changed if an activation does not end
     */
    public Outcome deactivate() {
        if (!lockBefore(domain.retry.deadlineFromNow())) {
            return Outcome.BUSY;
        }
        try {
            retired.ensureCapacity(retired.size() + 1);
            replace(Segments.NONE);
            return retired.isEmpty() ? Outcome.OK : Outcome.BUSY;
        } finally {
            lock.unlock();
        }
    }

    private boolean lockBefore(long deadline) {
        return lock.tryLock(Deadline.at(domain, deadline));
    }

    /**
     * Publishes the new caches, then retires the old ones: an access finds either, and old ones only while they work.
     */
    private void replace(Segments fresh) {
        Segments former = segments;
        segments = fresh;
        retire(former);
    }

    /** There is room for one more. Those that cannot be deactivated now, whatever the reason, stay retired. */
    private void retire(Segments former) {
        if (former != Segments.NONE) {
            retired.add(former);
        }
        for (int i = retired.size() - 1; i >= 0; i--) { // bounded by the calls that did not end
            if (retired.get(i).deactivate()) {
                retired.remove(i);
            }
        }
    }

    /**
     * The combined access to all pages: as {@link GfnPfnCache#access}, for the area.
     *
     * @return an access; usable, or with the outcome that says why not. Always close it
     */
    public AreaAccess access() {
        HeldLocks.mayHaveToSleep("access to an area"); // always looked at, and not only when it has to wait
        AreaAccess access = new AreaAccess(segments, true, null);
        return access.isUsable() ? access : refreshAndAccess(Deadline.of(domain));
    }

    /**
     * The combined access to all pages, with a deadline of the caller's own: as {@link GfnPfnCache#access(long)}.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to wait no more
     * @return as for {@link #access()}
     */
    public AreaAccess access(long deadlineNanos) {
        HeldLocks.mayHaveToSleep("access to an area"); // always looked at, and not only when it has to wait
        AreaAccess access = new AreaAccess(segments, true, null);
        return access.isUsable() ? access : refreshAndAccess(Deadline.at(domain, deadlineNanos));
    }

    private AreaAccess refreshAndAccess(Deadline latest) {
        int readers = domain.memslots.enterRead(); // no stream of slot changes to chase, as in RefreshPath
        try {
            for (int attempt = 0; attempt < domain.retry.attempts(); attempt++) { // bounded by the retry policy
                Segments now = segments;
                Outcome outcome = refresh(now, latest);
                AreaAccess access = new AreaAccess(now, true, latest);
                if (access.isUsable() || now == Segments.NONE) {
                    return access;
                }
                if (outcome != Outcome.OK && now == segments) {
                    return access.refusedBy(outcome);
                }
            }
            return new AreaAccess(Segments.NONE, true, null).refusedBy(Outcome.BUSY);
        } finally {
            domain.memslots.exitRead(readers);
        }
    }

    private static Outcome refresh(Segments now, Deadline latest) {
        for (GfnPfnCache cache : now.caches()) { // bounded by the pages of the area
            Outcome outcome = cache.check() ? Outcome.OK : cache.refresh(latest);
            if (outcome != Outcome.OK) {
                return outcome;
            }
        }
        return Outcome.OK;
    }

    /**
     * The combined access for interrupt-like context: never waits, never refreshes ([rule L9]).
     *
     * @return an access; usable, or INACTIVE, or BUSY if it could be had only by waiting or refreshing
     */
    public AreaAccess tryAccess() {
        Segments now = segments;
        AreaAccess access = new AreaAccess(now, false, null);
        // Not active is what its caches are once they were replaced; the area is active elsewhere.
        boolean replaced = access.outcome() == Outcome.INACTIVE && now != Segments.NONE;
        return replaced && segments != Segments.NONE ? access.refusedBy(Outcome.BUSY) : access;
    }

    /**
     * Where the area points.
     *
     * @return the target; null when it is inactive
     */
    public CacheTarget target() {
        return segments.target();
    }

    /**
     * Size of the area now.
     *
     * @return bytes; 0 when it is inactive
     */
    public int length() {
        return segments.length();
    }

    @Override
    public String toString() {
        return "GuestArea" + segments.caches();
    }
}
