package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedRwLock;
import java.lang.invoke.VarHandle;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A way into one window of guest memory that cannot go stale: it remembers how the window becomes host memory. An
 * access needs no translation, and never goes through a mapping that has gone.
 *
 * <p>The window's <b>length is fixed when the cache is made</b>. {@link #check} and {@link #refresh} take none, so they
 * cannot disagree about it, and every access states its own width and is checked against it.
 *
 * <pre>{@code
 * GfnPfnCache cache = vm.newCache(32);
 * cache.activate(0x1fc0);
 * try (GuestAccess access = cache.access()) {
 *     if (access.isUsable()) {
 *         access.putLong(8, now);          // marks the page dirty by itself
 *     }
 * }
 * }</pre>
 *
 * <p><b>The line.</b> gpa, by the memslots, to uhva; uhva, by the host, to a page; the page, mapped, to khva. A refresh
 * walks it forwards; an invalidation breaks it at the page; a memslot change breaks it at the slot.
 *
 * <p><b>Locks.</b> A read-write lock coordinates the users of the mapping with its takers: an access holds
 * the read side from the check to its end ([rule L1]), so an invalidation, which needs the write side, cannot return
 * while a thread still uses the page. Activate, refresh and deactivate are one at a time, under a lock of their own.
 *
 * <p><b>One access at a time on a thread.</b> An access that waits, opened while another one is open, could wait for a
 * thread that waits for that one: it ends in BUSY. While rules are checked it breaks a rule each time. The same goes
 * for loads and stores. {@link #tryAccess} inside an access is allowed; {@link GuestArea} is one access to several
 * pages.
 *
 * <p><b>Waits</b> of a call last as long as the {@link RetryPolicy} says, also for an access of another thread to end;
 * the answer is BUSY then.
 *
 * <p><b>A refresh that fails</b> leaves the cache active and listed at its new place, without a mapping. It heals by
 * itself when memory appears there: the next access refreshes again.
 *
 * <p>Thread-safe. Kernel counterpart: {@code struct gfn_to_pfn_cache} and {@code virt/kvm/pfncache.c}.
 *
 * @since 0.1.0
 */
public final class GfnPfnCache extends FastPath {

    private final DomainState domain;
    private final int length;

    /** What changes where the cache points, and the refresh lock that makes that one at a time. */
    private final RefreshPath refreshPath;

    GfnPfnCache(DomainState domain, int length) {
        super(domain, requireLength(length));
        this.domain = domain;
        this.length = length;
        this.refreshPath = new RefreshPath(domain, mapping, new CacheIndex.Entry(mapping), length);
    }

    static int requireLength(int length) {
        if (length < 1 || length > Pages.PAGE_SIZE) {
            throw new IllegalArgumentException("length=" + length + " is not in 1..4096");
        }
        return length;
    }

    /**
     * Size of the window, for the life of the cache.
     *
     * @return bytes, 1 to 4096
     */
    public int length() {
        return length;
    }

    /**
     * Points the cache at guest memory and refreshes it. An active cache moves; when the address cannot be cached at
     * all, it stays as it was.
     *
     * @param gpa guest physical address of the first byte; a guest may have chosen it, so any value is allowed
     * @return OK; INVALID with nothing changed, for {@link Pages#INVALID_GPA} or a window that would cross a page;
     *     FAULT or BUSY as for {@link #refresh}, with the cache active at the new address (BUSY with nothing changed
     *     while another call on this cache does not finish)
     */
    public Outcome activate(long gpa) {
        return activate(new CacheTarget.ByGpa(gpa));
    }

    /**
     * Points the cache at host memory and refreshes it: no memslot, no generation, no dirty log.
     *
     * @param hva host user virtual address of the first byte
     * @return as for {@link #activate(long)}; INVALID also outside user space
     */
    public Outcome activateHva(long hva) {
        return activate(new CacheTarget.ByHva(hva));
    }

    /**
     * Points the cache at a target and refreshes it.
     *
     * @param target guest or host memory
     * @return as for {@link #activate(long)}
     */
    public Outcome activate(CacheTarget target) {
        if (!target.isCacheable(length)) {
            return Outcome.INVALID; // before anything has changed
        }
        return refreshPath.activate(target, true, Deadline.of(domain));
    }

    /** An activation that is part of a longer call, and may leave the refresh to others; the target is cacheable. */
    Outcome activate(CacheTarget target, boolean refreshes, long deadlineNanos) {
        return refreshPath.activate(target, refreshes, Deadline.at(domain, deadlineNanos));
    }

    /** Whether it is not active now; without its lock, so for a second look only. */
    boolean isInactive() {
        return !mapping.isActive();
    }

    /** Refreshes it unless it is usable, both up to a deadline. */
    Outcome makeUsable(Deadline latest) {
        int hold = mapping.lockUsable(latest);
        mapping.lock.readUnlock(hold); // nothing, if it is a refusal
        return hold == TrackedRwLock.NOT_TAKEN ? refreshPath.refresh(latest) : Hold.outcomeOf(hold);
    }

    /**
     * Takes the cache out of use. On return no thread uses its mapping. Idempotent.
     *
     * @return OK; BUSY with nothing changed when another call on this cache does not finish, or when it is this very
     *     thread's: a fault handler cannot deactivate the cache whose fault it handles
     */
    public Outcome deactivate() {
        return refreshPath.deactivate();
    }

    /**
     * Whether the mapping could be used now. Nothing holds it so: to use it, ask under {@link #readLock}.
     *
     * @return true iff active, valid and, by gpa, translated by the current memslots
     */
    public boolean check() {
        try (GuestAccess guard = readLock()) {
            return guard.check();
        }
    }

    /**
     * Translates again what has changed. Success does not mean usable: an invalidation may have come since; take the
     * lock and check.
     *
     * @return OK; INACTIVE; FAULT if no writable memory is there; BUSY if invalidations of this page kept coming for
     *     the whole of the {@link RetryPolicy}, or at once if the calling thread is inside one
     */
    public Outcome refresh() {
        StackRoom.require();
        return refreshPath.refresh(Deadline.of(domain));
    }

    /**
     * The combined access: locks, checks, refreshes as needed, and hands out the window with the lock held. Always
     * returns an object; always close it.
     *
     * @return an access; {@linkplain GuestAccess#isUsable() usable}, or with the outcome that says why not: INACTIVE,
     *     FAULT or BUSY as for {@link #refresh}
     */
    @Override
    public GuestAccess access() {
        return new GuestAccess(mapping, length, acquire());
    }

    /**
     * The combined access, with a deadline of the caller's own instead of the {@link RetryPolicy}'s patience.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to wait no more, for another call on this
     *     cache or for an invalidation to end; one that has passed already waits for neither
     * @return as for {@link #access()}
     */
    public GuestAccess access(long deadlineNanos) {
        return new GuestAccess(mapping, length, acquire(deadlineNanos));
    }

    private int acquire() {
        int hold = lockNow();
        return Hold.isHold(hold) ? hold : refreshPath.acquire(hold, Deadline.of(domain));
    }

    private int acquire(long deadlineNanos) {
        int hold = lockNow();
        return Hold.isHold(hold) ? hold : refreshPath.acquire(hold, Deadline.at(domain, deadlineNanos));
    }

    /** All the work of an access that hits, next to the lock: each object on the way to it would show in the time. */
    private int lockNow() {
        HeldLocks.mayHaveToSleep("access"); // always looked at, and not only when it has to wait
        requireRoomUnlessOpen();
        return mapping.keepIfUsable(lock.readLockNow());
    }

    /**
     * The combined access for interrupt-like context: never waits, never refreshes ([rule L9]).
     *
     * @return an access; usable, or INACTIVE, or BUSY if it takes a wait or a refresh
     */
    public GuestAccess tryAccess() {
        return new GuestAccess(mapping, length, mapping.tryLockUsable());
    }

    /**
     * Takes the read side of the lock, for a caller that needs the parts: ask the guard to {@link GuestAccess#check},
     * and use it if the answer is true; otherwise close it, {@link #refresh}, and start over.
     *
     * @return a guard that holds the lock until it is closed; if the lock was not available within the {@link
     *     RetryPolicy}'s patience, one without it, whose check is false
     */
    public GuestAccess readLock() {
        requireRoomUnlessOpen();
        return new GuestAccess(mapping, length, mapping.lock.readLock(Deadline.of(domain)), Outcome.BUSY);
    }

    /**
     * Loads eight bytes, little endian, plain: a combined access in one call, and the fastest. Takes no lock as long as
     * the window is usable; else as {@link #access()}.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param otherwise what to answer if the window is not available; {@link #access()} says why
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public long loadLong(int offset, long otherwise) {
        return load(offset, Long.BYTES, otherwise);
    }

    /**
     * Loads four bytes; as {@link #loadLong}.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public int loadInt(int offset, int otherwise) {
        return (int) load(offset, Integer.BYTES, otherwise);
    }

    /**
     * Loads two bytes; as {@link #loadLong}.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public short loadShort(int offset, short otherwise) {
        return (short) load(offset, Short.BYTES, otherwise);
    }

    /**
     * Loads a byte; as {@link #loadLong}.
     *
     * @param offset bytes from the start of the window
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public byte loadByte(int offset, byte otherwise) {
        return (byte) load(offset, Byte.BYTES, otherwise);
    }

    /**
     * Stores eight bytes, little endian, plain, and marks the page dirty: a combined access in one call. It cannot land
     * after an invalidation of the page has returned.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param value the value
     * @return OK; otherwise nothing was written: INACTIVE, FAULT or BUSY as for {@link #refresh}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeLong(int offset, long value) {
        return store(offset, Long.BYTES, value);
    }

    /**
     * Stores four bytes; as {@link #storeLong}.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeInt(int offset, int value) {
        return store(offset, Integer.BYTES, value);
    }

    /**
     * Stores two bytes; as {@link #storeLong}.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeShort(int offset, short value) {
        return store(offset, Short.BYTES, value);
    }

    /**
     * Stores a byte; as {@link #storeLong}.
     *
     * @param offset bytes from the start of the window
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeByte(int offset, byte value) {
        return store(offset, Byte.BYTES, value);
    }

    /**
     * As {@link #loadShort}; later accesses stay after it.
     *
     * @param offset bytes from the start of the window; 2-byte aligned in guest memory, with native atomics, for a
     *     load that is not torn
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public short loadShortAcquire(int offset, short otherwise) {
        short value = loadShort(offset, otherwise);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * As {@link #loadInt}; later accesses stay after it.
     *
     * @param offset bytes from the start of the window; 4-byte aligned in guest memory, with native atomics, for a
     *     load that is not torn
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public int loadIntAcquire(int offset, int otherwise) {
        int value = loadInt(offset, otherwise);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * As {@link #loadLong}; later accesses stay after it.
     *
     * @param offset bytes from the start of the window; 8-byte aligned in guest memory, with native atomics, for a
     *     load that is not torn
     * @param otherwise what to answer if the window is not available
     * @return the value
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public long loadLongAcquire(int offset, long otherwise) {
        long value = loadLong(offset, otherwise);
        VarHandle.acquireFence();
        return value;
    }

    /**
     * As {@link #storeShort}; earlier accesses stay before it.
     *
     * @param offset bytes from the start of the window; 2-byte aligned in guest memory, with native atomics, for a
     *     store that is not torn
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeShortRelease(int offset, short value) {
        VarHandle.releaseFence();
        return storeShort(offset, value);
    }

    /**
     * As {@link #storeInt}; earlier accesses stay before it.
     *
     * @param offset bytes from the start of the window; 4-byte aligned in guest memory, with native atomics, for a
     *     store that is not torn
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeIntRelease(int offset, int value) {
        VarHandle.releaseFence();
        return storeInt(offset, value);
    }

    /**
     * As {@link #storeLong}; earlier accesses stay before it.
     *
     * @param offset bytes from the start of the window; 8-byte aligned in guest memory, with native atomics, for a
     *     store that is not torn
     * @param value the value
     * @return as for {@link #storeLong}
     * @throws IllegalArgumentException if it does not lie inside the window
     */
    public Outcome storeLongRelease(int offset, long value) {
        VarHandle.releaseFence();
        return storeLong(offset, value);
    }

    /**
     * Loads 1, 2, 4 or 8 bytes, where every value may be there and none can stand for a window that is not available.
     *
     * @param offset bytes from the start of the window, at any alignment
     * @param width how many
     * @return the value, sign-extended; empty if the window is not available: {@link #access()} says why
     * @throws IllegalArgumentException if it does not lie inside the window, or for another width
     */
    public OptionalLong tryLoad(int offset, int width) {
        TypedAccess.requireWidth(width);
        long value = load(offset, width, 0);
        if (value != 0) {
            return OptionalLong.of(value);
        }
        StackRoom.require(); // for the access to end; a load makes sure of it by itself
        try (GuestAccess access = access()) {
            return access.isUsable() ? OptionalLong.of(access.get(offset, width)) : OptionalLong.empty();
        }
    }

    /**
     * Reads eight bytes, computes, and writes them, in one: as {@link GuestAccess#atomicLong}, in one call.
     *
     * @param op what to compute
     * @param offset bytes from the start of the window; 8-byte aligned in guest memory
     * @param operand the other operand
     * @return what was there before; empty, and nothing was written, if the window is not available
     * @throws IllegalArgumentException if they do not lie inside the window or are not aligned, or for COMPARE_AND_SET
     */
    public OptionalLong atomicLong(AtomicOp op, int offset, long operand) {
        return atomic(op.computing(), offset, Long.BYTES, operand, 0);
    }

    /**
     * Replaces eight bytes if they have an expected value, in one.
     *
     * @param offset bytes from the start of the window; 8-byte aligned in guest memory
     * @param expected the value that has to be there
     * @param value the new value
     * @return what was there before: the expected value iff it was replaced; empty if the window is not available
     * @throws IllegalArgumentException if they do not lie inside the window or are not aligned
     */
    public OptionalLong compareAndExchangeLong(int offset, long expected, long value) {
        return atomic(AtomicOp.COMPARE_AND_SET, offset, Long.BYTES, value, expected);
    }

    /**
     * Reads four bytes, computes, and writes them, in one: as {@link GuestAccess#atomicInt}, in one call.
     *
     * @param op what to compute
     * @param offset bytes from the start of the window; 4-byte aligned in guest memory
     * @param operand the other operand
     * @return what was there before; empty, and nothing was written, if the window is not available
     * @throws IllegalArgumentException if they do not lie inside the window or are not aligned, or for COMPARE_AND_SET
     */
    public OptionalInt atomicInt(AtomicOp op, int offset, int operand) {
        return asInt(atomic(op.computing(), offset, Integer.BYTES, operand, 0));
    }

    /**
     * Replaces four bytes if they have an expected value, in one.
     *
     * @param offset bytes from the start of the window; 4-byte aligned in guest memory
     * @param expected the value that has to be there
     * @param value the new value
     * @return what was there before: the expected value iff it was replaced; empty if the window is not available
     * @throws IllegalArgumentException if they do not lie inside the window or are not aligned
     */
    public OptionalInt compareAndExchangeInt(int offset, int expected, int value) {
        return asInt(atomic(AtomicOp.COMPARE_AND_SET, offset, Integer.BYTES, value, expected));
    }

    private static OptionalInt asInt(OptionalLong value) {
        return value.isPresent() ? OptionalInt.of((int) value.getAsLong()) : OptionalInt.empty();
    }

    private OptionalLong atomic(AtomicOp op, int offset, int width, long operand, long expected) {
        StackRoom.require();
        mapping.requireInside(offset, width);
        try (GuestAccess access = access()) {
            return access.isUsable()
                    ? OptionalLong.of(access.atomic(op, offset, width, operand, expected))
                    : OptionalLong.empty();
        }
    }

    /**
     * What this cache did up to now.
     *
     * @return a snapshot of the counts
     */
    public CacheStats stats() {
        return refreshPath.stats();
    }

    /**
     * The state now, for audits and messages.
     *
     * @return a consistent snapshot
     */
    public CacheState state() {
        return mapping.state();
    }

    @Override
    public String toString() {
        return "GfnPfnCache[length=" + length + " " + mapping.state() + "]";
    }
}
