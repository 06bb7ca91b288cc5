package io.github.pfncache.vm;

import io.github.pfncache.memslot.DirtyReader;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import java.util.BitSet;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;

/**
 * The pages of a VM that are still to be copied: first all, then those written since. For live migration, incremental
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
 * copied is delivered again.
 *
 * <p><b>One memory at several addresses.</b> When slots show the same host memory, wholly or in part, under the same
 * host addresses or others of the same file or array, a page that is written at one of them is delivered at all. So it
 * is for {@link GuestRam#rewind}.
 *
 * <p><b>What the log cannot know</b>, and is not delivered: writes through caches that are active by hva; the process's
 * own ({@code HostMemory.copyToUser}, {@code HostFile.write}); a caller's own to the RAM it brought; another VM's to
 * memory that both have; memory mapped in place of other memory under a slot; direct and mapped buffers that were
 * brought in more than once, at the addresses that were not used; and what was written, through a slot that came and
 * went between two deliveries, to a file or array that was unmapped with the slot.
 *
 * <p><b>Any number of readers.</b> Followers and harvests ({@link Memslots#harvestDirty}, dirty rings) do not take
 * pages from each other: each gets all. Each delivery empties the rings: a vCPU that left because its ring was full may
 * run again, and a caller that reads rings itself finds what was in them by {@link Memslots#harvestDirtyOutsideRings}.
 *
 * <p>Used by one thread at a time. Kernel counterpart: what a VMM does with {@code KVM_GET_DIRTY_LOG}, {@code
 * KVM_RESET_DIRTY_RINGS} and its memory listeners.
 *
 * @since 0.1.0
 */
public final class DirtyLogFollower implements AutoCloseable {

    private final Vm vm;
    private final Memslots memslots;
    private final DirtyReader reader;
    private final SharedMemory shared;

    // Confined to the thread that follows.

    /** The slots as they were last seen, and which of their pages are to be copied. Slots are never equal again. */
    private final Map<Memslot, BitSet> followed = new IdentityHashMap<>();
    /** What was marked and is not yet among them; of slots that have gone, too. Kept when something fails. */
    private final Map<Memslot, BitSet> marked = new IdentityHashMap<>();
    /** Whether marks were forgotten, so that all is to be copied. Kept when something fails. */
    private boolean allDue;
    private boolean delivering;
    private volatile boolean closed;

    /**
     * The result of a delivery.
     *
     * @param pages pages delivered
     * @param putBack pages refused; the next round has them again
     * @param complete whether every slot that is there now has been followed all through the round, and no vCPU went on
     *     writing pages that it holds; if not, the memory map was being changed, or a vCPU in guest mode has neither
     *     polled nor left in time, and the next round has more
     */
    public record Round(long pages, long putBack, boolean complete) {}

    DirtyLogFollower(Vm vm) {
        this.vm = vm;
        this.memslots = vm.memslots();
        this.shared = new SharedMemory(vm.host());
        this.reader = memslots.newDirtyReader();
    }

    /**
     * Hands out every page that has to be copied, once each.
     *
     * @param delivery given a guest frame number, copies the page and answers whether that worked; if not, or if it
     *     throws, the page is put back for the next round. A page that has no memory to be read has nothing to deliver:
     *     answer true
     * @return what was done; not complete if the delivery closed this follower
     * @throws IllegalStateException if this follower or its VM is closed, or this is called by {@code delivery}
     */
    public Round deliver(LongPredicate delivery) {
        if (closed || delivering) {
            throw new IllegalStateException(closed ? "closed: " + this : "a delivery delivers: " + this);
        }
        delivering = true;
        try {
            followSlots(); // before the logs are read: a slot that changes after this is found changed below
            collect();
            long pages = 0;
            long putBack = 0;
            for (Memslot slot : followedSlots()) { // bounded by the slots
                long[] counts = deliver(slot, followed.get(slot), delivery);
                pages += counts[0];
                putBack += counts[1];
            }
            return new Round(pages, putBack, !closed && isUpToDate() && !reader.isUnsettled());
        } finally {
            delivering = false;
        }
    }

    /** Ascending by address, as at the beginning. */
    private List<Memslot> followedSlots() {
        return followed.keySet().stream().sorted(Comparator.comparingLong(Memslot::baseGfn)).toList();
    }

    private long[] deliver(Memslot slot, BitSet pages, LongPredicate delivery) {
        long[] counts = new long[2];
        for (int page = pages.nextSetBit(0); page >= 0 && !closed; page = pages.nextSetBit(page + 1)) { // by the slot
            boolean delivered = false;
            try {
                delivered = delivery.test(slot.baseGfn() + page);
            } finally {
                pages.set(page, !delivered);
            }
            counts[delivered ? 0 : 1]++;
        }
        return counts;
    }

    /**
     * Sees to it that every slot logs. One that was not there like this at the last look is to be copied as a whole,
     * after its log is on: so what is written from then on is in the log, and all else in the copy. So is whatever
     * shows the same memory: it may have been written while nothing was logged.
     */
    private void followSlots() {
        MemslotTable table = memslots.table();
        followed.keySet().removeIf(slot -> table.byId(slot.id()) != slot);
        for (Memslot slot : table) { // bounded by the slots
            Memslot now = followed.containsKey(slot) ? null : reader.follow(slot);
            if (now != null) { // if not, the next round tries again
                marks(now).set(0, (int) now.npages());
                followed.put(now, new BitSet());
            }
        }
    }

    private BitSet marks(Memslot slot) {
        return marked.computeIfAbsent(slot, none -> new BitSet());
    }

    private boolean isUpToDate() {
        for (Memslot slot : memslots.table()) { // bounded by the slots
            if (!followed.containsKey(slot)) { // the same one has been there all the time
                return false;
            }
        }
        return true;
    }

    private void collect() {
        boolean all = reader.harvest((slot, pages) -> {
            BitSet marks = marks(slot);
            for (long page : pages) { // bounded by the pages of the slot
                marks.set((int) page);
            }
        });
        allDue |= !all;
        if (allDue) {
            followed.keySet().forEach(slot -> marks(slot).set(0, (int) slot.npages()));
        }
        shared.lookAt(followed.keySet(), marked.keySet());
        shared.spread(marked);
        followed.forEach((slot, pages) -> pages.or(marks(slot)));
        marked.clear(); // last: whatever fails before, the next round has them all
        allDue = false;
    }

    /**
     * Ends it, also from within a delivery. Slots that logged nothing before log nothing again, unless another caller
     * follows them or has turned their logs on, and as far as the memory map can be changed now.
     */
    @Override
    public void close() {
        closed = true;
        reader.close();
        vm.followerEnds(this);
    }

    @Override
    public String toString() {
        return "follows " + followedSlots().stream()
                .map(slot -> slot + ": pages to deliver=" + followed.get(slot).cardinality())
                .toList();
    }
}
