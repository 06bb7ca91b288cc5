package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import java.util.Arrays;

/**
 * The entries of a {@link GuestTlb}: a cache each, and where it points; and the ways that a load or a store takes when
 * it is no hit. Confined to the TLB's owner.
 *
 * <p>While one of these ways is under way no other may begin: one inside it, out of a page-fault handler, could point
 * an entry elsewhere that is in use. It is answered BUSY.
 */
final class TlbEntries {

    /** Blocks of so many pages (as a power of two) begin this many entries apart, which is even. */
    private static final int BLOCK_BITS = 8;
    private static final int STRIDE = 38;

    private final CacheDomain domain;

    // Confined to the owner.

    /** The gpa of the page at which the cache of the same index points; {@link #noPage} unless it was well pointed. */
    final long[] pages;
    /** One page each; made when its entry is first used. */
    final GfnPfnCache[] caches;
    private long misses;
    private boolean inside;
    private long loaded;

    /** So many entries, a power of two. */
    TlbEntries(CacheDomain domain, int entries) {
        this.domain = domain;
        this.pages = new long[entries];
        this.caches = new GfnPfnCache[entries];
        Arrays.setAll(pages, TlbEntries::noPage);
    }

    /** How often a cache was pointed elsewhere. */
    long misses() {
        return misses;
    }

    /** What the load before has found, if its outcome was OK. */
    long loaded() {
        return loaded;
    }

    /** Takes every cache out of use; BUSY if one could not be. */
    Outcome deactivate() {
        Outcome outcome = Outcome.OK;
        Arrays.setAll(pages, TlbEntries::noPage);
        for (GfnPfnCache cache : caches) { // bounded by the entries
            if (cache != null && cache.deactivate() != Outcome.OK) {
                outcome = Outcome.BUSY;
            }
        }
        return outcome;
    }

    /** Loads {@code width} bytes; OK, and they are {@link #loaded}, or FAULT or BUSY. */
    Outcome load(long gpa, int width, long deadline) {
        if (inside) {
            return Outcome.BUSY;
        }
        inside = true;
        try {
            boolean within = Pages.fitsInPage(gpa, width);
            Outcome outcome = within ? loadWithin(gpa, width, deadline) : loadAcross(gpa, width, deadline);
            if (outcome == Outcome.FAULT) {
                forget(indexOf(gpa)); // what was unplugged costs a look at the memslots from now on
                outcome = loadUncached(gpa, width);
            }
            return outcome;
        } finally {
            inside = false;
        }
    }

    /** Stores {@code width} bytes; OK, or FAULT or BUSY with nothing written. */
    Outcome store(long gpa, int width, long value, long deadline) {
        if (inside) {
            return Outcome.BUSY;
        }
        inside = true;
        try {
            boolean within = Pages.fitsInPage(gpa, width);
            Outcome outcome =
                    within ? storeWithin(gpa, width, value, deadline) : storeAcross(gpa, width, value, deadline);
            if (outcome == Outcome.FAULT) {
                forget(indexOf(gpa));
            }
            return outcome;
        } finally {
            inside = false;
        }
    }

    private Outcome loadWithin(long gpa, int width, long deadline) {
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            try (GuestAccess access = cacheOf(gpa).access(deadline)) {
                if (access.isUsable()) {
                    loaded = access.get(Pages.offsetInPage(gpa), width);
                }
                return access.outcome();
            }
        }
        return outcome;
    }

    private Outcome storeWithin(long gpa, int width, long value, long deadline) {
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            try (GuestAccess access = cacheOf(gpa).access(deadline)) {
                if (access.isUsable()) {
                    access.put(Pages.offsetInPage(gpa), width, value);
                }
                return access.outcome();
            }
        }
        return outcome;
    }

    /** From memory that can be read and not written, if it is that; a cache resolves its page for writing. */
    private Outcome loadUncached(long gpa, int width) {
        byte[] bytes = new byte[width];
        if (domain.guestMemory().read(gpa, bytes) < width) {
            return Outcome.FAULT;
        }
        loaded = PageCrossing.number(bytes);
        return Outcome.OK;
    }

    private Outcome loadAcross(long gpa, int width, long deadline) {
        long second = Pages.pageStart(gpa) + Pages.PAGE_SIZE;
        byte[] bytes = new byte[width];
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.load(cacheOf(gpa), gpa, bytes, 0, (int) (second - gpa), deadline);
        }
        if (outcome == Outcome.OK) {
            outcome = pointAt(second, deadline);
        }
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.load(cacheOf(second), second, bytes, (int) (second - gpa), width, deadline);
        }
        loaded = PageCrossing.number(bytes);
        return outcome;
    }

    private Outcome storeAcross(long gpa, int width, long value, long deadline) {
        long second = Pages.pageStart(gpa) + Pages.PAGE_SIZE;
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            outcome = pointAt(second, deadline); // another entry than the first: neighbours never share one
        }
        return outcome == Outcome.OK
                ? PageCrossing.store(
                        domain, cacheOf(gpa), cacheOf(second), (int) (second - gpa), width, value, deadline)
                : outcome;
    }

    // ------------------------------------------------------------------ the entries

    /** Points the cache of an address at its page, if it is not there already. OK says where it points, no more. */
    private Outcome pointAt(long gpa, long deadline) {
        long gfn = Pages.gpaToGfn(gpa);
        int index = indexOf(gpa);
        if (pages[index] == Pages.pageStart(gpa)) {
            return Outcome.OK;
        }
        // A device's registers are not worth the entry of a page: no cache is pointed where it cannot become valid.
        Memslot slot = domain.memslots.table().find(gfn);
        if (slot == null || slot.readOnly()) {
            return Outcome.FAULT;
        }
        misses++;
        forget(index); // before the cache moves: the move may throw half way, out of a page-fault handler
        if (caches[index] == null) {
            caches[index] = domain.newCache(Pages.PAGE_SIZE);
        }
        Outcome outcome = caches[index].activate(new CacheTarget.ByGpa(Pages.pageStart(gpa)), deadline);
        if (outcome == Outcome.OK) {
            pages[index] = Pages.pageStart(gpa);
        }
        return outcome;
    }

    private void forget(int index) {
        pages[index] = noPage(index);
    }

    /** A page that no address has which is looked up in this entry: one of the entry beside it. */
    private static long noPage(int index) {
        return (index ^ 1L) << Pages.PAGE_SHIFT;
    }

    private int indexOf(long gpa) {
        return indexOf(gpa, pages.length);
    }

    /**
     * Which of so many entries an address has. Pages that lie a power of two apart, as the same place of several
     * regions does, have different ones. So have neighbours: one of them is odd, and what is added is even.
     */
    static int indexOf(long gpa, int entries) {
        int gfn = (int) Pages.gpaToGfn(gpa);
        return gfn + (gfn >>> BLOCK_BITS) * STRIDE & entries - 1;
    }

    private GfnPfnCache cacheOf(long gpa) {
        return caches[indexOf(gpa)];
    }
}
