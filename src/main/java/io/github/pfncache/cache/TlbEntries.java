package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.Interleaving;
import java.util.Arrays;

/**
 * The entries of a {@link GuestTlb}, and the ways that a load or a store takes when it is no hit. Confined to the TLB's
 * owner.
 *
 * <p>While one of these ways is under way no other may begin: one inside it, out of a page-fault handler, could point
 * an entry elsewhere that is in use. It is answered BUSY.
 */
final class TlbEntries {

    /**
     * A little more than one, as a binary fraction of so many digits: one entry is left out every 36 pages. Its
     * multiples by powers of two, and the first multiples of those, are far from any multiple of the number of entries.
     * Found by trying numbers on what guests do: runs of pages, regions of them, and single pages at equal distances.
     */
    private static final long STEP = 0x41cb_2899;
    private static final int STEP_DIGITS = 30;

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
        Arrays.setAll(this.entries, i -> new TlbEntry());
    }

    /** How often a cache was pointed elsewhere. */
    long misses() {
        return misses;
    }

    /** What the load before has found, if its outcome was OK. */
    long loaded() {
        return loaded;
    }

    /** Whether one of the slow ways is under way. */
    boolean isInside() {
        return inside;
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
            return outcome == Outcome.FAULT ? loadUncached(gpa, width) : outcome;
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
            return within ? storeWithin(gpa, width, value, deadline) : storeAcross(gpa, width, value, deadline);
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
                    keep(entry);
                }
                return settled(gpa, access.outcome());
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
                    keep(entry);
                }
                return settled(gpa, access.outcome());
            }
        }
        return outcome;
    }

    /** The access under way, to the cache of an entry, is usable: the next ones may be hits. */
    private void keep(TlbEntry entry) {
        if (domain.readerBias) { // without, every access takes the lock
            Interleaving.reached("about to tag");
            entry.lead(entry.cache.mapping.window().bytes());
        }
    }

    /**
     * The outcome of an access to the page of an address, at which its entry points. What was unplugged, or cannot be
     * written any more, costs a look at the memslots from now on.
     */
    private Outcome settled(long gpa, Outcome outcome) {
        if (outcome == Outcome.FAULT) {
            entryOf(gpa).forget();
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
            GfnPfnCache page = entryOf(gpa).cache;
            outcome = settled(gpa, PageCrossing.load(page, gpa, bytes, 0, (int) (second - gpa), deadline));
        }
        if (outcome == Outcome.OK) {
            outcome = pointAt(second, deadline);
        }
        if (outcome == Outcome.OK) {
            GfnPfnCache page = entryOf(second).cache;
            outcome = settled(second, PageCrossing.load(page, second, bytes, (int) (second - gpa), width, deadline));
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
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.store(
                    domain, entryOf(gpa).cache, entryOf(second).cache, (int) (second - gpa), width, value, deadline);
            settled(gpa, outcome); // one of the two it was
            settled(second, outcome);
        }
        return outcome;
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
            entry.cache = new GfnPfnCache(domain, Pages.PAGE_SIZE, entry);
        }
        Outcome outcome = entry.cache.activate(new CacheTarget.ByGpa(Pages.pageStart(gpa)), deadline);
        if (outcome == Outcome.OK) {
            entry.pointed(gpa);
        }
        return outcome;
    }

    /**
     * Which of so many entries an address has, four or more. Neighbours never share one: they are one or two entries
     * apart. Of 16 entries or more, pages that lie a power of two from 1 MiB to 256 GiB apart, as the same place of two
     * regions does, have different ones; of 256, those of 64 small regions too.
     */
    static int indexOf(long gpa, int entries) {
        return (int) (Pages.gpaToGfn(gpa) * STEP >>> STEP_DIGITS) & entries - 1;
    }

    private TlbEntry entryOf(long gpa) {
        return entries[indexOf(gpa, entries.length)];
    }
}
