package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.memslot.Memslot;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A page of guest memory that a vCPU holds raw, or the outcome that says why there is none: the answer of {@link
 * GuestMode#hold}. The bytes stay where they are until the vCPU gives the page back. A refusal allocates nothing: there
 * is one object for each outcome.
 *
 * <p>Confined to the thread in guest mode, but for the fields by which a taker decides whether it wants the page back.
 * Kernel counterpart: a leaf entry of a vCPU's page tables.
 *
 * @since 0.1.0
 */
public final class HeldPage {

    static final HeldPage FAULT = new HeldPage(Outcome.FAULT);
    static final HeldPage BUSY = new HeldPage(Outcome.BUSY);

    private final Outcome outcome;
    private final long gpa;

    /** The slot by which the page was translated; null for a refusal. */
    final Memslot slot;

    /** The guest mode that holds the page; null for a refusal. */
    private final GuestEntry holder;

    /** Host user address of the page. */
    final long uhva;

    /** Whether the page may be written. Written by the owner; read by takers of writable holds. */
    volatile boolean writable;

    // Confined to the owner of the guest mode.

    /** Null unless the page is held. */
    HostMapping mapping;
    /** Made when it is first asked for; null once the page was given back. */
    private ByteBuffer bytes;
    /** Whether the index of the guest mode has it: from before its page is resolved until it is given back. */
    boolean indexed;
    /** The hold of the same page that this one replaces; null if there is none. */
    HeldPage former;
    /** Whether the page was resolved for writing: only the mark is missing for it to be writable. */
    boolean prepared;
    /** Whether the page was handed out. */
    boolean granted;
    /** Whether the emulator holds the page by itself: a TLB that needs room leaves it alone. */
    boolean besides;

    // Guarded by the lock of the guest mode.

    /** Whether the page is, or was, wanted back. Set once. */
    boolean wanted;
    /** The next of those that are wanted back. */
    HeldPage nextWanted;

    /** The refusal of an outcome; null if something came between, so that it is worth another attempt. */
    static HeldPage refusal(Outcome outcome) {
        return outcome == Outcome.FAULT ? FAULT : outcome == Outcome.BUSY ? BUSY : null;
    }

    private HeldPage(Outcome refusal) {
        this.outcome = refusal;
        this.gpa = Pages.INVALID_GPA;
        this.slot = null;
        this.holder = null;
        this.uhva = Translation.NO_HVA;
    }

    /** A page that is about to be held. */
    HeldPage(long gpa, Memslot slot, GuestEntry holder) {
        this.outcome = Outcome.OK;
        this.gpa = Pages.pageStart(gpa);
        this.slot = slot;
        this.holder = holder;
        this.uhva = Translation.gpaToUhva(slot, this.gpa);
    }

    /**
     * Why there is no page.
     *
     * @return OK if the page was held; FAULT if there is no memory, or none that can be written where that was asked
     *     for; BUSY if the page is not available now
     */
    public Outcome outcome() {
        return outcome;
    }

    /**
     * Whether the bytes may be used now.
     *
     * @return false for a refusal, and once the page was given back
     */
    public boolean isHeld() {
        return mapping != null;
    }

    /**
     * Guest physical address of the page.
     *
     * @return page aligned; {@link Pages#INVALID_GPA} for a refusal
     */
    public long gpa() {
        return gpa;
    }

    /**
     * Whether the bytes may be written. That may be so although it was not asked for, where it costs nothing: the page
     * can be written already, and its slot has no dirty log.
     *
     * @return true iff they may; false once the page was given back
     */
    public boolean isWritable() {
        return writable && isHeld();
    }

    /**
     * The 4096 bytes, little endian; read-only unless the page {@linkplain #isWritable() may be written}. The buffer is
     * direct if the bytes lie outside of the heap. Then they have an address, which is good for as long as the page is
     * held: that of {@code MemorySegment.ofBuffer(bytes()).address()} from JDK 22 on, or of native code's
     * {@code GetDirectBufferAddress}. JDK 17 offers no other without a flag.
     *
     * <p>To be used inside of the guest only. Nothing checks a use outside: what it finds there, and what it changes,
     * may be another page's.
     *
     * @return the same buffer each time, until the page may be written; null if the page is not held
     */
    public ByteBuffer bytes() {
        if (mapping != null && (bytes == null || writable && bytes.isReadOnly())) {
            ByteBuffer page = mapping.block().slice(mapping.base(), Pages.PAGE_SIZE);
            bytes = (writable ? page : page.asReadOnlyBuffer()).order(ByteOrder.LITTLE_ENDIAN);
        }
        return bytes;
    }

    /**
     * Reads four bytes of the page, computes, and writes them, in one: as {@link GuestTlb#atomicInt}, for a TLB of
     * the emulator's own. On memory without native atomics it is atomic where an access to {@link #bytes} is not.
     *
     * @param op what to compute
     * @param offset byte in the page, 4-byte aligned
     * @param operand the other operand
     * @return what was there before
     * @throws IllegalArgumentException if it is not aligned or leaves the page, or for COMPARE_AND_SET
     * @throws IllegalStateException if the page may not be written, or the thread is not inside of the guest
     */
    public int atomicInt(AtomicOp op, int offset, int operand) {
        return (int) op.computing().on(mappingToWrite(), offset, Integer.BYTES, operand, 0);
    }

    /**
     * Replaces four bytes of the page if they have an expected value, in one.
     *
     * @param offset byte in the page, 4-byte aligned
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     * @throws IllegalArgumentException if it is not aligned or leaves the page
     * @throws IllegalStateException if the page may not be written, or the thread is not inside of the guest
     */
    public boolean compareAndSetInt(int offset, int expected, int value) {
        return mappingToWrite().compareAndSet(offset, 4, expected, value);
    }

    /**
     * Reads eight bytes of the page, computes, and writes them, in one: as {@link GuestTlb#atomicLong}, for a TLB of
     * the emulator's own. On memory without native atomics it is atomic where an access to {@link #bytes} is not.
     *
     * @param op what to compute
     * @param offset byte in the page, 8-byte aligned
     * @param operand the other operand
     * @return what was there before
     * @throws IllegalArgumentException if it is not aligned or leaves the page, or for COMPARE_AND_SET
     * @throws IllegalStateException if the page may not be written, or the thread is not inside of the guest
     */
    public long atomicLong(AtomicOp op, int offset, long operand) {
        return op.computing().on(mappingToWrite(), offset, Long.BYTES, operand, 0);
    }

    /**
     * Replaces eight bytes of the page if they have an expected value, in one.
     *
     * @param offset byte in the page, 8-byte aligned
     * @param expected the value that has to be there
     * @param value the new value
     * @return whether it was there
     * @throws IllegalArgumentException if it is not aligned or leaves the page
     * @throws IllegalStateException if the page may not be written, or the thread is not inside of the guest
     */
    public boolean compareAndSetLong(int offset, long expected, long value) {
        return mappingToWrite().compareAndSet(offset, 8, expected, value);
    }

    private HostMapping mappingToWrite() {
        if (mapping == null || !writable || !holder.isCurrentThreadInside()) {
            throw new IllegalStateException(this + " may not be written, or not here and now: " + holder);
        }
        return mapping;
    }

    /** The bytes must not be used any more, and the mapping has ended. */
    void giveUp() {
        mapping = null;
        bytes = null;
    }

    @Override
    public String toString() {
        return "HeldPage[" + (outcome == Outcome.OK ? "gpa=" + Pages.hex(gpa) + " of " + slot : outcome)
                + (isHeld() ? " held" : "") + (writable ? " writable" : "") + "]";
    }
}
