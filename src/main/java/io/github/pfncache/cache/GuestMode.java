package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.rules.Failures;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.rules.StackRoom;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * The guest mode of one vCPU: the pages that the vCPU holds raw, and gives back when it is kicked. Guest memory has the
 * speed of memory, on a host that moves pages. For an emulated CPU with a TLB of its own; {@link GuestTlb} is a
 * ready-made one.
 *
 * <pre>{@code
 * GuestMode mode = vm.newGuestMode(gpa -> myTlb.forget(gpa));
 * mode.enter();
 * try {
 *     while (running) {
 *         HeldPage page = mode.hold(pc, false);       // on a miss of myTlb; its bytes, with no check per access
 *         ...                                         // some hundred instructions
 *         mode.poll();                                // one look, if no page is wanted back
 *     }
 * } finally {
 *     mode.leave();                                   // before anything that waits: HLT, a device, the end of the run
 * }
 * }</pre>
 *
 * <p><b>Inside</b>, between {@link #enter} and {@link #leave}, every page that the thread holds stays where it is.
 * {@link #poll}, {@link #enter} and {@link #hold} may give pages back, and nothing else does: {@link Dropped} is called
 * for each, and {@link #drops} counts them. Pages that are taken away while the vCPU is outside are not waited for;
 * {@code enter} drops them.
 *
 * <p><b>A taker</b> is a change of the host or of the memslots, or a harvest of the dirty log. A taker kicks the vCPUs
 * that hold its pages, and waits until they have given the pages back. If its deadline passes first, nothing has
 * changed, and the answer is BUSY. So call {@code poll} often: each thousand instructions, say.
 *
 * <p><b>The dirty log</b> has a page as soon as it is held for writing. A harvest takes the writable holds of the slot
 * back, and returns when that is acknowledged: what is written afterwards is marked again, by the next hold.
 *
 * <p><b>One thread never waits for itself.</b> {@code hold} is outside while it resolves the page, so {@code hold} may
 * wait for an invalidation that waits for this very vCPU. Every other call that may wait breaks a rule inside, and is
 * answered BUSY where rules are off: call {@link #leave} first, as an exit to user space does.
 *
 * <p><b>Memory order.</b>
 *
 * <ul>
 *   <li>Giving back: raw accesses, then the acknowledgement (under the lock; or outside, volatile). The taker reads
 *       either of them, and then changes the page: no raw access comes after that.
 *   <li>{@code enter}: inside (volatile), then the look at the requests. Taker: request (volatile), then the look at
 *       the mode. One of the two sees the other: the taker waits, or the vCPU drops the page first.
 *   <li>{@code hold}: registers the page, full fence, then looks for an invalidation in progress and at the memslots,
 *       and only then resolves. Taker: in progress, or published, full fence, then looks at the holds. Either the taker
 *       finds the hold, or the hold sees what the taker did, as for caches ([rule L5], [rule L6]).
 *   <li>{@code hold} for writing: writable, full fence, the mark. Harvest: clears the mark, full fence, looks at the
 *       writable holds: the harvest finds the hold, or the mark comes after the harvest and is for the next one.
 *   <li>{@code poll}: an opaque look at the requests; the list of those wanted is read under the lock under which it
 *       was completed before the request.
 * </ul>
 *
 * <p><b>Thread safety.</b> Belongs to the thread that enters it first, until {@link #handOver}, which keeps what is
 * held, or until that thread has ended: a thread that died inside holds up no other. A thread is inside one guest mode
 * of a domain at a time: it could not wait for the vCPU of the other, which it is itself. Kernel counterpart:
 * {@code vcpu->mode}, {@code IN_GUEST_MODE}, {@code KVM_REQ_OUTSIDE_GUEST_MODE}.
 *
 * @since 0.1.0
 */
public final class GuestMode extends GuestEntry implements AutoCloseable {

    /** Told of each page that has to be given back, on the vCPU's thread. */
    @FunctionalInterface
    public interface Dropped {

        /**
         * The bytes of a page must not be used any more once this has returned. Must not use the library. If it throws,
         * the page is given back all the same, and so are the others; the exception comes out of the call that dropped
         * the page.
         *
         * @param gpa guest physical address of the page, page aligned
         */
        void dropped(long gpa);
    }

    private final DomainState domain;
    private final Dropped dropped;
    private final HeldPages pages;

    // Confined to the owner.

    private long drops;
    /** Calls of {@link #hold} that are under way: more than one out of a page-fault handler. */
    private int holding;

    /** Whether the domain knows it: as long as it belongs to a thread, or holds pages. */
    private boolean listed;

    GuestMode(DomainState domain, Dropped dropped, Gate gate) {
        super(gate);
        this.domain = domain;
        this.dropped = Objects.requireNonNull(dropped, "dropped");
        this.pages = new HeldPages(domain, this);
    }

    /**
     * Enters the guest. Drops what was taken away meanwhile, and then answers.
     *
     * @throws IllegalStateException if the guest mode is another thread's, is entered already, or is closed; or if the
     *     thread is inside another guest mode of the same domain
     */
    public void enter() {
        StackRoom.require(); // here and below: from here on what is taken is given back
        if (domain.guestModes.isCurrentThreadInside()) { // a wait in one of them would be for the other
            throw new IllegalStateException(isInside() ? this + " is entered already"
                    : Thread.currentThread() + " is inside another guest mode; leave() that one first");
        }
        belongToCurrentThread();
        if (!listed) {
            domain.guestModes.all.add(this);
            listed = true;
        }
        boolean entered = false;
        try {
            goInside();
            entered = true;
        } finally {
            if (!entered) {
                goOutside();
            }
        }
    }

    /**
     * Leaves the guest: no taker waits for this vCPU any more, and what it holds must not be used before it enters
     * again. Outside, does nothing.
     *
     * @throws IllegalStateException if the guest mode is another thread's
     */
    public void leave() {
        requireOwner();
        if (isInside()) {
            StackRoom.require();
            goOutside();
        }
    }

    /**
     * Gives back what is wanted. One look if that is nothing. To be called between instructions or blocks.
     *
     * @return whether pages were dropped
     * @throws IllegalStateException while rules are checked: if the guest mode is another thread's
     */
    public boolean poll() {
        if (Rules.ENABLED) {
            requireOwner();
        }
        return isWanted() && giveBack();
    }

    /**
     * How many pages were dropped up to now. An emulator that keeps an address in a local variable over a call that may
     * drop pages compares the number, and looks the page up again.
     *
     * @return grows by one for each page
     */
    public long drops() {
        return drops;
    }

    /**
     * Holds a page. May drop others. A page that is held already is answered at once. Where it was held to be read and
     * is now held to be written, the answer may be another object in its place: the former one is held no longer, and
     * {@link Dropped} is not called.
     *
     * @param gpa guest physical address of any byte of the page, any value
     * @param forWriting whether it is to be written. Then it is marked dirty
     * @return the page, good until it is dropped or {@linkplain #release released}; or FAULT or BUSY
     * @throws IllegalStateException if the current thread is not inside
     */
    public HeldPage hold(long gpa, boolean forWriting) {
        HeldPage page = holdForTlb(gpa, forWriting);
        if (page.isHeld()) {
            page.besides = true;
        }
        return page;
    }

    /** As {@link #hold}, for a TLB, which gives the page back when it needs room, unless it is held besides. */
    HeldPage holdForTlb(long gpa, boolean forWriting) {
        HeldPage page = prepare(gpa, forWriting);
        if (forWriting && page.isHeld()) {
            try {
                pages.grantWriting(page);
            } catch (Throwable e) { // the page is not in the log: a reader that has its bytes is told
                Failures.<RuntimeException>rethrow(drop(page, e));
            }
        }
        return page;
    }

    /** As {@link #hold}; but a page that is to be written may not be written before it was {@link #hold held} so. */
    HeldPage prepare(long gpa, boolean forWriting) {
        StackRoom.require();
        requireInside();
        Deadline latest = Deadline.of(domain);
        try {
            HeldPage page = attempt(gpa, forWriting, latest);
            page = page != null ? page : domain.again(() -> attempt(gpa, forWriting, latest));
            return page != null ? page : HeldPage.BUSY;
        } finally {
            domain.invalidations.doneWaiting();
        }
    }

    /** A page or a refusal; null if something came between. */
    private HeldPage attempt(long gpa, boolean forWriting, Deadline latest) {
        HeldPage page = pages.wantedAt(gpa, forWriting);
        if (page.granted || page.outcome() != Outcome.OK) {
            return page;
        }
        try {
            Outcome outcome;
            goOutside();
            holding++;
            try {
                outcome = pages.resolve(page, forWriting, latest);
            } finally {
                holding--;
                goInside(); // drops what was wanted meanwhile, also this page
            }
            if (outcome != Outcome.OK || !page.isHeld()) {
                return HeldPage.refusal(outcome);
            }
            pages.grant(page); // no taker gets it before the next poll
            return page;
        } finally {
            if (!page.granted) { // also if a drop has thrown
                pages.forget(page);
            }
        }
    }

    /**
     * Gives back a page that is of no use any more. {@link Dropped} is not called; a {@link GuestTlb} whose guest mode
     * this is forgets the page too.
     *
     * @param page what {@link #hold} answered; does nothing if it is not held
     * @throws IllegalStateException if the guest mode is another thread's
     */
    public void release(HeldPage page) {
        StackRoom.require();
        requireOwner();
        if (page.indexed) {
            gate.released(page.gpa());
            pages.forget(page);
        }
    }

    /**
     * Lets another thread have it, with all that is held: the next one that enters.
     *
     * @return OK; BUSY with nothing changed out of a page-fault handler of its own {@link #hold}
     * @throws IllegalStateException if it is another thread's, or inside
     */
    public Outcome handOver() {
        requireOwner(true); // of no thread it is handed over already: a use that was cut short may have been the next
        requireOutside();
        if (holding > 0) {
            return Outcome.BUSY;
        }
        abandon(false);
        return Outcome.OK;
    }

    /**
     * Gives all pages back, without a call of {@link Dropped}, and lets another thread have the guest mode. To be
     * called by the owner, or when the owner has stopped using the guest mode: also if it ended inside.
     *
     * @return as for {@link #handOver}
     * @throws IllegalStateException if a living thread is inside
     */
    public Outcome releaseAll() {
        return releaseAll(false);
    }

    private Outcome releaseAll(boolean forGood) {
        StackRoom.require();
        requireOutside();
        if (holding > 0) {
            return Outcome.BUSY;
        }
        pages.forgetAll();
        gate.change(false, true);
        domain.guestModes.all.remove(this);
        listed = false;
        abandon(forGood);
        return Outcome.OK;
    }

    /**
     * Ends the guest mode: all pages are given back, and no thread can enter any more. To be called by the owner,
     * outside of the guest, or by any thread once the guest mode was handed over or its thread has ended. Idempotent.
     *
     * @throws IllegalStateException if it is another thread's, inside, or used by the caller's caller
     */
    @Override
    public void close() {
        if (!isClosed()) {
            belongToCurrentThread();
            if (releaseAll(true) != Outcome.OK) {
                throw new IllegalStateException(this + " is about to hold a page");
            }
        }
    }

    @Override
    Throwable drop(HeldPage page, Throwable former) {
        Throwable failure = former;
        if (page.granted) {
            drops++;
            try {
                dropped.dropped(page.gpa());
            } catch (Throwable e) { // thrown by the call that drops, when all is given back
                failure = Failures.joined(former, e);
            }
        }
        pages.forget(page);
        return failure;
    }

    @Override
    List<HeldPage> holdsOf(HvaRange range, Predicate<HeldPage> which) {
        return pages.of(range, which);
    }

    @Override
    int held() {
        return pages.held();
    }

    @Override
    public String toString() {
        return "GuestMode[" + state() + " held=" + pages.held() + " drops=" + drops + "]";
    }
}
