package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedLock;
import java.util.ArrayList;
import java.util.List;

/**
 * A window of guest memory that may start at any byte and cross pages: one {@link GfnPfnCache} for each page, taken
 * together, all or nothing.
 *
 * <p>Unlike a cache, an area may change its length when it is pointed somewhere: a 64-bit guest's structure is longer
 * than a 32-bit one's. It keeps the caches of pages that it touches still, and gets <em>new</em> ones for the others,
 * activated before the old ones are deactivated. Each cache is a page long, and the area bounds what is accessed.
 *
 * <p><b>Locks.</b> The area's lock guards which caches it consists of, and is held while it is pointed somewhere. An
 * access takes only the read locks of the caches, in the order in which they were made, which is that of the addresses
 * ([rule L14]). If one of them needs a refresh, all are let go first, and afterwards <em>all</em> are checked again.
 *
 * <p>Thread-safe. Kernel counterpart: the two caches of {@code kvm_xen_update_runstate_guest()}.
 *
 * @since 0.1.0
 */
public final class GuestArea {

    /** Largest area: sixteen pages, touching at most seventeen. */
    public static final int MAX_LENGTH = 16 * Pages.PAGE_SIZE;

    private final DomainState domain;
    private final TrackedLock lock = new TrackedLock(LockClass.REFRESH);

    /**
     * What the area consists of now. Written under {@link #lock}; read by any thread, which finds it retired at worst.
     */
    private volatile Segments segments = Segments.NONE;

    /** The last of what was replaced and is still to be deactivated; null if there is none. Guarded by lock. */
    private Retired retired;

    /** The caches of the last area that was deactivated: pointed at the same pages, they find their slots again. */
    private Segments idle = Segments.NONE;

    /** One cache for each page, a page long, by ascending address; the area starts inside the first. Immutable. */
    record Segments(CacheTarget target, int start, int length, List<GfnPfnCache> caches) {

        static final Segments NONE = new Segments(null, 0, 0, List.of());

        /** The pages of a range, with the caches that a former range has of them. */
        static Segments of(DomainState domain, CacheTarget target, int length, Segments former) {
            int start = Pages.offsetInPage(addressOf(target));
            int pages = (start + length - 1 >>> Pages.PAGE_SHIFT) + 1;
            List<GfnPfnCache> caches = new ArrayList<>();
            long latest = 0;
            for (int page = 0; page < pages; page++) { // bounded by the pages of the range
                GfnPfnCache known = former.cacheOf(place(target, page));
                boolean inOrder = known != null && known.lock.creation() > latest; // that of locking [rule L14]
                caches.add(inOrder ? known : new GfnPfnCache(domain, Pages.PAGE_SIZE));
                latest = caches.get(page).lock.creation();
            }
            return new Segments(target, start, length, List.copyOf(caches));
        }

        private GfnPfnCache cacheOf(CacheTarget place) {
            for (int page = 0; page < caches.size(); page++) { // bounded by the pages of the range
                if (place(target, page).equals(place)) {
                    return caches.get(page);
                }
            }
            return null;
        }

        /** Activates the caches of one kind until one is refused: the others are looked at by the first access. */
        Outcome activate(Segments former, boolean known, Outcome soFar, long deadlineNanos) {
            Outcome outcome = soFar;
            for (int page = 0; page < caches.size(); page++) { // bounded by the pages of the range
                GfnPfnCache cache = caches.get(page);
                if (former.caches.contains(cache) == known) {
                    Outcome each = cache.activate(place(target, page), outcome == Outcome.OK, deadlineNanos);
                    outcome = outcome == Outcome.OK ? each : outcome;
                }
            }
            return outcome;
        }

        /** Deactivates each cache that another area does not use; whether none of them is in use. */
        boolean deactivateBut(Segments used) {
            boolean all = true;
            for (GfnPfnCache cache : caches) { // bounded by the pages of the range
                all &= used.caches.contains(cache) || cache.deactivate() == Outcome.OK;
            }
            return all;
        }

        private static long addressOf(CacheTarget target) {
            return target instanceof CacheTarget.ByHva byHva ? byHva.hva() : ((CacheTarget.ByGpa) target).gpa();
        }

        private static CacheTarget place(CacheTarget target, int page) {
            long address = Pages.pageStart(addressOf(target)) + ((long) page << Pages.PAGE_SHIFT);
            return target instanceof CacheTarget.ByHva
                    ? new CacheTarget.ByHva(address)
                    : new CacheTarget.ByGpa(address);
        }
    }

    GuestArea(DomainState domain) {
        this.domain = domain;
    }

    /**
     * Points the area at guest memory.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param length bytes, 1 to {@link #MAX_LENGTH}
     * @return OK; INVALID with nothing changed, for {@link Pages#INVALID_GPA} or a range that wraps; FAULT or BUSY if a
     *     page is not available now, with the area active at the new address (BUSY with nothing changed while another
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
        StackRoom.require(); // from here on what is taken is given back
        long deadline = domain.retry.deadlineFromNow();
        if (!lockBefore(deadline)) {
            return Outcome.BUSY;
        }
        try (lock) {
            Retired room = new Retired(); // before anything has changed: memory may run out
            Segments known = segments == Segments.NONE ? idle : segments;
            return activateLocked(Segments.of(domain, target, length, known), room, deadline);
        }
    }

    private Outcome activateLocked(Segments fresh, Retired room, long deadline) {
        Segments former = segments;
        Segments unused = fresh; // also when a page-fault handler throws: no other thread knows its caches
        try {
            Outcome outcome = fresh.activate(former, false, Outcome.OK, deadline);
            segments = fresh;
            unused = former;
            // Those of both ranges after that: it waits for the accesses to the former one, and later ones see this.
            return fresh.activate(former, true, outcome, deadline);
        } finally {
            retire(unused, room);
        }
    }

    /**
     * Takes the area out of use. On return no thread uses it, unless the answer is BUSY. Idempotent.
     *
     * @return OK; BUSY if a call on one of its caches does not end, which then is taken out of use by the next
     *     activation or deactivation; BUSY with nothing changed if an activation does not end
     */
    public Outcome deactivate() {
        StackRoom.require();
        if (!lockBefore(domain.retry.deadlineFromNow())) {
            return Outcome.BUSY;
        }
        try (lock) {
            Retired room = new Retired();
            idle = segments == Segments.NONE ? idle : segments;
            segments = Segments.NONE;
            retire(idle, room);
            return retired == null ? Outcome.OK : Outcome.BUSY;
        }
    }

    private boolean lockBefore(long deadline) {
        return lock.tryLock(Deadline.at(domain, deadline));
    }

    /** Caches that the area does not consist of any more; a call on one of them has not ended. */
    private static final class Retired {
        private Segments segments;
        private Retired earlier;
    }

    /** Retires caches; those that cannot be deactivated now stay retired. Takes no memory but the room. */
    private void retire(Segments former, Retired room) {
        if (former != Segments.NONE) {
            room.segments = former;
            room.earlier = retired;
            retired = room;
        }
        Retired later = null;
        for (Retired each = retired; each != null; each = each.earlier) { // bounded by the calls that did not end
            if (!each.segments.deactivateBut(segments)) {
                later = each;
            } else if (later == null) {
                retired = each.earlier;
            } else {
                later.earlier = each.earlier;
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
        AreaAccess access = lock(segments, true, null);
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
        AreaAccess access = lock(segments, true, null);
        return access.isUsable() ? access : refreshAndAccess(Deadline.at(domain, deadlineNanos));
    }

    private AreaAccess lock(Segments now, boolean waits, Deadline latest) {
        AreaAccess access = new AreaAccess(now, waits, latest);
        if (access.isUsable() && now != segments) { // after the locks: pairs with activateLocked
            access.close();
            access.refusedBy(Outcome.BUSY);
        }
        return access;
    }

    private AreaAccess refreshAndAccess(Deadline latest) {
        AreaAccess access = domain.again(() -> attempt(latest));
        return access != null ? access : new AreaAccess(Segments.NONE, true, null).refusedBy(Outcome.BUSY);
    }

    /** An access or a refusal; null if something came between. */
    private AreaAccess attempt(Deadline latest) {
        Segments now = segments;
        Outcome outcome = refresh(now, latest);
        AreaAccess access = lock(now, true, latest);
        if (access.isUsable() || now == Segments.NONE) {
            return access;
        }
        return outcome != Outcome.OK && now == segments ? access.refusedBy(outcome) : null;
    }

    private static Outcome refresh(Segments now, Deadline latest) {
        for (GfnPfnCache cache : now.caches()) { // bounded by the pages of the area
            Outcome outcome = cache.makeUsable(latest);
            if (outcome != Outcome.OK) {
                return outcome;
            }
        }
        return Outcome.OK;
    }

    /**
     * The combined access for interrupt-like context: never waits, never refreshes ([rule L9]).
     *
     * @return an access; usable, or INACTIVE, or BUSY if it takes a wait or a refresh
     */
    public AreaAccess tryAccess() {
        Segments now = segments;
        AreaAccess access = lock(now, false, null);
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
