package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Rules;
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
 * The handler may use the TLB. A page-fault handler of the host had better not: while it handles a fault of this TLB,
 * what is no hit is BUSY.
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

    /**
     * What to load where there is nothing: no number of fewer than eight bytes, and of eight one like any other, so
     * whoever finds it looks again. Not one that fills memory often.
     */
    private static final long ODD = 0x9e1d_5a3c_c7b4_2f93L;

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

    private final TlbEntries entries;
    /** Those of {@link #entries}, one step nearer. */
    private final long[] pages;
    private final GfnPfnCache[] caches;
    private Thread owner;

    GuestTlb(CacheDomain domain, int entries, Unbacked unbacked) {
        if (entries < 2 || entries > MAX_ENTRIES || Integer.bitCount(entries) != 1) {
            // Two at least: the pages of an access that crosses must not share an entry.
            throw new IllegalArgumentException("entries=" + entries + " is not a power of two in 2.." + MAX_ENTRIES);
        }
        this.domain = domain;
        this.unbacked = Objects.requireNonNull(unbacked, "unbacked");
        this.entries = new TlbEntries(domain, entries);
        this.pages = this.entries.pages;
        this.caches = this.entries.caches;
    }

    /**
     * Loads a byte.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public byte loadByte(long gpa) {
        return (byte) load(gpa, Byte.BYTES);
    }

    /**
     * Loads two bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public short loadShort(long gpa) {
        return (short) load(gpa, Short.BYTES);
    }

    /**
     * Loads four bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public int loadInt(long gpa) {
        return (int) load(gpa, Integer.BYTES);
    }

    /**
     * Loads eight bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     * @throws IllegalStateException if the TLB is another thread's
     */
    public long loadLong(long gpa) {
        return load(gpa, Long.BYTES);
    }

    /**
     * Stores a byte.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeByte(long gpa, byte value) {
        store(gpa, Byte.BYTES, value);
    }

    /**
     * Stores two bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeShort(long gpa, short value) {
        store(gpa, Short.BYTES, value);
    }

    /**
     * Stores four bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeInt(long gpa, int value) {
        store(gpa, Integer.BYTES, value);
    }

    /**
     * Stores eight bytes.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param value the value
     * @throws IllegalStateException if the TLB is another thread's
     */
    public void storeLong(long gpa, long value) {
        store(gpa, Long.BYTES, value);
    }

    /**
     * Gives up all pages: the caches leave the domain, and the TLB its thread. The next access starts afresh, on
     * whatever thread. To be called by the owner, or when it has stopped using the TLB. Idempotent.
     *
     * @return OK; BUSY if one of the caches is in use by a call that does not end, which then stays active
     */
    public Outcome deactivate() {
        Outcome outcome = entries.deactivate();
        owner = null;
        return outcome;
    }

    /**
     * Number of entries, for the life of the TLB.
     *
     * @return a power of two
     */
    public int entries() {
        return pages.length;
    }

    /**
     * How often an access to memory found another page in its entry, or none, and the entry's cache was pointed
     * elsewhere. Against the number of accesses it tells whether more entries would help.
     *
     * @return exact for the owner
     */
    public long misses() {
        return entries.misses();
    }

    /** The cache of a page, if its entry has it and the access lies inside the page; else null. */
    private GfnPfnCache hit(long gpa, int width) {
        if (Rules.ENABLED) {
            requireOwner();
        }
        int index = TlbEntries.indexOf(gpa, pages.length);
        // What is left over when the page's address is taken away: too much if that is another page.
        long offset = gpa ^ pages[index];
        return offset >= 0 && offset <= Pages.PAGE_SIZE - width ? caches[index] : null;
    }

    /** Loads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    private long load(long gpa, int width) {
        GfnPfnCache page = hit(gpa, width);
        if (page != null) {
            long value = page.load(Pages.offsetInPage(gpa), width, ODD);
            if (value != ODD) {
                return value;
            }
        }
        return loadSlowly(gpa, width, page != null);
    }

    /** Stores the low 1, 2, 4 or 8 bytes of a number. */
    private void store(long gpa, int width, long value) {
        GfnPfnCache page = hit(gpa, width);
        Outcome outcome = page == null ? Outcome.INACTIVE : page.store(Pages.offsetInPage(gpa), width, value);
        if (outcome != Outcome.OK) {
            storeSlowly(gpa, width, value, outcome);
        }
    }

    // ------------------------------------------------------------------ the slow way

    /** A load that was not a hit; or one that was, and found {@link #ODD} or waited for nothing. */
    private long loadSlowly(long gpa, int width, boolean waited) {
        requireOwner();
        Outcome why = entries.load(gpa, width, waited ? System.nanoTime() : domain.retry.deadlineFromNow());
        return why == Outcome.OK ? entries.loaded() : unbacked.load(gpa, width, why);
    }

    /** A store that was not a hit; or one that was, and was refused: then there is its outcome. */
    private void storeSlowly(long gpa, int width, long value, Outcome refused) {
        requireOwner();
        Outcome why = refused == Outcome.BUSY // it has waited already
                ? Outcome.BUSY
                : entries.store(gpa, width, value, domain.retry.deadlineFromNow());
        if (why != Outcome.OK) {
            unbacked.store(gpa, width, value & -1L >>> Long.SIZE - Byte.SIZE * width, why);
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
        return "GuestTlb[entries=" + pages.length + " misses=" + misses() + " of " + owner + "]";
    }
}
