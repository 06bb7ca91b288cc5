package io.github.pfncache.rules;

/**
 * The lock order. A thread acquires locks in the order in which the constants stand here, never backwards
 * ([rule L8], [rule L13]).
 *
 * <p>Two locks of one class are never held together, but for {@link #CACHE} (in creation order, [rule L14]) and for
 * {@link #REFRESH} (bounded acquisition only: a page-fault handler may refresh another cache). An adopter's own locks
 * come before all of these, unless its page-fault handlers take them too.
 *
 * <p>Kernel counterpart: the lock ordering notes of {@code Documentation/virt/kvm/locking.rst} and lockdep's classes.
 *
 * @since 0.1.0
 */
public enum LockClass {

    /**
     * The write-back of one file of the emulated host. Held over its writes and over the invalidations before them,
     * whose notifiers may take any of the others.
     */
    HOST_FILES(Context.SLEEPS),

    /** The right to change the memslot table. Held while earlier readers of the table are waited for. */
    SLOTS(Context.SLEEPS),

    /**
     * One change at a time of where caches point: one cache's activate, refresh and deactivate ([rule L3]), the
     * segments of one area, the place of a structure with its mode. Held across hva to pfn resolution and the callbacks
     * in it. A page-fault handler may take a second of these locks, so every wait for one is bounded.
     */
    REFRESH(Context.SLEEPS),

    /** State of one paravirtual interface for the VM: its ports, the wall clock. No callback runs under it. */
    VM_USER(Context.SHORT),

    /**
     * One structure that the guest registered, with one writer on the host. Of callbacks only that writer runs here.
     */
    VCPU_USER(Context.SHORT),

    /** Which caches are listed, and under which host page. Not held across hva to pfn resolution. */
    CACHE_LIST(Context.SHORT),

    /** One cache's mapping: readers use it, a writer takes it away. Nothing under it can sleep ([rule L10]). */
    CACHE(Context.SHORT),

    /** The invalidations in progress. */
    INVALIDATIONS(Context.ATOMIC),

    /**
     * Which pages of a vCPU in guest mode are wanted back. A thread that waits here holds only locks that may be slept
     * under.
     */
    GUEST_MODE(Context.ATOMIC),

    /** Page tables and mappings of an emulated address space. Not held while notifiers or fault handlers run. */
    HOST_PAGES(Context.SHORT),

    /** The frame allocator. */
    FRAMES(Context.ATOMIC),

    /** The wait for readers of an old memslot table. A reader takes it only to wake a waiting writer. */
    TABLE_READERS(Context.ATOMIC),

    /** One dirty log. */
    DIRTY(Context.ATOMIC),

    /**
     * Whether a thread that halts has been woken: a vCPU in a poll, a timer thread. Any thread may wake it, in any
     * context.
     */
    WAKE_UP(Context.ATOMIC);

    private enum Context {
        SLEEPS,
        SHORT,
        ATOMIC
    }

    private final Context context;

    LockClass(Context context) {
        this.context = context;
    }

    /**
     * Whether a thread that holds a lock of this class may sleep: resolve a page, map, unmap, or wait.
     *
     * @return true for the outer locks, false from {@link #CACHE_LIST} on
     */
    public boolean maySleepUnder() {
        return context == Context.SLEEPS;
    }

    /**
     * Whether interrupt-like context may wait for a lock of this class. Any lock may be tried there.
     *
     * @return true for the innermost locks, which are held for a few instructions only
     */
    public boolean mayWaitInAtomicContext() {
        return context == Context.ATOMIC;
    }

    /**
     * Whether two locks of this class may be held by one thread, taken in creation order.
     *
     * @return true for {@link #CACHE}
     */
    boolean nestsInCreationOrder() {
        return this == CACHE;
    }

    /**
     * Whether two locks of this class may be held by one thread if the second is waited for with a deadline only: such
     * a wait cannot deadlock for ever, it ends in BUSY.
     *
     * @return true for {@link #REFRESH}
     */
    boolean nestsWithDeadline() {
        return this == REFRESH;
    }
}
