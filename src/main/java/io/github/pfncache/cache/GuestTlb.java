package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Rules;
import java.nio.ByteBuffer;
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
 * <p>A direct-mapped array of caches, one page each, tagged with the gpa. A hit is a compare of the tag, an access to
 * bytes that are at hand, and for a load the compare again; a miss points the entry's cache at the page. When a
 * cache loses its page, whoever takes it away shoots down that one tag, under the cache's own lock. So nobody tells the
 * TLB about page migrations or memslot changes, and there is no flush that could be forgotten.
 *
 * <p><b>What cannot be had</b> goes to an {@link Unbacked} handler, with no lock held: an address without memory, a
 * store to memory that is read-only, memory that is busy. What a guest can cause is never an exception of ours. Memory
 * that can be read and not written (a ROM's slot) is loaded from, uncached: a cache is for pages that can be written.
 * The handler may use the TLB. A page-fault handler of the host had better not: while it handles a fault of this TLB,
 * what is no hit, and what would have to wait, is BUSY.
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

    /** Fewest entries a TLB can have: the pages of an access that crosses must not share one. */
    public static final int MIN_ENTRIES = 4;

    /** Most entries a TLB can have. */
    public static final int MAX_ENTRIES = 1 << 16;

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

    private final TlbEntries misses;
    /** Those of {@link #misses}, one step nearer. */
    private final TlbEntry[] entries;
    private Thread owner;

    GuestTlb(CacheDomain domain, int entries, Unbacked unbacked) {
        if (entries < MIN_ENTRIES || entries > MAX_ENTRIES || Integer.bitCount(entries) != 1) {
            throw new IllegalArgumentException(
                    "entries=" + entries + " is not a power of two in " + MIN_ENTRIES + ".." + MAX_ENTRIES);
        }
        this.domain = domain;
        this.unbacked = Objects.requireNonNull(unbacked, "unbacked");
        this.misses = new TlbEntries(domain, entries);
        this.entries = misses.entries;
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
     * @return OK; BUSY if one of the caches is in use by a call that does not end, which then stays active, as all do
     *     out of a page-fault handler of this TLB's own access
     */
    public Outcome deactivate() {
        Outcome outcome = misses.deactivate();
        if (!misses.isInside()) { // whose access is under way stays the owner
            owner = null;
        }
        return outcome;
    }

    /**
     * Number of entries, for the life of the TLB.
     *
     * @return a power of two
     */
    public int entries() {
        return entries.length;
    }

    /**
     * How often an access to memory found another page in its entry, or none, and the entry's cache was pointed
     * elsewhere. Against the number of accesses it tells whether more entries would help.
     *
     * @return exact for the owner
     */
    public long misses() {
        return misses.misses();
    }

    /** The entry in which the page of an address is, or which it would have. */
    private TlbEntry entryOf(long gpa) {
        if (Rules.ENABLED) {
            requireOwner();
        }
        return entries[TlbEntries.indexOf(gpa, entries.length)];
    }

    /** Loads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    private long load(long gpa, int width) {
        TlbEntry entry = entryOf(gpa);
        ByteBuffer bytes = entry.bytes;
        long page = TlbEntry.pageOf(gpa, width);
        if (entry.leadsTo(page)) {
            long value = OneShot.peek(bytes, Pages.offsetInPage(gpa), width);
            if (entry.stillLeadsTo(page)) {
                return value;
            }
        }
        return loadSlowly(gpa, width);
    }

    /** Stores the low 1, 2, 4 or 8 bytes of a number. */
    private void store(long gpa, int width, long value) {
        TlbEntry entry = entryOf(gpa);
        if (!entry.leadsTo(TlbEntry.pageOf(gpa, width))
                || !entry.cache.storeIfOpen(Pages.offsetInPage(gpa), width, value)) {
            storeSlowly(gpa, width, value);
        }
    }

    // ------------------------------------------------------------------ the slow way

    private long loadSlowly(long gpa, int width) {
        requireOwner();
        Outcome why = misses.load(gpa, width, domain.retry.deadlineFromNow());
        return why == Outcome.OK ? misses.loaded() : unbacked.load(gpa, width, why);
    }

    private void storeSlowly(long gpa, int width, long value) {
        requireOwner();
        Outcome why = misses.store(gpa, width, value, domain.retry.deadlineFromNow());
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
        return "GuestTlb[entries=" + entries.length + " misses=" + misses() + " of " + owner + "]";
    }
}
