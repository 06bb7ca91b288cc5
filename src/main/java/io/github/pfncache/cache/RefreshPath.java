package io.github.pfncache.cache;

import io.github.pfncache.cache.CacheCounters.Event;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.rules.TrackedRwLock;

/**
 * The slow side of one cache: activate, refresh and deactivate, which change where the cache points, one at a time
 * under the refresh lock ([rule L3]).
 *
 * <p>A refresh walks the line forwards: gpa, by the memslots, to uhva; uhva, by the host, to a page; the page to khva.
 * While invalidations of that page come between, it resolves the uhva again, within the bounds of the {@link
 * RetryPolicy}. No cache lock is held while a page is resolved or mapped ([rule L8], [rule L10]).
 *
 * <p>Kernel counterpart: {@code __kvm_gpc_refresh()}, {@code hva_to_pfn_retry()} and {@code gpc->refresh_lock}.
 */
final class RefreshPath {

    private final DomainState domain;
    private final GuardedMapping mapping;

    private final CacheIndex.Entry entry;
    private final int length;

    /** Made once with the cache, and never again ([I13]). */
    private final TrackedLock refreshLock = new TrackedLock(LockClass.REFRESH);

    private final RefreshCounts counts;

    /**
     * Where the cache pointed before its last deactivation: activated there again, it need not look for its slot.
     * Guarded by the refresh lock.
     */
    private Translation former = Translation.NOWHERE;

    RefreshPath(DomainState domain, GuardedMapping mapping, CacheIndex.Entry entry, int length) {
        this.domain = domain;
        this.mapping = mapping;
        this.entry = entry;
        this.length = length;
        this.counts = new RefreshCounts(domain.counters);
    }

    /** See {@link GfnPfnCache#activate}; the target is cacheable. */
    Outcome activate(CacheTarget target, boolean refreshes, Deadline latest) {
        StackRoom.require(); // from here on what is taken is given back
        if (!begin(latest)) {
            return Outcome.BUSY;
        }
        try {
            Outcome enlisted = mapping.isActive() ? Outcome.OK : enlist(target, latest);
            return audited(refreshes && enlisted == Outcome.OK ? walk(target, latest) : enlisted);
        } finally {
            end();
        }
    }

    /** Lists an inactive cache and makes it active at a target: both, or neither, whatever throws. */
    private Outcome enlist(CacheTarget target, Deadline latest) {
        Translation pending = Translation.pending(target); // before anything has changed: memory may run out
        try {
            // Before it is active: "active but unlisted" would miss invalidations [rule L7].
            if (!domain.index.add(entry)) {
                return Outcome.INACTIVE; // the domain is closed: it would not hear of invalidations
            }
            return mapping.activate(pending, latest) ? Outcome.OK : Outcome.BUSY;
        } finally {
            if (!mapping.isActive()) {
                domain.index.remove(entry);
            }
        }
    }

    /** See {@link GfnPfnCache#deactivate}. */
    Outcome deactivate() {
        StackRoom.require();
        Deadline latest = Deadline.of(domain);
        if (!begin(latest)) {
            return Outcome.BUSY;
        }
        try {
            HostMapping owned = mapping.khva();
            former = mapping.where();
            try {
                if (mapping.isActive() && !mapping.deactivate(latest)) {
                    return Outcome.BUSY;
                }
                domain.index.remove(entry); // after it is inactive, the reverse of activate [rule L7]
            } finally {
                if (mapping.khva() != owned) {
                    domain.unmap(owned);
                }
            }
            return audited(Outcome.OK);
        } finally {
            end();
        }
    }

    /** See {@link GfnPfnCache#refresh}; the caller has made sure of room on the stack. */
    Outcome refresh(Deadline latest) {
        if (!begin(latest)) {
            return Outcome.BUSY;
        }
        try {
            return audited(mapping.isActive() ? walk(mapping.where().target(), latest) : Outcome.INACTIVE);
        } finally {
            end();
        }
    }

    /**
     * The combined access, after the lock was tried: a hold of the read side with a window, after as many refreshes as
     * needed; or a refusal.
     */
    int acquire(int tried, Deadline latest) {
        int first = tried == TrackedRwLock.NOT_TAKEN ? tried : mapping.lockUsable(latest); // a writer was in the way
        if (first != TrackedRwLock.NOT_TAKEN) {
            return first;
        }
        StackRoom.require();
        // Slot changes wait for read sections. While this one is open at most one new generation can appear, so a
        // stream of changes cannot starve the access.
        int readers = domain.memslots.enterRead();
        try {
            for (int attempt = 0; attempt < domain.retry.attempts(); attempt++) { // bounded by the retry policy
                Interleaving.reached("between check and refresh");
                Outcome outcome = refresh(latest);
                if (outcome != Outcome.OK) {
                    return Hold.codeOf(outcome);
                }
                int hold = mapping.lockUsable(latest);
                if (hold != TrackedRwLock.NOT_TAKEN) {
                    return hold;
                }
            }
            CacheEvents.busy("a quiet moment", mapping);
            return Hold.codeOf(Outcome.BUSY);
        } finally {
            domain.memslots.exitRead(readers);
        }
    }

    /** What this cache did up to now. */
    CacheStats stats() {
        return counts.snapshot(mapping.sampleInvalidations());
    }

    /** Takes the refresh lock; false if another call on this cache does not end. */
    private boolean begin(Deadline latest) {
        mapping.requireNotHeld();
        HeldLocks.mightSleep("refresh");
        if (domain.guestModes.isCurrentThreadInside()) { // another thread may wait for this one
            CacheEvents.busy("the thread to leave guest mode", mapping);
            return false;
        }
        boolean begun = refreshLock.tryLock(latest);
        if (!begun) {
            CacheEvents.busy("another call on this cache", mapping);
        }
        return begun;
    }

    /** Gives the refresh lock back. */
    private void end() {
        refreshLock.unlock();
    }

    /**
     * With rules on, checks the state that a call leaves. Answers the outcome it is given. The refresh lock is held.
     */
    private Outcome audited(Outcome outcome) {
        if (Rules.ENABLED) {
            mapping.checkState(length);
        }
        return outcome;
    }

    /** gpa to slot to uhva, then on to the page unless it is still the same. The refresh lock is held. */
    private Outcome walk(CacheTarget target, Deadline latest) {
        CacheEvents.Refresh event = CacheEvents.refreshBegins(mapping, target, domain.memslots.generation());
        Outcome outcome = null;
        try {
            outcome = walkInSection(target, latest);
            return outcome;
        } finally {
            try {
                domain.invalidations.doneWaiting();
            } finally {
                counts.refreshed();
                CacheEvents.refreshEnds(event, outcome, mapping);
            }
        }
    }

    private Outcome walkInSection(CacheTarget target, Deadline latest) {
        // The table stays usable until the page is resolved, and a change of it waits for us [rule L11].
        int readers = domain.memslots.enterRead();
        try {
            Translation known = mapping.where().isPending() ? former : mapping.where();
            Translation fresh = known.renewed(target, domain.memslots.table()); // one snapshot
            if (fresh != known && target instanceof CacheTarget.ByGpa) {
                counts.looksUp();
            }
            GuardedMapping.Change made = mapping.repoint(fresh, latest);
            if (made == GuardedMapping.Change.INVALID) {
                return resolve(fresh, latest);
            }
            return made == GuardedMapping.Change.VALID ? Outcome.OK : Outcome.BUSY; // as it was, an access being open
        } finally {
            domain.memslots.exitRead(readers);
        }
    }

    /** uhva to page to khva, again while invalidations of this page come between. The refresh lock is held. */
    private Outcome resolve(Translation where, Deadline latest) {
        // Listed under its page before the first sample: an invalidation either is in progress by then, and is seen
        // there, or walks the index later, and finds this cache.
        domain.index.move(entry, where);
        if (!where.isBacked()) {
            return fail(Outcome.FAULT, latest);
        }
        int attempt = 0;
        while (attempt < domain.retry.attempts()) { // bounded by the retry policy: every turn is an attempt
            attempt++;
            // Sample first, then look for one in progress: one that starts in between shows in both.
            long sampled = mapping.sampleInvalidations();
            if (domain.invalidations.covers(where.uhva())) {
                counts.count(Event.WAIT);
                if (!domain.invalidations.awaitUncovered(where.uhva(), latest.getAsLong())) {
                    CacheEvents.busy("the end of an invalidation", mapping);
                    return fail(Outcome.BUSY, latest);
                }
                continue; // the next one may have started already: sample again
            }
            counts.resolves();
            HostPage page = domain.host.hvaToPage(where.uhva(), true); // may fault, may block: no cache lock held
            if (page == null || page == HostPage.BUSY) {
                return fail(page == null ? Outcome.FAULT : Outcome.BUSY, latest);
            }
            GuardedMapping.Change change = mapAndInstall(page, sampled, latest);
            if (change == GuardedMapping.Change.VALID) {
                CacheRule.I6_BOUNDED_ATTEMPTS.check(attempt <= domain.retry.attempts(), attempt);
                return Outcome.OK;
            }
            if (change == GuardedMapping.Change.NONE) {
                return fail(Outcome.BUSY, latest);
            }
            counts.count(Event.RETRY);
        }
        CacheEvents.busy("a quiet moment", mapping);
        return fail(Outcome.BUSY, latest);
    }

    /**
     * Maps a page and installs it, unless it was invalidated since the sample. Gives the page's reference back: from
     * the install on, the notifier protects the mapping; a cache never pins its page.
     */
    private GuardedMapping.Change mapAndInstall(HostPage page, long sampled, Deadline latest) {
        try {
            HostMapping former = mapping.khva();
            HostMapping khva = domain.map(page, former); // may sleep: no cache lock held
            try {
                return mapping.install(khva, sampled, domain.invalidations, latest);
            } finally {
                if (khva != former) { // the frame has changed: one of the two is not owned, or not any more
                    domain.unmap(mapping.khva() == khva ? former : khva);
                }
            }
        } finally {
            domain.host.release(page);
        }
    }

    private Outcome fail(Outcome outcome, Deadline latest) {
        domain.unmap(mapping.drop(latest));
        counts.count(Event.FAILURE);
        return outcome;
    }
}
