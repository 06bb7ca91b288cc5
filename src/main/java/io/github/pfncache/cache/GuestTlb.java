package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.rules.Rules;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/**
 * A TLB for an emulated CPU: loads and stores of 1, 2, 4 and 8 bytes at any guest physical address, aligned or not. Its
 * entries are pages that a {@link GuestMode} holds raw, so a hit inside is a compare of the tag and the access itself.
 *
 * <pre>{@code
 * GuestTlb tlb = vm.newTlb(devices);           // devices: a GuestTlb.Unbacked, asked where there is no memory
 * tlb.enter();
 * try {
 *     while (running) {
 *         int instruction = tlb.fetchInt(pc);
 *         tlb.storeLong(stackPointer - 8, value);      // marks the page dirty by itself
 *         ...                                          // some hundred instructions
 *         tlb.poll();                                  // gives back the pages that are wanted
 *     }
 * } finally {
 *     tlb.leave();                                     // before anything that waits
 * }
 * }</pre>
 *
 * <p><b>Without {@link #enter}</b> each access enters and leaves by itself: as right, with no poll, and several times
 * as slow, because other threads have to see it twice. A thread that is inside of another guest mode cannot: its access
 * ends in an IllegalStateException, as its {@code enter} would.
 *
 * <p>When a page is taken away, by a change of the host's or of the memslots, its entry is dropped by the owner, in
 * {@code poll} or in the access that needs another page. So no caller tells the TLB about migrations or slot changes,
 * and there is no flush that could be forgotten.
 *
 * <p><b>What is not available</b> goes to an {@link Unbacked} handler, with no lock held and outside of the guest: an
 * address without memory, a store to memory that is read-only, memory that is busy. What a guest can cause is never an
 * exception of ours. Memory that can be read and not written (a ROM's slot) is loaded from as any other. The handler
 * may use the TLB, and may do anything that waits; so may a page-fault handler of the host, while an access of this TLB
 * is its cause. {@link #tryLoad} and {@link #tryStore} answer the outcome instead.
 *
 * <p><b>Atomicity.</b> Aligned accesses of 4 and 8 bytes to memory that has {@linkplain
 * io.github.pfncache.host.HostMemory#hasNativeAtomics native atomics} are not torn. An access that crosses into the
 * next page is not atomic; a store that crosses writes nothing unless both pages can be written. For several CPUs there
 * are {@link #atomicInt}, {@link #compareAndSetInt} and their likes, of which LR and SC can be made, and loads and
 * stores with acquire and release. The numbers are little-endian. Bulk transfers belong to {@link GuestMemory}.
 *
 * <p><b>The end of the stack.</b> A guest whose recursion uses the stack of Java has to be bounded by its emulator. A
 * load or store that ends in a StackOverflowError was made or was not made, and holds nothing: a miss makes sure that
 * there is room before it begins. After one out of the {@link Unbacked} handler, or out of a page-fault handler, the
 * machine has to be thrown away: a lock may be left held.
 *
 * <p>For one thread, a vCPU's: the first that uses the TLB, until {@link #handOver} or {@link #deactivate}. Every miss
 * checks the thread, and so does every access while rules are checked. If that thread ends inside, hits are not checked
 * where rules are off: the next thread calls {@code deactivate} or {@code enter} first. Kernel counterpart: none; a
 * processor's own TLB during {@code KVM_RUN}.
 *
 * @since 0.1.0
 */
public final class GuestTlb extends TlbEntries implements AutoCloseable {

    /** Number of entries that suits an operating system: 16 MiB of reach. Memory for them is made on first use. */
    public static final int DEFAULT_ENTRIES = 4096;

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
         * @param why FAULT: there is nothing to read; BUSY: not now, the load may be repeated;
         *     INVALID: an atomic access that is not aligned
         * @return the value in the low {@code width} bytes; the others are ignored
         */
        long load(long gpa, int width, Outcome why);

        /**
         * A store that found no writable memory. Nothing was written. May throw what the emulator uses for its traps.
         *
         * @param gpa guest physical address of the first byte, any value
         * @param width 1, 2, 4 or 8 bytes; they may begin in memory and end outside it, or the reverse
         * @param value the value in the low {@code width} bytes; the others are 0
         * @param why FAULT: there is nothing to write, or it is read-only; BUSY: not now, the store may be
         *     repeated; INVALID: an atomic access that is not aligned
         */
        void store(long gpa, int width, long value, Outcome why);
    }

    private final Unbacked unbacked;

    GuestTlb(DomainState domain, int entries, Unbacked unbacked) {
        super(domain, entries);
        this.unbacked = Objects.requireNonNull(unbacked, "unbacked");
    }

    // ------------------------------------------------------------------ the guest

    /**
     * The guest mode in which the pages are held, for a {@code Vcpu} to enter and leave. It may be used in place of
     * {@link #enter}, {@link #leave} and {@link #poll}, and for pages held besides. The TLB never gives such a page
     * back to make room; when it is dropped, {@link GuestMode#drops} tells.
     *
     * @return the same object each time
     */
    public GuestMode guestMode() {
        return mode;
    }

    /** As {@link GuestMode#enter}. */
    public void enter() {
        mode.enter();
    }

    /** As {@link GuestMode#leave}. */
    public void leave() {
        mode.leave();
    }

    /**
     * As {@link GuestMode#poll}.
     *
     * @return whether pages were dropped
     */
    public boolean poll() {
        return mode.poll();
    }

    // ------------------------------------------------------------------ load and store

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
     * Loads four bytes of an instruction: as {@link #loadInt}, and faster while it stays in one page.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     */
    public int fetchInt(long gpa) {
        if (Rules.ENABLED) {
            mode.requireOwner(true);
        }
        return isFetchedFrom(gpa, Integer.BYTES)
                ? (int) HostWindow.get(fetchBlock, (int) (gpa + fetchDelta), Integer.BYTES)
                : (int) fetchSlowly(gpa, Integer.BYTES);
    }

    /**
     * Loads two bytes of an instruction: as {@link #loadShort}, and faster while it stays in one page.
     *
     * @param gpa guest physical address of the first byte, any value
     * @return the value, or what the {@link Unbacked} handler made of it
     */
    public short fetchShort(long gpa) {
        if (Rules.ENABLED) {
            mode.requireOwner(true);
        }
        return isFetchedFrom(gpa, Short.BYTES)
                ? (short) HostWindow.get(fetchBlock, (int) (gpa + fetchDelta), Short.BYTES)
                : (short) fetchSlowly(gpa, Short.BYTES);
    }

    private long fetchSlowly(long gpa, int width) {
        long value = load(gpa, width);
        keepForFetches(gpa);
        return value;
    }

    /**
     * Loads without asking the {@link Unbacked} handler.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param width 1, 2, 4 or 8 bytes
     * @return OK, and {@link #loaded} has the value; FAULT or BUSY
     * @throws IllegalArgumentException for another width
     */
    public Outcome tryLoad(long gpa, int width) {
        TypedAccess.requireWidth(width);
        return slowly(gpa, width, false, 0);
    }

    /**
     * What {@link #tryLoad} has found, if its outcome was OK.
     *
     * @return the value, sign-extended
     */
    public long loaded() {
        return loaded;
    }

    /**
     * Stores without asking the {@link Unbacked} handler.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param width 1, 2, 4 or 8 bytes
     * @param value the value in the low {@code width} bytes; the others do not matter
     * @return OK; otherwise nothing was written: FAULT or BUSY
     * @throws IllegalArgumentException for another width
     */
    public Outcome tryStore(long gpa, int width, long value) {
        TypedAccess.requireWidth(width);
        return slowly(gpa, width, true, value);
    }

    // ------------------------------------------------------------------ several CPUs

    /**
     * Loads two bytes; later accesses stay after it.
     *
     * @param gpa guest physical address, 2-byte aligned for an access that is not torn
     * @return as for {@link #loadShort}
     */
    public short loadShortAcquire(long gpa) {
        short value = loadShort(gpa);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Loads four bytes; later accesses stay after it.
     *
     * @param gpa guest physical address, 4-byte aligned for an access that is not torn
     * @return as for {@link #loadInt}
     */
    public int loadIntAcquire(long gpa) {
        int value = loadInt(gpa);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Loads eight bytes; later accesses stay after it.
     *
     * @param gpa guest physical address, 8-byte aligned for an access that is not torn
     * @return as for {@link #loadLong}
     */
    public long loadLongAcquire(long gpa) {
        long value = loadLong(gpa);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * Stores two bytes; earlier accesses stay before it.
     *
     * @param gpa guest physical address, 2-byte aligned for an access that is not torn
     * @param value the value
     */
    public void storeShortRelease(long gpa, short value) {
        VarHandle.releaseFence();
        storeShort(gpa, value);
    }

    /**
     * Stores four bytes; earlier accesses stay before it.
     *
     * @param gpa guest physical address, 4-byte aligned for an access that is not torn
     * @param value the value
     */
    public void storeIntRelease(long gpa, int value) {
        VarHandle.releaseFence();
        storeInt(gpa, value);
    }

    /**
     * Stores eight bytes; earlier accesses stay before it.
     *
     * @param gpa guest physical address, 8-byte aligned for an access that is not torn
     * @param value the value
     */
    public void storeLongRelease(long gpa, long value) {
        VarHandle.releaseFence();
        storeLong(gpa, value);
    }

    /**
     * Reads four bytes, computes, and writes them, in one: sequentially consistent. Where there is no memory, the
     * {@link Unbacked} handler is asked for a load and then for a store.
     *
     * @param op what to compute
     * @param gpa guest physical address, 4-byte aligned; otherwise INVALID goes to the handler
     * @param operand the other operand
     * @return what was there before
     */
    public int atomicInt(AtomicOp op, long gpa, int operand) {
        return (int) atomic(op.computing(), gpa, Integer.BYTES, operand, 0);
    }

    /**
     * Reads eight bytes, computes, and writes them, in one; as {@link #atomicInt}.
     *
     * @param op what to compute
     * @param gpa guest physical address, 8-byte aligned; otherwise INVALID goes to the handler
     * @param operand the other operand
     * @return what was there before
     */
    public long atomicLong(AtomicOp op, long gpa, long operand) {
        return atomic(op.computing(), gpa, Long.BYTES, operand, 0);
    }

    /**
     * Replaces four bytes if they have an expected value, in one; as {@link #atomicInt}.
     *
     * @param gpa guest physical address, 4-byte aligned; otherwise INVALID goes to the handler
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     */
    public boolean compareAndSetInt(long gpa, int expected, int value) {
        return (int) atomic(AtomicOp.COMPARE_AND_SET, gpa, Integer.BYTES, value, expected) == expected;
    }

    /**
     * Replaces eight bytes if they have an expected value, in one; as {@link #atomicInt}.
     *
     * @param gpa guest physical address, 8-byte aligned; otherwise INVALID goes to the handler
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     */
    public boolean compareAndSetLong(long gpa, long expected, long value) {
        return atomic(AtomicOp.COMPARE_AND_SET, gpa, Long.BYTES, value, expected) == expected;
    }

    private long atomic(AtomicOp op, long gpa, int width, long operand, long expected) {
        Outcome why = atomically(op, gpa, width, operand, expected);
        if (why == Outcome.OK) {
            return loaded;
        }
        long before = askToLoad(gpa, width, why);
        before = width == Integer.BYTES ? (int) before : before;
        long after = op.applied(before, operand, expected);
        if (op != AtomicOp.COMPARE_AND_SET || before == expected) {
            askToStore(gpa, width, after, why);
        }
        return before;
    }

    // ------------------------------------------------------------------ the owner, and counts

    /**
     * Lets another thread have it, with all pages: the next one that uses it.
     *
     * @return as for {@link GuestMode#handOver}
     */
    public Outcome handOver() {
        return mode.handOver();
    }

    /**
     * Gives all pages back, and lets another thread have it. To be called by the owner, or when that has stopped using
     * the TLB: also if it ended inside. Idempotent.
     *
     * @return OK; BUSY out of a page-fault handler of this TLB's own access
     * @throws IllegalStateException if a living thread is inside
     */
    public Outcome deactivate() {
        return mode.releaseAll();
    }

    /** Gives all pages back; it cannot be used any more. As {@link GuestMode#close}. */
    @Override
    public void close() {
        mode.close();
    }

    /**
     * Number of entries, for the life of the TLB. There are a quarter as many besides, for pages that would share one.
     *
     * @return a power of two
     */
    public int entries() {
        return size;
    }

    /**
     * How often a page had to be held because no entry had it, or none for writing. Shows whether there are too few
     * entries.
     *
     * @return at least the number of pages used
     */
    public long misses() {
        return misses;
    }

    /**
     * Counts loads and stores from now on, or no longer; fetches that stay in their page are none. Each of them is
     * several times as slow then: to find out how many entries are right.
     *
     * @param counted whether to count
     */
    public void countAccesses(boolean counted) {
        counting = counted;
        open(mode.isInside());
    }

    /**
     * How many loads and stores there were while they were counted.
     *
     * @return one for each
     */
    public long accesses() {
        return accesses;
    }

    // ------------------------------------------------------------------ the fast way

    /** Loads 1, 2, 4 or 8 bytes, sign-extended; the width is a constant wherever this is compiled into. */
    private long load(long gpa, int width) {
        if (Rules.ENABLED) {
            mode.requireOwner(true);
        }
        long[] entries = loads;
        int at = placeOf(gpa, entries.length);
        return entries[at] == pageOf(gpa, width)
                ? HostWindow.get(blocks[at >> 1], (int) (gpa + entries[at + 1]), width)
                : missed(gpa, width);
    }

    private long missed(long gpa, int width) {
        Outcome why = slowly(gpa, width, false, 0);
        return why == Outcome.OK ? loaded : askToLoad(gpa, width, why);
    }

    /** Stores the low 1, 2, 4 or 8 bytes of a number. */
    private void store(long gpa, int width, long value) {
        if (Rules.ENABLED) {
            mode.requireOwner(true);
        }
        long[] entries = stores;
        int at = placeOf(gpa, entries.length);
        if (entries[at] == pageOf(gpa, width)) {
            HostWindow.put(blocks[at >> 1], (int) (gpa + entries[at + 1]), width, value);
        } else {
            missed(gpa, width, value);
        }
    }

    private void missed(long gpa, int width, long value) {
        Outcome why = slowly(gpa, width, true, value);
        if (why != Outcome.OK) {
            askToStore(gpa, width, value, why);
        }
    }

    // ------------------------------------------------------------------ outside of the guest

    private long askToLoad(long gpa, int width, Outcome why) {
        boolean left = leaveForAWhile();
        try {
            return unbacked.load(gpa, width, why);
        } finally {
            comeBack(left);
        }
    }

    private void askToStore(long gpa, int width, long value, Outcome why) {
        boolean left = leaveForAWhile();
        try {
            unbacked.store(gpa, width, value & -1L >>> Long.SIZE - Byte.SIZE * width, why);
        } finally {
            comeBack(left);
        }
    }

    @Override
    public String toString() {
        return "GuestTlb[entries=" + size + " misses=" + misses + " " + mode + "]";
    }
}
