package io.github.pfncache.stress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.vm.DirtyLogFollower;
import io.github.pfncache.vm.Vm;
import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.atomic.LongAdder;

/**
 * Keeps a copy of a slot's memory by the dirty log alone, as a live migration does: copies the pages that each delivery
 * of a {@link DirtyLogFollower} brings. If at rest the copy differs from the memory, a write is missing in the log.
 *
 * <p>One thread takes the turns. Other readers of the log do not matter to it, nor it to them.
 *
 * @since 0.1.0
 */
public final class DirtyFollower implements Crew.Work, AutoCloseable {

    /** One delivery of so many is refused, page by page, and so comes again. */
    private static final int PUT_BACK = 8;

    private final Vm vm;
    private final Memslot slot;
    private final Plan plan;
    private final DirtyLogFollower log;
    private final byte[] copy;
    private final byte[] page = new byte[Pages.PAGE_SIZE];
    private final LongAdder harvests = new LongAdder();

    // Of the thread that takes the turns.

    private final BitSet reported = new BitSet();
    /** Whether the first delivery, of all pages, is over. */
    private boolean copied;

    /**
     * Copies a slot, and follows its log from now on.
     *
     * @param vm the VM
     * @param slotId a slot that logs, and will be neither deleted nor stop logging
     * @param seed decides which deliveries are put back
     * @throws IllegalArgumentException if there is no such slot, it does not log, or it has more than
     *     {@link ReferenceModel#MAX_PAGES}
     */
    public DirtyFollower(Vm vm, int slotId, long seed) {
        this.vm = vm;
        this.slot = vm.memslots().table().byId(slotId);
        if (slot == null || !slot.logsDirtyPages() || slot.npages() > ReferenceModel.MAX_PAGES) {
            throw new IllegalArgumentException("slot " + slotId + " cannot be followed: " + slot);
        }
        this.plan = new Plan(seed, "harvester " + slotId);
        this.copy = new byte[(int) slot.npages() << Pages.PAGE_SHIFT];
        this.log = vm.followDirtyLog();
        log.deliver(this::follow);
        copied = true;
    }

    @Override
    public boolean turn() {
        harvests.increment();
        boolean refuse = plan.once(PUT_BACK);
        log.deliver(gfn -> !refuse && follow(gfn));
        return true;
    }

    /** Marked first, copied then: a write that comes between is in the copy, and in the next delivery. */
    private boolean follow(long gfn) {
        if (slot.contains(gfn)) {
            int number = (int) (gfn - slot.baseGfn());
            reported.set(number, copied);
            peek(number, page);
            System.arraycopy(page, 0, copy, number << Pages.PAGE_SHIFT, page.length);
        }
        return true;
    }

    private void peek(int number, byte[] into) {
        long hva = slot.gfnToHva(slot.baseGfn() + number);
        HostResult result = vm.host().peek(hva, into);
        if (result != HostResult.OK) {
            throw new AssertionError("cannot copy " + Pages.hex(hva) + ": " + result);
        }
    }

    /**
     * Delivers for the last time, and compares; at rest, after the last turn.
     *
     * @return pages that differ from the copy: their last write is in no delivery
     */
    public long missing() {
        log.deliver(this::follow);
        long missing = 0;
        for (int number = 0; number < slot.npages(); number++) { // bounded by the slot
            peek(number, page);
            int at = number << Pages.PAGE_SHIFT;
            missing += Arrays.equals(page, 0, page.length, copy, at, at + page.length) ? 0 : 1;
        }
        return missing;
    }

    /**
     * How many pages were reported at least once, after the first copy.
     *
     * @return at most the slot's pages; after the last turn
     */
    public int reportedPages() {
        return reported.cardinality();
    }

    /**
     * How many deliveries there were, those that were put back included.
     *
     * @return a count that grows
     */
    public long harvests() {
        return harvests.sum();
    }

    /** Follows no more; slots that logged nothing before log nothing again. */
    @Override
    public void close() {
        log.close();
    }
}
