package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.rules.Rules;
import java.util.Arrays;
import java.util.Objects;

/**
 * How an emulated CPU accesses guest memory: loads and stores of 1, 2, 4 and 8 bytes at any guest physical address,
 * aligned or not, with the guarantees of a {@link GfnPfnCache} and, most of the time, at the price of a compare more.
 *
 * <pre>{@code
 * GuestTlb tlb = vm.newTlb(devices);           // devices: a GuestTlb.Unbacked, asked where there is no memory
 * int instruction = tlb.loadInt(pc);
 * tlb.storeLong(stackPointer - 8, value);      // marks the page dirty by itself
 * }</pre>
 *
 * <p>A direct-mapped array of caches, one page each, tagged with the gfn. A hit is a compare of the tag and a validated
 * access through the cache; a miss points the entry's cache at the page. The tag says where the cache points and no
 * more: whether it may be used is the cache's answer, each time. So nobody tells the TLB about page migrations or
 * memslot changes, and there is no flush that could be forgotten.
 *
 * <p><b>What cannot be had</b> goes to an {@link Unbacked} handler, with no lock held: an address without memory, a
 * store to memory that is read-only, memory that is busy. What a guest can cause is never an exception of ours. Memory
 * that can be read and not written (a ROM's slot) is loaded from, uncached: a cache is for pages that can be written.
 *
 * <p><b>Atomicity.</b> Inside a page an access is what {@link GfnPfnCache} makes of it. One that crosses into the next
 * page is not atomic; a store that crosses writes nothing unless both pages can be written. The numbers are
 * little-endian. Bulk transfers belong to {@link GuestMemory}.
 *
 * <p>For one thread, a vCPU's: the first that uses it, until {@link #deactivate} hands it over. That is looked at on
 * every miss, and on every access while rules are checked. The caches behind it are safe against everybody else.
 * Kernel counterpart: none; what a processor's TLB does behind {@code KVM_RUN}.
 */
public final class GuestTlb {

    /** Number of entries that is right for most: 1 MiB of reach. A cache is made when its entry is first used. */
    public static final int DEFAULT_ENTRIES = 256;

    /** Most entries a TLB can have. */
    public static final int MAX_ENTRIES = 1 << 16;

    /** A tag that no address has: a gfn is never negative. */
    private static final long NO_GFN = -1;

    /** Asked for what is not there: devices, or the trap that a processor would raise. */
    public interface Unbacked {

        /**
         * A load that found no memory. May throw what the emulator uses for its traps.
         *
         * @param gpa guest physical address of the first byte, any value
         * @param width 1, 2, 4 or 8 bytes; they may begin in memory and end outside it, or the reverse
         * @param why FAULT: there is nothing to read; BUSY: not now, the load may be repeated
         * @return the value in the low {@code width} bytes; the others are ignored
         */
        long load(long gpa, int width, Outcome why);

        /**
         * A store that found no writable memory. Nothing was written. May throw what the emulator uses for its traps.
         *
         * @param gpa guest physical address of the first byte, any value
         * @param width 1, 2, 4 or 8 bytes; they may begin in memory and end outside it, or the reverse
         * @param value the value in the low {@code width} bytes; the others are 0
         * @param why FAULT: there is nothing to write, or it is read-only; BUSY: not now, the store may be repeated
         */
        void store(long gpa, int width, long value, Outcome why);
    }

    private final CacheDomain domain;
    private final Unbacked unbacked;

    // Confined to the owner.

    /** The gfn at which the cache of the same index points; {@link #NO_GFN} unless it was pointed there well. */
    private final long[] tags;
    /** One page each; made when its entry is first used. */
    private final GfnPfnCache[] caches;
    private Thread owner;
    private long misses;
    /** Whether a slow access is under way; one inside it, out of a page-fault handler, must not move an entry. */
    private boolean inside;
    /** What the slow load has found, if its outcome is OK. */
    private long loaded;

    GuestTlb(CacheDomain domain, int entries, Unbacked unbacked) {
        if (entries < 2 || entries > MAX_ENTRIES || Integer.bitCount(entries) != 1) {
            // Two at least: the pages of an access that crosses must not share an entry.
            throw new IllegalArgumentException("entries=" + entries + " is not a power of two in 2.." + MAX_ENTRIES);
        }
        this.domain = domain;
        this.unbacked = Objects.requireNonNull(unbacked, "unbacked");
        this.tags = new long[entries];
        this.caches = new GfnPfnCache[entries];
        Arrays.fill(tags, NO_GFN);
    }

    /**
     * Loads a byte.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public byte loadByte(long gpa) {
        return (byte) load(gpa, 1);
    }

    /**
     * Loads two bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public short loadShort(long gpa) {
        return (short) load(gpa, 2);
    }

    /**
     * Loads four bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public int loadInt(long gpa) {
        return (int) load(gpa, 4);
    }

    /**
     * Loads eight bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public long loadLong(long gpa) {
        return load(gpa, 8);
    }

    /**
     * Stores a byte.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeByte(long gpa, byte value) {
        store(gpa, 1, value & 0xffL);
    }

    /**
     * Stores two bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeShort(long gpa, short value) {
        store(gpa, 2, value & 0xffffL);
    }

    /**
     * Stores four bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeInt(long gpa, int value) {
        store(gpa, 4, value & 0xffff_ffffL);
    }

    /**
     * Stores eight bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeLong(long gpa, long value) {
        store(gpa, 8, value);
    }

    /**
     * Gives up all pages: the caches leave the domain, and the TLB its thread. The next access starts afresh, on
     * whatever thread. To be called by the owner, or when it has stopped using the TLB. Idempotent.
     *
     * @return OK; BUSY if one of the caches is in use by a call that does not end, which then stays active
     */
    public Outcome deactivate() {
        Outcome outcome = Outcome.OK;
        Arrays.fill(tags, NO_GFN);
        for (GfnPfnCache cache : caches) { // bounded by the entries
            if (cache != null && cache.deactivate() != Outcome.OK) {
                outcome = Outcome.BUSY;
            }
        }
        owner = null;
        return outcome;
    }

    /**
     * Number of entries, for the life of the TLB.
     *
     * @return a power of two
     */
    public int entries() {
        return tags.length;
    }

    /**
     * How often an access to memory found another page in its entry, or none, and the entry's cache was pointed
     * elsewhere. Against the number of accesses it tells whether more entries would help.
     *
     * @return exact for the owner
     */
    public long misses() {
        return misses;
    }

    // ------------------------------------------------------------------ the slow way

    private long load(long gpa, int width) {
        requireOwner();
        Outcome why = Outcome.BUSY;
        if (!inside) {
            inside = true;
            try {
                why = Pages.fitsInPage(gpa, width) ? loadWithin(gpa, width) : loadAcross(gpa, width);
                if (why == Outcome.FAULT) {
                    tags[indexOf(gpa)] = NO_GFN; // what was unplugged costs a look at the memslots from now on
                    why = loadUncached(gpa, width);
                }
            } finally {
                inside = false;
            }
        }
        return why == Outcome.OK ? loaded : unbacked.load(gpa, width, why);
    }

    private void store(long gpa, int width, long value) {
        requireOwner();
        Outcome why = Outcome.BUSY;
        if (!inside) {
            inside = true;
            try {
                why = Pages.fitsInPage(gpa, width) ? storeWithin(gpa, width, value) : storeAcross(gpa, width, value);
                if (why == Outcome.FAULT) {
                    tags[indexOf(gpa)] = NO_GFN;
                }
            } finally {
                inside = false;
            }
        }
        if (why != Outcome.OK) {
            unbacked.store(gpa, width, value, why);
        }
    }

    private Outcome loadWithin(long gpa, int width) {
        Outcome outcome = pointAt(gpa);
        if (outcome == Outcome.OK) {
            try (GuestAccess access = cacheOf(gpa).access()) {
                if (access.isUsable()) {
                    loaded = get(access, Pages.offsetInPage(gpa), width);
                }
                return access.outcome();
            }
        }
        return outcome;
    }

    private Outcome storeWithin(long gpa, int width, long value) {
        Outcome outcome = pointAt(gpa);
        if (outcome == Outcome.OK) {
            try (GuestAccess access = cacheOf(gpa).access()) {
                if (access.isUsable()) {
                    put(access, Pages.offsetInPage(gpa), width, value);
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

    private Outcome loadAcross(long gpa, int width) {
        long second = Pages.pageStart(gpa) + Pages.PAGE_SIZE;
        byte[] bytes = new byte[width];
        Outcome outcome = pointAt(gpa);
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.load(cacheOf(gpa), gpa, bytes, 0, (int) (second - gpa));
        }
        if (outcome == Outcome.OK) {
            outcome = pointAt(second);
        }
        if (outcome == Outcome.OK) {
            outcome = PageCrossing.load(cacheOf(second), second, bytes, (int) (second - gpa), width);
        }
        loaded = PageCrossing.number(bytes);
        return outcome;
    }

    private Outcome storeAcross(long gpa, int width, long value) {
        long second = Pages.pageStart(gpa) + Pages.PAGE_SIZE;
        Outcome outcome = pointAt(gpa);
        if (outcome == Outcome.OK) {
            outcome = pointAt(second); // another entry than the first: neighbours never share one
        }
        return outcome == Outcome.OK
                ? PageCrossing.store(domain, cacheOf(gpa), cacheOf(second), (int) (second - gpa), width, value)
                : outcome;
    }

    // ------------------------------------------------------------------ the entries

    /** Points the cache of an address at its page, if it is not there already. OK says where it points, no more. */
    private Outcome pointAt(long gpa) {
        long gfn = Pages.gpaToGfn(gpa);
        int index = indexOf(gpa);
        if (tags[index] == gfn) {
            return Outcome.OK;
        }
        // A device's registers are not worth the entry of a page: no cache is pointed where it cannot become valid.
        Memslot slot = domain.memslots.table().find(gfn);
        if (slot == null || slot.readOnly()) {
            return Outcome.FAULT;
        }
        misses++;
        tags[index] = NO_GFN; // before the cache moves: the move may throw half way, out of a page-fault handler
        if (caches[index] == null) {
            caches[index] = domain.newCache(Pages.PAGE_SIZE);
        }
        Outcome outcome = caches[index].activate(Pages.pageStart(gpa));
        if (outcome == Outcome.OK) {
            tags[index] = gfn;
        }
        return outcome;
    }

    private int indexOf(long gpa) {
        return (int) Pages.gpaToGfn(gpa) & tags.length - 1;
    }

    private GfnPfnCache cacheOf(long gpa) {
        return caches[indexOf(gpa)];
    }

    // ------------------------------------------------------------------ numbers

    private static long get(GuestAccess access, int offset, int width) {
        return switch (width) {
            case Byte.BYTES -> access.getByte(offset);
            case Short.BYTES -> access.getShort(offset);
            case Integer.BYTES -> access.getInt(offset);
            default -> access.getLong(offset);
        };
    }

    private static void put(GuestAccess access, int offset, int width, long value) {
        switch (width) {
            case Byte.BYTES -> access.putByte(offset, (byte) value);
            case Short.BYTES -> access.putShort(offset, (short) value);
            case Integer.BYTES -> access.putInt(offset, (int) value);
            default -> access.putLong(offset, value);
        }
    }

    private void requireOwner() {
        Thread current = Thread.currentThread();
        if (owner != current) {
            if (owner != null) {
                throw new IllegalStateException(this + " is not for " + current + "; deactivate() hands it over");
            }
            owner = current;
        }
    }

    @Override
    public String toString() {
        return "GuestTlb[entries=" + tags.length + " misses=" + misses + " of " + owner + "]";
    }
}
