package io.github.pfncache.vm;

import io.github.pfncache.memslot.DirtyRing;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.LongPredicate;

/**
 * Which pages of a VM somebody still has to copy: first all, then those written since. For live migration, incremental
 * saves, a display. It follows bitmaps and rings alike, and hot-plug: a slot that appears, moves or changes its flags
 * is to be copied as a whole, one that goes is forgotten.
 *
 * <pre>{@code
 * try (DirtyLogFollower log = vm.followDirtyLog()) {
 *     for (int round = 0; round < 30; round++) {
 *         if (log.deliver(this::send).pages() < 64) {       // send(gfn) answers whether the page has arrived
 *             break;
 *         }
 *     }
 *     stopVcpusAndDevices();
 *     log.deliver(this::send);                              // the rest
 * }
 * }</pre>
 *
 * <p><b>Guarantee.</b> A page written through a cache, an area, or {@code GuestMemory}, whose write has ended before
 * {@link #deliver} begins, is delivered by then or by it. So when the last delivery began after all writers and all
 * hot-plug had stopped, and {@link Round#complete} holds, the copy is equal. A page that is written while it is being
 * copied is delivered again. Writes that go past the dirty log are not seen: caches that are active by hva, the
 * process's own ({@code HostMemory.copyToUser}), and a caller's own to the RAM it brought.
 *
 * <p><b>A log has one reader.</b> What is taken out of it here nobody else gets: do not harvest slots that are
 * followed. Marks of vCPUs with rings are taken out, and the rings reset, by each delivery: a vCPU that left because
 * its ring was full may run again.
 *
 * <p>Used by one thread at a time. Kernel counterpart: what a VMM does with {@code KVM_GET_DIRTY_LOG}, {@code
 * KVM_RESET_DIRTY_RINGS} and its memory listeners.
 */
public final class DirtyLogFollower implements AutoCloseable {

    private final Vm vm;
    private final Memslots memslots;

    // Confined to the thread that follows.

    /** The slots that log, as they were last seen, and which of their pages are to be copied. */
    private final Map<Integer, Followed> followed = new HashMap<>();
    /** Slots that logged nothing before. */
    private final Set<Integer> turnedOn = new HashSet<>();

    /** A slot, and its pages that are still to be delivered. */
    private record Followed(Memslot slot, BitSet pages) {
        @Override
        public String toString() {
            return slot + ": pages to deliver=" + pages.cardinality();
        }
    }

    /**
     * What a delivery did.
     *
     * @param pages pages delivered
     * @param putBack pages refused; the next round has them again
     * @param complete whether every slot that is there now has been followed all through the round; if not, the memory
     *     map was being changed, and the next round has more
     */
    public record Round(long pages, long putBack, boolean complete) {}

    DirtyLogFollower(Vm vm) {
        this.vm = vm;
        this.memslots = vm.memslots();
    }

    /**
     * Hands out every page that has to be copied, once each.
     *
     * @param delivery given a guest frame number, copies the page and answers whether that worked; if not, or if it
     *     throws, the page is put back for the next round. A page that has no memory to be read has nothing to deliver:
     *     answer true
     * @return what was done
     */
    public Round deliver(LongPredicate delivery) {
        followSlots(); // before the logs are read: a slot that changes after this is found changed below
        collectBitmaps();
        collectRings();
        long pages = 0;
        long putBack = 0;
        for (Followed one : followed.values()) { // bounded by the slots
            long[] counts = deliver(one, delivery);
            pages += counts[0];
            putBack += counts[1];
        }
        return new Round(pages, putBack, isUpToDate());
    }

    private static long[] deliver(Followed one, LongPredicate delivery) {
        long[] counts = new long[2];
        BitSet pages = one.pages;
        for (int page = pages.nextSetBit(0); page >= 0; page = pages.nextSetBit(page + 1)) { // bounded by the slot
            boolean delivered = false;
            try {
                delivered = delivery.test(one.slot.baseGfn() + page);
            } finally {
                pages.set(page, !delivered);
            }
            counts[delivered ? 0 : 1]++;
        }
        return counts;
    }

    /**
     * Sees to it that every slot logs. One that was not there like this at the last look is to be copied as a whole,
     * after its log is on: so what is written from then on is in the log, and all else in the copy.
     */
    private void followSlots() {
        MemslotTable table = memslots.table();
        followed.keySet().removeIf(id -> table.byId(id) == null);
        turnedOn.removeIf(id -> table.byId(id) == null);
        for (Memslot slot : table) { // bounded by the slots
            if (!isFollowed(slot)) {
                follow(slot.logsDirtyPages() ? slot : turnOn(slot));
            }
        }
    }

    /** Slots are immutable, and never the same object again: the same one has been there all the time. */
    private boolean isFollowed(Memslot slot) {
        Followed known = followed.get(slot.id());
        return known != null && known.slot == slot;
    }

    private boolean isUpToDate() {
        for (Memslot slot : memslots.table()) { // bounded by the slots
            if (!isFollowed(slot)) {
                return false;
            }
        }
        return true;
    }

    private void follow(Memslot slot) {
        if (slot != null) {
            BitSet pages = new BitSet();
            pages.set(0, (int) slot.npages());
            followed.put(slot.id(), new Followed(slot, pages));
        }
    }

    /** What a slot is with its log on; null if the memory map could not be changed: then the next round tries again. */
    private Memslot turnOn(Memslot slot) {
        if (setFlags(slot.id(), slot.flags() | Memslot.FLAG_LOG_DIRTY_PAGES) == Memslots.Change.DONE) {
            turnedOn.add(slot.id());
        }
        Memslot now = memslots.table().byId(slot.id());
        return now == null || !now.logsDirtyPages() ? null : now;
    }

    /** BUSY also if the slot is gone, or another one by now. */
    private Memslots.Change setFlags(int id, int flags) {
        try {
            return memslots.setFlags(id, flags);
        } catch (Memslots.Rejected e) {
            return Memslots.Change.BUSY; // the memory map has changed since it was read; it will be read again
        }
    }

    private void collectBitmaps() {
        for (Followed one : followed.values()) { // bounded by the slots
            Memslots.HarvestResult log = memslots.harvestDirty(one.slot.id());
            if (log.status() == Memslots.HarvestStatus.ENXIO) {
                log = memslots.harvestDirtyOutsideRings(one.slot.id());
            }
            for (long page : log.harvest().pages()) { // bounded by the pages of the slot
                mark(one, page);
            }
        }
    }

    private void collectRings() {
        for (Vcpu vcpu : vm.vcpus()) { // bounded by the vCPUs
            DirtyRing ring = vcpu.dirtyRing();
            if (ring != null) {
                for (DirtyRing.Entry entry : ring.entries()) { // bounded by the size of the ring
                    mark(followed.get(entry.slotId()), entry.page());
                }
                ring.reset();
            }
        }
    }

    /**
     * A mark may be of an earlier or a later slot of the same number. The earlier one is gone; the later one will be
     * found, and copied as a whole. Either way it does no harm here.
     */
    private static void mark(Followed one, long page) {
        if (one != null && page < one.slot.npages()) {
            one.pages.set((int) page);
        }
    }

    /** Ends it: slots that logged nothing before log nothing again, as far as the memory map can be changed now. */
    @Override
    public void close() {
        for (int id : turnedOn) { // bounded by the slots
            Memslot slot = memslots.table().byId(id);
            if (slot != null && slot.logsDirtyPages()) {
                setFlags(id, slot.flags() & ~Memslot.FLAG_LOG_DIRTY_PAGES);
            }
        }
        turnedOn.clear();
        followed.clear();
    }

    @Override
    public String toString() {
        return "follows " + followed.values();
    }
}
