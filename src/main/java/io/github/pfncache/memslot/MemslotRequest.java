package io.github.pfncache.memslot;

import io.github.pfncache.address.GfnRange;
import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;

/**
 * A request to change the memory map: the arguments of {@code KVM_SET_USER_MEMORY_REGION}, any values. It is judged in
 * two steps: by itself, then against the table it shall change.
 *
 * @param id slot id
 * @param flags flags of the slot
 * @param gpa first guest address
 * @param size bytes, unsigned; 0 deletes
 * @param hva first host user address
 * @param replaces whether the slot may get other memory, which KVM does not know
 */
record MemslotRequest(int id, int flags, long gpa, long size, long hva, boolean replaces) {

    private static final int KNOWN_FLAGS = Memslot.FLAG_LOG_DIRTY_PAGES | Memslot.FLAG_READONLY;
    private static final long MAX_NPAGES = Integer.MAX_VALUE;
    private static final long GPA_END = Pages.gfnToGpa(Pages.GFN_END);

    /**
     * The effect of a request on a table.
     *
     * @param former the slot that goes, or null
     * @param successor the slot that comes, or null
     */
    record Step(Memslot former, Memslot successor) {

        /** The request describes the table as it is. */
        static final Step NONE = new Step(null, null);
    }

    MemslotRequest(int id, int flags, long gpa, long size, long hva) {
        this(id, flags, gpa, size, hva, false);
    }

    static MemslotRequest replace(Memslot slot, long hva) {
        long gpa = Pages.gfnToGpa(slot.baseGfn());
        return new MemslotRequest(slot.id(), slot.flags(), gpa, slot.npages() << Pages.PAGE_SHIFT, hva, true);
    }

    static MemslotRequest delete(Memslot slot) {
        return new MemslotRequest(slot.id(), 0, Pages.gfnToGpa(slot.baseGfn()), 0, 0);
    }

    static MemslotRequest move(Memslot slot, long gpa) {
        return new MemslotRequest(slot.id(), slot.flags(), gpa, slot.npages() << Pages.PAGE_SHIFT, slot.hva());
    }

    static MemslotRequest setFlags(Memslot slot, int flags) {
        long gpa = Pages.gfnToGpa(slot.baseGfn());
        return new MemslotRequest(slot.id(), flags, gpa, slot.npages() << Pages.PAGE_SHIFT, slot.hva());
    }

    boolean wantsLog() {
        return (flags & Memslot.FLAG_LOG_DIRTY_PAGES) != 0;
    }

    MemslotRequest withLog() {
        return new MemslotRequest(id, flags | Memslot.FLAG_LOG_DIRTY_PAGES, gpa, size, hva, replaces);
    }

    /**
     * Judges the request, in KVM's order, and works out what it does.
     *
     * @param table the table to change
     * @param rings the rings of a new slot, or null in bitmap mode
     * @return the step, NONE for an identical slot
     * @throws Memslots.Rejected naming the first rule it breaks
     */
    Step against(MemslotTable table, DirtyRings rings) {
        MemslotRule.ID_IN_RANGE.require(id >= 0 && id < MemslotTable.MAX_SLOTS, this);
        MemslotRule.FLAGS_KNOWN.require((flags & ~KNOWN_FLAGS) == 0, this);
        MemslotRule.SIZE_ALIGNED.require(Pages.isPageAligned(size), this);
        MemslotRule.GPA_ALIGNED.require(Pages.isPageAligned(gpa), this);
        MemslotRule.HVA_ALIGNED.require(Pages.isPageAligned(hva), this);
        Memslot former = table.byId(id);
        if (size == 0) {
            MemslotRule.SLOT_EXISTS.require(former != null, this);
            return new Step(former, null);
        }
        GfnRange gfns = gfnsInBounds();
        if (former != null) {
            requireKept(former);
            if (former.baseGfn() == gfns.start() && former.flags() == flags && former.hva() == hva) {
                return Step.NONE;
            }
        }
        requireFree(table, gfns, former);
        return new Step(former, new Memslot(id, flags, gfns, hva, logAfter(former), rings, former));
    }

    private GfnRange gfnsInBounds() {
        MemslotRule.GPA_DOES_NOT_WRAP.require(!Pages.wraps(gpa, size), this);
        long npages = size >>> Pages.PAGE_SHIFT;
        MemslotRule.NPAGES_IN_RANGE.require(npages <= MAX_NPAGES, this);
        MemslotRule.HVA_IS_USER.require(Pages.rangeFits(hva, size, HvaRange.USER_END), this);
        MemslotRule.GPA_IN_RANGE.require(Pages.rangeFits(gpa, size, GPA_END), this);
        return new GfnRange(Pages.gpaToGfn(gpa), npages);
    }

    private void requireKept(Memslot former) {
        MemslotRule.HVA_FIXED.require(replaces || hva == former.hva(), new Conflict(this, former));
        MemslotRule.SIZE_FIXED.require(size >>> Pages.PAGE_SHIFT == former.npages(), new Conflict(this, former));
        boolean readOnly = (flags & Memslot.FLAG_READONLY) != 0;
        MemslotRule.READONLY_FIXED.require(readOnly == former.readOnly(), new Conflict(this, former));
    }

    private void requireFree(MemslotTable table, GfnRange gfns, Memslot former) {
        Memslot next = table.atOrAbove(gfns.start());
        if (next != null && next == former) {
            next = table.atOrAbove(former.endGfn()); // a slot may move over its own place
        }
        MemslotRule.NO_OVERLAP.require(next == null || next.baseGfn() >= gfns.end(), new Conflict(this, next));
    }

    /**
     * The log of the new slot. A move keeps it; other memory has a log of its own, as that of a slot that is made.
     * Turning logging on starts an empty one. Turning it off keeps the old one until the change can no longer be taken
     * back: pages written meanwhile belong to it, should logging stay on.
     */
    private DirtyBitmap logAfter(Memslot former) {
        if (former != null && former.logsDirtyPages() && former.hva() == hva) {
            return former.log();
        }
        DirtyBitmap log = wantsLog() ? new DirtyBitmap(size >>> Pages.PAGE_SHIFT) : null;
        if (log != null && former != null && former.hva() != hva && former.log().wanted) {
            log.wanted = true;
        }
        return log;
    }

    /** A request and the slot in its way, for a message. */
    private record Conflict(MemslotRequest request, Memslot slot) {
        @Override
        public String toString() {
            String why = slot.id() == request.id() ? ", which has this id now" : "";
            return request + " against " + slot + why;
        }
    }

    @Override
    public String toString() {
        return "slot " + id + " gpa=" + Pages.hex(gpa) + " size=" + Pages.hex(size) + " hva=" + Pages.hex(hva)
                + " flags=" + Pages.hex(flags);
    }
}
