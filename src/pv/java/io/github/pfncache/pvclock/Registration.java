package io.github.pfncache.pvclock;

import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.cache.RetryPolicy;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.rules.Patience;
import io.github.pfncache.rules.StackRoom;
import io.github.pfncache.rules.TrackedLock;
import io.github.pfncache.vm.Vm;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A structure that the guest registered and the host writes: the value of the register, the address in it, and a cache
 * as long as the structure. Each paravirtual interface of this library is written with it, and one of your own can be.
 *
 * <pre>{@code
 * Registration page = new Registration(vm, 24);
 * page.point(value, on ? new CacheTarget.ByGpa(gpa) : null);      // in MsrHandler.write
 * page.update(() -> clock.read(), (access, now) -> access.putLong(0, now));   // in EntryHook.beforeEntry, if due
 * }</pre>
 *
 * <p><b>The recipe.</b>
 * <ol>
 * <li>{@link #point} when the guest writes the register. The new place counts at once, whatever becomes of the cache:
 *     the structure at the former place is accessed no more.
 * <li>{@link #bringIn} if the guest may expect the memory to be looked for now. It asks page-fault handlers.
 * <li>{@link #update} when something is due: reads the source, takes the lock, tries the access. If the page is not
 *     there, lets the lock go, brings the page in, and begins again, {@link RetryPolicy#DEFAULT} times at most.
 * <li>OK: done. FAULT: there is no memory, and the write is lost or stays due, as the interface says. BUSY, and an
 *     exception: it stays due, until the vCPU enters next.
 * </ol>
 *
 * <p><b>Code of others</b> is a page-fault handler or the source: it runs with no access open and without the lock, so
 * it may throw, and may call the same registration. A handler that does is answered BUSY where it would have to wait
 * for the call under way; the place that it registers counts nevertheless, and the next update goes there.
 *
 * <p>Thread-safe. Kernel counterpart: a {@code struct gfn_to_pfn_cache} with the register beside it, and the loop
 * around {@code kvm_gpc_check()} and {@code kvm_gpc_refresh()} that each of its users has.
 *
 * @since 0.1.0
 */
public final class Registration {

    /** Makes the structure's writers one at a time, and changes of the place. No code of others runs under it. */
    private final TrackedLock lock = new TrackedLock(LockClass.VCPU_USER);

    /**
     * Moves the cache, one call at a time. Held while page-fault handlers run, so it is taken for a bounded time, and a
     * handler that comes back here is answered BUSY.
     */
    private final TrackedLock turn = new TrackedLock(LockClass.REFRESH);

    private final Vm vm;

    /** Pointed somewhere and refreshed in a turn; accessed at any time, if {@link #placed} is the place. */
    private final GfnPfnCache cache;

    /** What the guest registered. Replaced as a whole, with lock held; read anywhere. */
    private volatile Place place = new Place(0, null);

    /**
     * Where the cache is; null while it is moved. Written in a turn. A thread that has an access open and finds the
     * place here has it at that place: the cache cannot have come back without waiting for the access.
     */
    private volatile CacheTarget placed;

    private record Place(long register, CacheTarget target) {}

    /**
     * A registration of nothing yet.
     *
     * @param vm the VM
     * @param length of the structure, bytes, 1 to 4096
     * @throws IllegalArgumentException if the length is out of range
     */
    public Registration(Vm vm, int length) {
        this.vm = vm;
        cache = vm.newCache(length);
    }

    // ------------------------------------------------------------------ the place

    /**
     * The guest registers a place, or none, and the structure's page is brought in: {@link #point} and
     * {@link #bringIn} in one, which takes no page away that the two places share.
     *
     * @param register value of the register, for {@link #register}; any
     * @param target where the structure is from now on, by gpa or by hva; null for nowhere
     * @return OK; INVALID as for {@link #point}; FAULT or BUSY as for {@link #bringIn}: the place counts, and the next
     *     {@link #update} brings it in
     */
    public Outcome set(long register, CacheTarget target) {
        if (!replace(register, target)) {
            return Outcome.INVALID;
        }
        return target == null ? inTurn(this::withdraw) : bringIn();
    }

    /**
     * The guest registers a place, or none. Takes the cache out of use at the former one; asks no page-fault handler.
     *
     * @param register value of the register, for {@link #register}; any
     * @param target where the structure is from now on, by gpa or by hva; null for nowhere
     * @return OK; INVALID if a structure cannot be there, of which only the register's value is kept; BUSY if another
     *     call does not end, or is this very thread's: the place counts, and the cache follows later
     */
    public Outcome point(long register, CacheTarget target) {
        if (!replace(register, target)) {
            return Outcome.INVALID;
        }
        // A cache that is at no place has nothing to be taken from, and is accessed nowhere.
        return inTurn(() -> target != null && placed == null ? Outcome.OK : withdraw());
    }

    /** Whether a structure can be there; else only the register is kept. */
    private boolean replace(long register, CacheTarget target) {
        boolean possible = target == null || target.isCacheable(cache.length());
        exclusively(() -> place = new Place(register, possible ? target : place.target));
        return possible;
    }

    /**
     * Brings the structure's page in, where it is registered; may take long, and asks page-fault handlers. Call it with
     * no access open.
     *
     * @return OK; INACTIVE if it is registered nowhere; FAULT without memory; BUSY if the page does not hold still, or
     *     another call does not end, or is this very thread's
     */
    public Outcome bringIn() {
        return inTurn(() -> {
            try {
                return follow(target());
            } finally {
                if (target() == null) {
                    withdraw(); // a handler, or a thread that waited for this turn in vain, has switched it off
                }
            }
        });
    }

    private Outcome follow(CacheTarget where) {
        if (where == null) {
            return Outcome.INACTIVE;
        }
        if (where.equals(placed)) {
            return cache.refresh();
        }
        placed = null;
        Outcome outcome = cache.activate(where);
        placed = outcome == Outcome.OK ? where : null;
        return outcome;
    }

    private Outcome inTurn(Supplier<Outcome> step) {
        if (!turn.tryLock(() -> Patience.deadlineAfter(RetryPolicy.DEFAULT.patience()))) {
            return Outcome.BUSY;
        }
        try {
            return step.get();
        } finally {
            turn.unlock();
        }
    }

    /** Takes the cache out of use, in a turn. */
    private Outcome withdraw() {
        placed = null;
        Outcome outcome = cache.deactivate();
        PvclockRule.DISABLED_MEANS_INACTIVE.check(outcome == Outcome.BUSY || !cache.state().active(), cache);
        return outcome;
    }

    /**
     * Where the structure is.
     *
     * @return the place, by the kind of address that was given; null for nowhere
     */
    public CacheTarget target() {
        return place.target;
    }

    /**
     * The register.
     *
     * @return the value that was given last, 0 at first
     */
    public long register() {
        return place.register;
    }

    /**
     * Whether the structure was brought in since it was registered where it is. Its page may have gone since.
     *
     * @return true if it was
     */
    public boolean isPlaced() {
        CacheTarget where = target();
        return where != null && where.equals(placed);
    }

    // ------------------------------------------------------------------ the structure

    /**
     * Does something with the bytes, alone and with a value of the moment; may wait, and bring the page in. Call it
     * with no access open.
     *
     * @param <T> type of the value
     * @param source where the value comes from: a clock, a TSC, any code. Asked at each attempt, before the bytes are
     *     accessed
     * @param body what is done: loads, stores, and nothing that may throw, wait, or call code of others
     * @return OK; otherwise nothing was done: INACTIVE if the structure is nowhere, FAULT or BUSY as for
     *     {@link #bringIn}
     */
    public <T> Outcome update(Supplier<T> source, BiConsumer<GuestAccess, T> body) {
        if (target() == null) {
            return Outcome.INACTIVE;
        }
        return retrying(
                vm,
                () -> {
                    T value = source.get();
                    return exclusively(() -> tryUpdate(access -> body.accept(access, value)));
                },
                this::bringIn);
    }

    /**
     * Does something with the bytes, if that is possible without waiting: for atomic context. Other writers may be at
     * work, so what is written is a single field, or a bit by an atomic operation.
     *
     * @param body what is done, as for {@link #update}
     * @return OK; otherwise nothing was done: INACTIVE if the structure is nowhere, BUSY if its page is not at hand
     */
    public Outcome tryUpdate(Consumer<GuestAccess> body) {
        try (GuestAccess access = cache.tryAccess()) {
            if (access.isUsable() && isPlaced()) {
                body.accept(access);
                return Outcome.OK;
            }
            return target() == null ? Outcome.INACTIVE : Outcome.BUSY;
        }
    }

    /**
     * Does something while no {@link #update} writes: changes what their bodies read.
     *
     * @param <T> type of the result
     * @param body what is done, briefly
     * @return its result
     */
    public <T> T exclusively(Supplier<T> body) {
        lock.lock();
        try {
            return body.get();
        } finally {
            lock.unlock();
        }
    }

    /**
     * The loop of {@link #update}, for what is written by other means: try, and if that does not succeed, bring the
     * pages in and try again. From then on the thread is in a {@linkplain Memslots#enterRead read section}: a stream of
     * slot changes cannot get in between, a single one can; what code of others changes in the slots is answered BUSY.
     *
     * @param vm the VM
     * @param attempt tries without waiting for a page
     * @param bringIn brings the pages in, with no lock held and no access open
     * @return OK if an attempt was; else what the pages were refused with; BUSY after
     *     {@link RetryPolicy#DEFAULT}'s attempts
     */
    public static Outcome retrying(Vm vm, Supplier<Outcome> attempt, Supplier<Outcome> bringIn) {
        if (attempt.get() == Outcome.OK) {
            return Outcome.OK;
        }
        StackRoom.require(); // what is entered is left
        int readers = vm.memslots().enterRead();
        try {
            for (int i = 1; i < RetryPolicy.DEFAULT.attempts(); i++) { // bounded by that number
                Outcome outcome = bringIn.get();
                if (outcome != Outcome.OK) {
                    return outcome;
                }
                if (attempt.get() == Outcome.OK) {
                    return Outcome.OK;
                }
            }
            return Outcome.BUSY;
        } finally {
            vm.memslots().exitRead(readers);
        }
    }

    @Override
    public String toString() {
        return "Registration at " + target();
    }
}
