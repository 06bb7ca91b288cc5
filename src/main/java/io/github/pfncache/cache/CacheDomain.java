package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotListener;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongPredicate;
import java.util.function.Predicate;

/**
 * The caches of one VM: makes them, lists the active ones by host page, and tells them what the host and the memslots
 * take away.
 *
 * <p>Thread-safe. Kernel counterpart: the fields {@code gpc_list}, {@code gpc_lock} and
 * {@code mn_active_invalidate_count} of {@code struct kvm}, and {@code gfn_to_pfn_cache_invalidate_start()}.
 *
 * @since 0.1.0
 */
public final class CacheDomain {

    /** Whether the locks of caches have a reader bias unless told otherwise: yes, or as the process was started. */
    public static final boolean READER_BIAS = Boolean.parseBoolean(System.getProperty("pfncache.readerBias", "true"));

    final DomainState state;

    private final Notifier notifier = new Notifier();

    /**
     * Makes the domain and ties it to the memory it caches.
     *
     * @param memslots the guest memory map; its changes wait for this domain's invalidations and drain its accesses
     * @param host the host address space; its notifier
     * @param retry how long a call goes on before it answers BUSY
     */
    public CacheDomain(Memslots memslots, HostMemory host, RetryPolicy retry) {
        this(memslots, host, retry, READER_BIAS);
    }

    /**
     * Makes the domain and ties it to the memory it caches.
     *
     * @param memslots the guest memory map; its changes wait for this domain's invalidations and drain its accesses
     * @param host the host address space; its notifier
     * @param retry how long a call goes on before it answers BUSY
     * @param readerBias whether accesses announce themselves and loads take no lock; without, every access takes the
     *     read side of a plain read-write lock, to the same effect
     */
    public CacheDomain(Memslots memslots, HostMemory host, RetryPolicy retry, boolean readerBias) {
        this.state = new DomainState(memslots, host, retry, readerBias);
        memslots.attach(state.invalidations, new SlotChanges());
        host.registerNotifier(notifier);
    }

    /**
     * Takes every cache out of use, for good, and takes back every page that a vCPU holds. From now on {@link
     * GfnPfnCache#activate} answers INACTIVE, and {@link GuestMode#hold} FAULT. When nothing is left in use, the host
     * has no notifier of this domain any more, and does not know it. May be called again.
     *
     * @return the caches and guest modes that are still in use after the waits that the retry policy and the memslots
     *     allow: by an access that has not ended, by a refresh whose fault handler has not returned (it may be the
     *     current thread's), or by a vCPU that does not poll. They still hear of invalidations
     */
    public List<Object> close() {
        state.index.close(); // no new one comes from here on
        List<Object> left = new ArrayList<>();
        for (GfnPfnCache cache : activeCaches()) { // bounded by the number of caches
            if (cache.deactivate() != Outcome.OK) {
                left.add(cache);
            }
        }
        boolean waits = !state.guestModes.refusesToWait("closing");
        if (!state.guestModes.takeBack(HvaRange.WHOLE, page -> true, waits, state.memslots::deadlineFromNow)) {
            state.guestModes.all.stream().filter(GuestEntry::isRunning).forEach(left::add);
        }
        if (left.isEmpty()) {
            state.host.unregisterNotifier(notifier);
        }
        return left;
    }

    /**
     * A new, inactive cache.
     *
     * @param length size of its window in bytes, for its whole life
     * @return the cache
     * @throws IllegalArgumentException if {@code length} is not in 1..4096
     */
    public GfnPfnCache newCache(int length) {
        return new GfnPfnCache(state, length);
    }

    /**
     * A new, inactive area, for windows that may cross pages or change their length.
     *
     * @return the area
     */
    public GuestArea newArea() {
        return new GuestArea(state);
    }

    /**
     * A view of guest memory, for any thread.
     *
     * @param gpa guest physical address of its start, any value
     * @param length bytes, 1 to {@link GuestView#MAX_LENGTH}; may be more than there is
     * @return the view, to be closed
     * @throws IllegalArgumentException if the range wraps or {@code length} is out of range
     */
    public GuestView newView(long gpa, long length) {
        return new GuestView(state, gpa, length);
    }

    /**
     * A new TLB, for CPU-like access to any address.
     *
     * @param entries number of pages it holds, a power of two from {@link GuestTlb#MIN_ENTRIES} to
     *     {@link GuestTlb#MAX_ENTRIES}
     * @param unbacked asked for what is not available
     * @return the TLB, for the thread that uses it first
     * @throws IllegalArgumentException if {@code entries} is not such a number
     */
    public GuestTlb newTlb(int entries, GuestTlb.Unbacked unbacked) {
        return new GuestTlb(state, entries, unbacked);
    }

    /**
     * A new guest mode, for an emulated CPU with a TLB of its own.
     *
     * @param dropped told of each page that has to be given back
     * @return the guest mode, for the thread that enters it first; to be closed
     */
    public GuestMode newGuestMode(GuestMode.Dropped dropped) {
        return new GuestMode(state, dropped, GuestEntry.Gate.NONE);
    }

    /**
     * A new cache of the older kind, which remembers gpa to hva only.
     *
     * @param length size of its window in bytes
     * @return the cache
     * @throws IllegalArgumentException if {@code length} is not in 1..4096
     */
    public GfnToHvaCache newGfnToHvaCache(int length) {
        return new GfnToHvaCache(state.memslots, state.host, length);
    }

    /**
     * Guest memory without a cache.
     *
     * @return the same object each time
     */
    public GuestMemory guestMemory() {
        return state.guestMemory;
    }

    /**
     * What the caches did up to now.
     *
     * @return a snapshot of the counts
     */
    public CacheStats stats() {
        return state.counters.snapshot();
    }

    /**
     * The active caches.
     *
     * @return a snapshot of the list, in no order
     */
    public List<GfnPfnCache> activeCaches() {
        List<GfnPfnCache> all = new ArrayList<>();
        state.index.all().forEach(each -> all.add((GfnPfnCache) ((GuardedMapping) each).fastPath));
        return all;
    }

    /**
     * The audit: looks at the invariants of every listed cache. At rest, when no call and no access is under way, it
     * also checks the balance of pages and mappings ([I5]): the whole host's if no other domain uses the host, else
     * that of this domain's mappings alone.
     *
     * @param atRest whether nothing is under way
     * @throws io.github.pfncache.rules.RuleViolation if one is broken
     */
    public void audit(boolean atRest) {
        long owned = 0;
        for (GfnPfnCache cache : activeCaches()) { // bounded by the number of caches
            CacheState now = cache.state();
            CacheRule.I2_ACTIVE_IFF_LISTED.check(now.active() || !atRest, now);
            cache.check();
            CacheRule.I14_VALID_IS_FOUND.check(!atRest || !now.valid() || isFound(cache.mapping, now.uhva()), now);
            CacheRule.I8_GENERATION_IS_CURRENT.check(!atRest || cache.mapping.isTranslatedAsNow(), now);
            owned += now.pfn() == -1 ? 0 : 1;
        }
        for (GuestEntry mode : state.guestModes.all) { // bounded by the vCPUs
            owned += mode.held();
        }
        if (atRest) {
            CacheRule.NOTIFIER_PAIRS.check(state.invalidations.inProgress() == 0, state.invalidations.inProgress());
            boolean alone = state.host.mappingOwners() <= 1; // else others share the host's balance, and may be at work
            long held = alone ? state.host.pageReferences() : 0;
            long mapped = alone ? state.host.liveMappings() : state.mappings();
            CacheRule.I5_BALANCE.check(
                    held == 0 && mapped == owned,
                    "page references " + held + ", mappings " + mapped + ", owned " + owned);
        }
    }

    private boolean isFound(Placed cache, long uhva) {
        return !state.index.walk(HvaRange.ofPages(Pages.pageStart(uhva), 1), each -> each != cache);
    }

    @Override
    public String toString() {
        return "CacheDomain[" + state.memslots + ", " + stats() + "]";
    }

    /** The listener to the host: invalidations. */
    private final class Notifier implements MmuNotifier {

        @Override
        public boolean ownsMappings() {
            return true;
        }

        @Override
        public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
            state.counters.ranges.increment();
            boolean waits = mayBlock && !state.guestModes.refusesToWait("an invalidation");
            CacheEvents.Walk event = CacheEvents.invalidationBegins(state.memslots.number(), range, mayBlock);
            if (mayBlock) {
                state.invalidations.letWaitersGoFirst(range);
            }
            event.goesOn();
            state.invalidations.start(range); // before the walk: no refresh may slip in between [rule L6]
            boolean accepted = false;
            try {
                boolean told = state.index.walk(range, cache -> event.reached(cache.invalidate(mayBlock)))
                        && state.guestModes.takeBack(range, page -> true, waits, state.memslots::deadlineFromNow);
                event.ended(told);
                accepted = told; // nothing that can fail comes after this
            } finally {
                if (!accepted) { // refused, or failed half way: the host leaves the pages alone and calls no end
                    state.invalidations.end(range);
                }
            }
            return accepted;
        }

        @Override
        public void invalidateRangeEnd(HvaRange range) {
            state.invalidations.end(range);
        }
    }

    /** The listener to the memslots: changes of slots. */
    private final class SlotChanges implements MemslotListener {

        @Override
        public boolean slotChanged(Memslot former, long deadlineNanos) {
            boolean[] drained = {true};
            Predicate<Placed> drain = cache -> {
                // All caches are visited: after one that stays in use, the others are not waited for.
                drained[0] &= cache.drain(drained[0] ? deadlineNanos : System.nanoTime());
                return true;
            };
            state.index.walk(HvaRange.ofPages(former.hva(), former.npages()), drain);
            return (drained[0] || former.isGivenUp())
                    && takeBack(former, held -> held.slot == former, deadlineNanos)
                    && drained[0];
        }

        @Override
        public boolean protect(Memslot slot, LongPredicate pages, long deadlineNanos) {
            // Found by the log: while a slot moves, holds of its pages name the former slot or the new one.
            Predicate<HeldPage> logged = held -> held.writable && held.slot.sharesLogWith(slot)
                    && pages.test(Pages.gpaToGfn(held.gpa()) - held.slot.baseGfn());
            return takeBack(slot, logged, deadlineNanos);
        }

        private boolean takeBack(Memslot slot, Predicate<HeldPage> which, long deadlineNanos) {
            boolean waits = !state.guestModes.refusesToWait("taking pages of a slot");
            HvaRange range = HvaRange.ofPages(slot.hva(), slot.npages());
            return state.guestModes.takeBack(range, which, waits, () -> deadlineNanos);
        }
    }
}
