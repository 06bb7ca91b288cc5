package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.DirtyMark;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;

/**
 * The first half of the line: where a cache points, and the host address that the memslots make of it. Immutable, so
 * that target, slot, generation and uhva can only change together.
 *
 * <p>Kernel counterpart: {@code gpa}, {@code memslot}, {@code generation} and {@code uhva} of
 * {@code struct gfn_to_pfn_cache}.
 *
 * @param target where the cache points; null for {@link #NOWHERE}
 * @param slot the writable slot of a target by gpa; null by hva, and when there is none
 * @param generation of the table the slot was looked for in; without meaning by hva
 * @param gfn guest frame of a target with a slot; without meaning otherwise
 * @param uhva host address of the target's first byte, or {@link #NO_HVA}
 */
record Translation(CacheTarget target, Memslot slot, long generation, long gfn, long uhva) {

    /**
     * No host address; what {@code KVM_HVA_ERR_BAD} is to the kernel. Not a user address, so not to be confused with
     * one.
     */
    static final long NO_HVA = -1;

    /** Of a cache that points nowhere. */
    static final Translation NOWHERE = new Translation(null, null, 0, 0, NO_HVA);

    /** Of a target that has not been looked up yet: older than any table. */
    static Translation pending(CacheTarget target) {
        return new Translation(target, null, -1, 0, NO_HVA);
    }

    /** Whether it has not been looked up yet. */
    boolean isPending() {
        return generation == -1;
    }

    /** Translates a target by one snapshot of the memslots. */
    static Translation of(CacheTarget target, MemslotTable slots) {
        if (target instanceof CacheTarget.ByHva byHva) {
            return new Translation(target, null, slots.generation(), 0, byHva.hva());
        }
        long gpa = ((CacheTarget.ByGpa) target).gpa();
        long gfn = Pages.gpaToGfn(gpa);
        Memslot slot = slots.find(gfn);
        if (slot == null || slot.readOnly()) {
            return new Translation(target, null, slots.generation(), gfn, NO_HVA);
        }
        return new Translation(target, slot, slots.generation(), gfn, gpaToUhva(slot, gpa));
    }

    /** This one, if it is of that target and the memslots have not changed since; otherwise a fresh one. */
    Translation renewed(CacheTarget wanted, MemslotTable slots) {
        return wanted.equals(target) && isBacked() && isOf(slots.generation()) ? this : of(wanted, slots);
    }

    /** Where a slot keeps a guest address that lies in it. */
    static long gpaToUhva(Memslot slot, long gpa) {
        return slot.gfnToHva(Pages.gpaToGfn(gpa)) + Pages.offsetInPage(gpa);
    }

    /** Whether there is a host address at all. */
    boolean isBacked() {
        return uhva != NO_HVA;
    }

    /**
     * Whether the memslots have not changed since. By hva there are none to test: a test would be false for ever after
     * the first slot change.
     */
    boolean isOf(long currentGeneration) {
        return target instanceof CacheTarget.ByHva || generation == currentGeneration;
    }

    /** Whether two translations point to the same host page, at whatever offset. */
    boolean isSamePageAs(Translation other) {
        return isBacked() && other.isBacked() && Pages.pageStart(uhva) == Pages.pageStart(other.uhva);
    }

    /** Whether two translations are the same but for the generation. */
    boolean leadsToSamePlaceAs(Translation other) {
        return slot == other.slot && uhva == other.uhva;
    }

    /** Offset of the first byte in its page, of the guest as of the host. */
    int offsetInPage() {
        return Pages.offsetInPage(uhva);
    }

    /** Marks the guest page dirty; nothing by hva or without a slot. */
    void markDirty() {
        if (slot != null) {
            slot.markDirty(gfn);
        }
    }

    /** What marks the guest page dirty, the former mark if that does; null by hva, without a slot, or without a log. */
    DirtyMark dirtyMark(DirtyMark former) {
        return slot == null ? null : slot.dirtyMark(gfn, former);
    }

    /** Whether the uhva has the offset of the target, and a window of this length fits into its page. */
    boolean offsetsAgree(int length) {
        long address = target instanceof CacheTarget.ByGpa byGpa ? byGpa.gpa() : ((CacheTarget.ByHva) target).hva();
        return Pages.offsetInPage(address) == offsetInPage() && Pages.fitsInPage(uhva, length);
    }
}
