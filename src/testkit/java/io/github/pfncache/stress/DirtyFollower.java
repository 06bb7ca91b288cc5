package io.github.pfncache.stress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.DirtyBitmap;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.vm.Vm;
import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.atomic.LongAdder;

/**
 * Keeps a copy of a slot's memory by its dirty log alone, as a live migration does: copies the pages that each harvest
 * reports. If at rest the copy differs from the memory, a write is missing in the log.
 *
 * <p>One thread takes the turns. Bitmap mode only.
 */
public final class DirtyFollower implements Crew.Work {

    /** One harvest of so many cannot be delivered, and is put back. */
    private static final int PUT_BACK = 8;

    private final Vm vm;
    private final Memslot slot;
    private final Plan plan;
    private final byte[] copy;
    private final LongAdder harvests = new LongAdder();

    /** Of the thread that takes the turns. */
    private final BitSet reported = new BitSet();

    /**
     * Copies a slot, and follows its log from now on.
     *
     * @param vm the VM
     * @param slotId a slot that logs, and will be neither deleted nor stop logging
     * @param seed decides which harvests are put back
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
        harvest(); // before the copy: what is written from here on is in the next harvest
        peek(slot.hva(), copy);
    }

    @Override
    public boolean turn() {
        DirtyBitmap.Harvest harvest = harvest();
        harvests.increment();
        if (plan.once(PUT_BACK)) {
            harvest.putBack();
        } else {
            follow(harvest);
        }
        return true;
    }

    private DirtyBitmap.Harvest harvest() {
        Memslots.HarvestResult result = vm.memslots().harvestDirty(slot.id());
        if (result.status() != Memslots.HarvestStatus.OK) {
            throw new AssertionError("no dirty log of " + slot + ": " + result.status());
        }
        return result.harvest();
    }

    /** Harvested first, copied then: a write that comes between is in the copy, and in the next harvest. */
    private void follow(DirtyBitmap.Harvest harvest) {
        byte[] page = new byte[Pages.PAGE_SIZE];
        for (long number : harvest.pages()) { // bounded by the slot
            reported.set((int) number);
            int at = (int) number << Pages.PAGE_SHIFT;
            peek(slot.hva() + at, page);
            System.arraycopy(page, 0, copy, at, page.length);
        }
    }

    private void peek(long hva, byte[] into) {
        HostResult result = vm.host().peek(hva, into);
        if (result != HostResult.OK) {
            throw new AssertionError("cannot copy " + Pages.hex(hva) + ": " + result);
        }
    }

    /**
     * Harvests for the last time, and compares; at rest, after the last turn.
     *
     * @return pages that differ from the copy: their last write is in no harvest
     */
    public long missing() {
        follow(harvest());
        byte[] page = new byte[Pages.PAGE_SIZE];
        long missing = 0;
        for (int at = 0; at < copy.length; at += page.length) { // bounded by the slot
            peek(slot.hva() + at, page);
            missing += Arrays.equals(page, 0, page.length, copy, at, at + page.length) ? 0 : 1;
        }
        return missing;
    }

    /**
     * How many pages were reported at least once.
     *
     * @return at most the slot's pages; after the last turn
     */
    public int reportedPages() {
        return reported.cardinality();
    }

    /**
     * How many harvests there were, those that were put back included.
     *
     * @return a count that grows
     */
    public long harvests() {
        return harvests.sum();
    }
}
