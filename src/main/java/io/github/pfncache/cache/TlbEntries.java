package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import java.util.Arrays;

/**
 * The entries of a {@link GuestTlb}, and the ways that a load or a store takes when it is no hit. Confined to the TLB's
 * owner.
 *
 * <p>While one of these ways is under way no other may begin: one inside it, out of a page-fault handler, could point
 * an entry elsewhere that is in use. It is answered BUSY.
 */
final class TlbEntries {

    /** Blocks of so many pages, as a power of two, begin somewhere else each: an even number of entries on. */
    private static final int BLOCK_BITS = 8;

    /**
     * The multiples of this number by powers of two differ in the bits that are used of them, the lowest of the upper
     * 16; and so do the first multiples of those. Found by trying numbers.
     */
    private static final int SPREAD = 0x687c966d;
    private static final int SPREAD_SHIFT = 16;

    private final CacheDomain domain;

    // Confined to the owner.

    final TlbEntry[] entries;
    private long misses;
    private boolean inside;
    private long loaded;

    /** So many entries, a power of two. */
    TlbEntries(CacheDomain domain, int entries) {
        this.domain = domain;
        this.entries = new TlbEntry[entries];
        Arrays.setAll(this.entries, TlbEntry::new);
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
        if (inside) {
            return Outcome.BUSY;
        }
        Outcome outcome = Outcome.OK;
        for (TlbEntry entry : entries) { // bounded by the entries
            entry.forget();
            if (entry.cache != null && entry.cache.deactivate() != Outcome.OK) {
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
                entryOf(gpa).forget(); // what was unplugged costs a look at the memslots from now on
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
                entryOf(gpa).forget();
            }
            return outcome;
        } finally {
            inside = false;
        }
    }

    private Outcome loadWithin(long gpa, int width, long deadline) {
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            TlbEntry entry = entryOf(gpa);
            try (GuestAccess access = entry.cache.access(deadline)) {
                if (access.isUsable()) {
                    loaded = access.get(Pages.offsetInPage(gpa), width);
                    entry.reopen();
                }
                return access.outcome();
            }
        }
        return outcome;
    }

    private Outcome storeWithin(long gpa, int width, long value, long deadline) {
        Outcome outcome = pointAt(gpa, deadline);
        if (outcome == Outcome.OK) {
            TlbEntry entry = entryOf(gpa);
            try (GuestAccess access = entry.cache.access(deadline)) {
                if (access.isUsable()) {
                    access.put(Pages.offsetInPage(gpa), width, value);
                    entry.reopen();
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
            outcome = PageCrossing.load(entryOf(gpa).cache, gpa, bytes, 0, (int) (second - gpa), deadline);
        }
        if (outcome == Outcome.OK) {
            outcome = pointAt(second, deadline);
        }
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.load(entryOf(second).cache, second, bytes, (int) (second - gpa), width, deadline);
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
                        domain, entryOf(gpa).cache, entryOf(second).cache, (int) (second - gpa), width, value, deadline)
                : outcome;
    }

    // ------------------------------------------------------------------ the entries

    /** Points the cache of an address at its page, if it is not there already. OK says where it points, no more. */
    private Outcome pointAt(long gpa, long deadline) {
        TlbEntry entry = entryOf(gpa);
        if (entry.pointsAt(gpa)) {
            return Outcome.OK;
        }
        // A device's registers are not worth the entry of a page: no cache is pointed where it cannot become valid.
        Memslot slot = domain.memslots.table().find(Pages.gpaToGfn(gpa));
        if (slot == null || slot.readOnly()) {
            return Outcome.FAULT;
        }
        misses++;
        entry.forget(); // before the cache moves: the move may throw half way, out of a page-fault handler
        if (entry.cache == null) {
            entry.cache = domain.newCache(Pages.PAGE_SIZE);
        }
        Outcome outcome = entry.cache.activate(new CacheTarget.ByGpa(Pages.pageStart(gpa)), deadline);
        if (outcome == Outcome.OK) {
            entry.pointed(gpa);
        }
        return outcome;
    }

    /**
     * Which of so many entries an address has. Of 16 entries or more, pages that lie a power of two from 1 MiB to 256
     * GiB apart, as the same place of two regions does, have different ones. So have neighbours, however few there are:
     * one of them is odd, and what is added is even.
     */
    static int indexOf(long gpa, int entries) {
        int gfn = (int) Pages.gpaToGfn(gpa);
        int spread = (gfn >>> BLOCK_BITS) * SPREAD >>> SPREAD_SHIFT;
        return gfn + (spread << 1) & entries - 1;
    }

    private TlbEntry entryOf(long gpa) {
        return entries[indexOf(gpa, entries.length)];
    }
}
