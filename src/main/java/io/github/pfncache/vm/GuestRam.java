package io.github.pfncache.vm;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.Protection;
import io.github.pfncache.host.RewindRange;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.Failures;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongFunction;
import java.util.function.Predicate;

/**
 * The RAM of a VM, plugged in and out in one call each: host memory, and the memslot that shows it to the guest. The
 * host addresses are found by the library.
 *
 * <pre>{@code
 * byte[] ram = new byte[16 << 20];                      // the emulator's own, as it always was
 * vm.ram().add(0, 0, 0x100000, ram);                    // slot 0, no flags, at gpa 0x100000
 * vm.ram().add(1, Memslot.FLAG_LOG_DIRTY_PAGES, 0x1_0000_0000L, mapped1, mapped2);   // 4 GiB in two mapped buffers
 * vm.ram().remove(1);
 * }</pre>
 *
 * <p><b>Memory of the caller's.</b> Guest and caller see the same bytes; what is guaranteed then, and what the host
 * cannot do with such pages, is said at {@link HostMemory#mapBuffers}. Every block has to be a number of pages of 4096
 * bytes; a part of a page is refused with a message that names the usable length.
 *
 * <p><b>Hot-plug</b> while the guest runs is what these calls are for. When {@link #add} returns DONE, caches that
 * point there heal by themselves on their next access; when {@link #remove} returns DONE, no access uses the memory any
 * more, and a caller's blocks belong to the caller alone.
 *
 * <p>Thread-safe. Kernel counterpart: what a VMM does with {@code mmap()} and {@code KVM_SET_USER_MEMORY_REGION}.
 *
 * @since 0.1.0
 */
public final class GuestRam {

    private final Vm vm;
    private final HostMemory host;
    private final Memslots memslots;

    /** Where the memory of the slots is that were added here, by slot id. Thread-safe by itself. */
    private final Map<Integer, Block> blocks = new ConcurrentHashMap<>();

    /** Those that are not closed. Thread-safe by itself. */
    private final Set<RamSnapshot> snapshots = ConcurrentHashMap.newKeySet();

    GuestRam(Vm vm) {
        this.vm = vm;
        this.host = vm.host();
        this.memslots = vm.memslots();
    }

    /** Memory, and the slot that was made for it: the memory is the slot's whatever that shows by now. */
    private record Block(HvaRange range, Memslot slot) {
        @Override
        public String toString() {
            return range.toString();
        }
    }

    /**
     * Adds arrays of the caller's, one after the other: one array, or pages of 4096 bytes each, or anything between.
     *
     * @param id number of the slot, 0 to 32763, not in use
     * @param flags of {@link Memslot}
     * @param gpa first guest physical address, page aligned
     * @param arrays each a positive multiple of 4096 bytes
     * @return DONE; BUSY, with nothing changed, if the memory map could not be changed now
     * @throws IllegalArgumentException if an array is not a number of pages, or ({@link Memslots.Rejected}) a rule of
     *     the memory map is broken: both with nothing changed
     * @throws IllegalStateException if the host has no room for one more mapping, or for so many arrays
     */
    public Memslots.Change add(int id, int flags, long gpa, byte[]... arrays) {
        return add(id, flags, gpa, Arrays.stream(arrays).map(ByteBuffer::wrap).toList());
    }

    /**
     * Adds buffers of the caller's, one after the other: heap, direct or mapped, each from its position to its limit.
     * More than 2 GiB are several buffers.
     *
     * @param id number of the slot, 0 to 32763, not in use
     * @param flags of {@link Memslot}
     * @param gpa first guest physical address, page aligned
     * @param buffers each a positive multiple of 4096 bytes, writable
     * @return DONE; BUSY, with nothing changed, if the memory map could not be changed now
     * @throws IllegalArgumentException if a buffer is read-only or not a number of pages, or
     *     ({@link Memslots.Rejected}) a rule of the memory map is broken: both with nothing changed
     * @throws IllegalStateException if the host has no room for one more mapping, or for so many buffers
     */
    public Memslots.Change add(int id, int flags, long gpa, ByteBuffer... buffers) {
        return add(id, flags, gpa, List.of(buffers));
    }

    private Memslots.Change add(int id, int flags, long gpa, List<ByteBuffer> buffers) {
        long bytes = buffers.stream().mapToLong(ByteBuffer::remaining).sum();
        long npages = Math.max(1, bytes >>> Pages.PAGE_SHIFT); // what does not fit is refused by the mapping
        return add(id, flags, gpa, npages, hva -> host.mapBuffers(hva, buffers, Protection.READ_WRITE));
    }

    /**
     * Adds a file, all of it and shared: see {@link HostMemory#openFile} for a real one.
     *
     * @param id number of the slot, 0 to 32763, not in use
     * @param flags of {@link Memslot}
     * @param gpa first guest physical address, page aligned
     * @param file a file of this VM's host memory, not empty; where its handle is read-only, no call can write
     * @return DONE; BUSY, with nothing changed, if the memory map could not be changed now
     * @throws IllegalArgumentException if the file is another host's or empty, or ({@link Memslots.Rejected}) a rule of
     *     the memory map is broken: both with nothing changed
     * @throws IllegalStateException if the host has no room for one more mapping
     */
    public Memslots.Change add(int id, int flags, long gpa, HostFile file) {
        long npages = file.npages();
        Protection protection = file.isWritable() ? Protection.READ_WRITE : Protection.READ;
        return add(id, flags, gpa, npages, hva -> host.mapShared(hva, npages, file, 0, protection));
    }

    /**
     * Adds fresh memory, all zeros, that the library keeps; a page costs nothing before it is touched. Only such memory
     * can move, be evicted, and be in a snapshot without being copied.
     *
     * @param id number of the slot, 0 to 32763, not in use
     * @param flags of {@link Memslot}
     * @param gpa first guest physical address, page aligned
     * @param npages number of pages, at least 1
     * @return DONE; BUSY, with nothing changed, if the memory map could not be changed now
     * @throws IllegalArgumentException if {@code npages} is below 1, or ({@link Memslots.Rejected}) a rule of the
     *     memory map is broken: both with nothing changed
     * @throws IllegalStateException if the host has no room for one more mapping
     */
    public Memslots.Change add(int id, int flags, long gpa, long npages) {
        return add(id, flags, gpa, npages, hva -> host.mapAnonymous(hva, npages, Protection.READ_WRITE));
    }

    private Memslots.Change add(int id, int flags, long gpa, long npages, LongFunction<HostResult> mapping) {
        vm.requireOpen();
        return show(id, flags, gpa, map(id, npages, mapping));
    }

    /** Adds slots with fresh memory, filled before the guest sees any of it: all of them or none. */
    Memslots.Change addFilled(List<RamImage.Slot> all, RamImage.Filling filling) throws IOException {
        vm.requireOpen();
        List<RamImage.Slot> slots = new ArrayList<>(all);
        List<HvaRange> ranges = new ArrayList<>(slots.size());
        int shown = 0;
        boolean done = false;
        Throwable failure = null;
        try {
            for (RamImage.Slot slot : slots) { // bounded by the slots
                long npages = slot.npages();
                ranges.add(map(slot.id(), npages, hva -> host.mapAnonymous(hva, npages, Protection.READ_WRITE)));
            }
            filling.fill(host, ranges);
            if (slots.isEmpty()) {
                return Memslots.Change.UNCHANGED;
            }
            int first = firstWithoutPlace(slots); // is refused before another one is shown
            Collections.swap(slots, 0, first);
            Collections.swap(ranges, 0, first);
            Memslots.Change change = Memslots.Change.DONE;
            while (shown < slots.size() && change == Memslots.Change.DONE) { // bounded by the slots
                RamImage.Slot slot = slots.get(shown);
                change = show(slot.id(), slot.flags(), Pages.gfnToGpa(slot.baseGfn()), ranges.get(shown++));
            }
            done = change == Memslots.Change.DONE;
            return change;
        } catch (Throwable e) {
            failure = e;
            throw e;
        } finally {
            takeBack(slots, ranges, done ? ranges.size() : 0, shown, failure);
        }
    }

    /**
     * Takes slots and memory back, from one on: all, also when one of them throws. The last shown has failed: it is
     * there only if what came after it failed.
     *
     * @param former why, if something was thrown: goes out before what is thrown here
     */
    private void takeBack(List<RamImage.Slot> slots, List<HvaRange> ranges, int from, int shown, Throwable former) {
        Throwable failure = former;
        for (int i = from; i < ranges.size(); i++) { // bounded by the slots
            try {
                Block there = i < shown ? blocks.get(slots.get(i).id()) : null;
                if (i >= shown) {
                    giveUp(ranges.get(i));
                } else if (there != null && there.range == ranges.get(i)) { // the last one failed: there, or taken back
                    remove(slots.get(i).id());
                }
            } catch (Throwable e) { // whatever a handler throws
                failure = Failures.joined(failure, e);
            }
        }
        Failures.<RuntimeException>rethrow(failure);
    }

    /** The first of some slots that the memory map has no place for now; else, or without any, 0. */
    private int firstWithoutPlace(List<RamImage.Slot> slots) {
        MemslotTable now = memslots.table();
        for (int i = 0; i < slots.size(); i++) { // bounded by the slots
            RamImage.Slot slot = slots.get(i);
            for (Memslot there : now) { // bounded by the slots
                long end = slot.baseGfn() + slot.npages();
                if (there.id() == slot.id() || there.baseGfn() < end && slot.baseGfn() < there.endGfn()) {
                    return i;
                }
            }
        }
        return 0;
    }

    /** Maps something where there is room. */
    private HvaRange map(int id, long npages, LongFunction<HostResult> mapping) {
        long hva = host.reserve(npages);
        if (hva < 0) {
            throw new IllegalStateException("slot " + id + ": the host has no room for npages=" + npages);
        }
        try {
            HostResult mapped = mapping.apply(hva);
            if (mapped != HostResult.OK) {
                throw new IllegalStateException("slot " + id + ": " + mapped + " mapping npages=" + npages);
            }
            return HvaRange.ofPages(hva, npages);
        } catch (Throwable e) {
            takeBack(List.of(), List.of(HvaRange.ofPages(hva, npages)), 0, 0, e);
            throw e;
        }
    }

    /** Shows memory to the guest; gives it up if that is not done. */
    private Memslots.Change show(int id, int flags, long gpa, HvaRange range) {
        boolean added = false;
        Throwable failure = null;
        try {
            // Last, and the host address is fresh: a slot that has the number already makes this a broken rule.
            Memslots.Change change = memslots.set(id, flags, gpa, range.npages() << Pages.PAGE_SHIFT, range.start());
            Memslot made = memslots.table().byId(id);
            // Else the slot was deleted at once, by another thread: its memory goes with it.
            if (change == Memslots.Change.DONE && made != null && made.hva() == range.start()) {
                try {
                    Block former = blocks.put(id, new Block(range, made));
                    added = true;
                    if (former != null && unmap(former.range) != HostResult.OK) { // held: as if nothing was tried
                        if (remove(id) == Memslots.Change.BUSY || blocks.putIfAbsent(id, former) != null) {
                            giveUp(former.range);
                        }
                        return Memslots.Change.BUSY;
                    }
                } finally {
                    if (!added) { // no memory to remember it: taken out again, or it stays as the slot's
                        added = deleteIfThere(made) == Memslots.Change.BUSY;
                    }
                }
                if (vm.isClosed()) { // meanwhile: either close() finds the block, or this finds that it has begun
                    remove(id);
                    vm.requireOpen();
                }
            }
            return change;
        } catch (Throwable e) {
            failure = e;
            throw e;
        } finally {
            if (!added) {
                takeBack(List.of(), List.of(range), 0, 0, failure);
            }
        }
    }

    /**
     * Takes out what was added under a number: the slot, wherever it is by now, and the memory behind it.
     *
     * @param id number of the slot
     * @return DONE; UNCHANGED if nothing was added under the number, or it has been removed; BUSY if the memory map
     *     could not be changed now, or, with the slot gone, the memory not be unmapped, which a vCPU holds through
     *     another slot: the next call takes out what is left, and an {@link #add} under the number is BUSY before
     */
    public Memslots.Change remove(int id) {
        Block block = blocks.remove(id); // the thread that gets it removes it
        if (block == null) {
            return Memslots.Change.UNCHANGED;
        }
        Memslots.Change change = Memslots.Change.BUSY;
        try {
            change = deleteIfThere(block.slot);
            if (change == Memslots.Change.DONE && unmap(block.range) != HostResult.OK) {
                change = Memslots.Change.BUSY;
            }
            return change;
        } finally {
            if (change == Memslots.Change.BUSY && blocks.putIfAbsent(id, block) != null) { // another has the number
                giveUp(block.range);
            }
        }
    }

    /** Deletes a slot; it may have been deleted by other means, and the number given to something else. */
    private Memslots.Change deleteIfThere(Memslot made) {
        Memslot now = memslots.table().byId(made.id());
        try {
            return now != null && now.isSameSlotAs(made) ? memslots.delete(now.id()) : Memslots.Change.DONE;
        } catch (Memslots.Rejected e) {
            return Memslots.Change.DONE; // deleted by another call
        }
    }

    /** Empties the memory map, and gives back what was added here; the slots that are still in use. */
    List<Memslot> close() {
        List<Memslot> left = new ArrayList<>();
        Failures.each(memslots.table(), slot -> {
            if (deleteIfThere(slot) == Memslots.Change.BUSY) {
                left.add(slot);
            }
        });
        Failures.each(blocks.values(), block -> {
            if (left.stream().noneMatch(block.slot::isSameSlotAs) && remove(block.slot.id()) == Memslots.Change.BUSY) {
                left.add(block.slot); // it is gone, and its memory in use by another VM
            }
        });
        return left;
    }

    /** The snapshots that are not closed. */
    Set<RamSnapshot> snapshots() {
        return snapshots;
    }

    private HostResult unmap(HvaRange range) {
        return host.unmap(range.start(), range.npages());
    }

    /** Unmaps memory that no slot shows. */
    private void giveUp(HvaRange range) {
        if (unmap(range) != HostResult.OK) {
            throw new IllegalStateException(range + " stays mapped");
        }
    }

    /**
     * Keeps what is in the guest's memory now, all slots, however their memory came in, at one moment: see {@link
     * HostMemory#snapshot}. The guest may run meanwhile. Registers, timers and devices are not in it: stop the vCPUs
     * first to have a point that they agree with.
     *
     * <p>Memory that is filled lazily is filled first, as far as it has not been touched: its fault handlers are asked,
     * as by the guest, and the snapshot asks none any more. They cannot change the memory map meanwhile (BUSY).
     *
     * @return the snapshot, to be {@linkplain RamSnapshot#close closed}
     * @throws IllegalStateException if memory is short, a mapped file cannot be read, a fault handler refuses a page,
     *     or mappings would not hold still; see {@link HostMemory#snapshot(List)}
     */
    public RamSnapshot snapshot() {
        return snapshot(slot -> true);
    }

    /**
     * Keeps what is in some slots now, as {@link #snapshot()} does of all: without a framebuffer, or of one bank.
     * {@link #rewind} and {@link #addAll} are of these slots alone.
     *
     * @param which the slots that are wanted; asked by this thread, of each slot of the memory map
     * @return the snapshot, to be {@linkplain RamSnapshot#close closed}
     * @throws IllegalStateException as there
     */
    public RamSnapshot snapshot(Predicate<Memslot> which) {
        // What is in the table stays mapped until the section is left: a slot that goes meanwhile is not gone before.
        int readers = memslots.enterRead();
        try {
            List<Memslot> slots = new ArrayList<>();
            memslots.table().forEach(slots::add);
            slots.removeIf(which.negate());
            List<HvaRange> memory = slots.stream()
                    .map(slot -> HvaRange.ofPages(slot.hva(), slot.npages()))
                    .toList(); // of this VM alone: the host may have others
            HostMemory kept = host.snapshot(memory);
            boolean done = false;
            try {
                RamSnapshot snapshot = new RamSnapshot(slots, kept, snapshots::remove);
                done = snapshots.add(snapshot);
                return snapshot;
            } finally {
                if (!done) {
                    kept.close();
                }
            }
        } finally {
            memslots.exitRead(readers);
        }
    }

    /**
     * Adds the slots of a snapshot, of this VM's or another's, with what was in them: a VM made from a snapshot. The
     * memory is fresh, all of it kept by the library; pages without content take none.
     *
     * @param snapshot not closed
     * @return DONE; UNCHANGED if there are none; BUSY if the memory map could not be changed now: then none is there,
     *     but for those that a reader of the memory map held up, which {@link #remove} takes out
     * @throws IllegalArgumentException ({@link Memslots.Rejected}) if a slot of the snapshot has no place here; nothing
     *     has changed
     * @throws IllegalStateException if the snapshot is closed, or the host has no room; nothing has changed
     */
    public Memslots.Change addAll(RamSnapshot snapshot) {
        return RamImage.copy(snapshot, this);
    }

    /**
     * Adds the slots that {@link RamSnapshot#save} has written, with what was in them. The memory is fresh, all of it
     * kept by the library; pages without content take none. What was read is checked before the guest sees any of it.
     *
     * @param from is read up to the end of what was saved, and not closed
     * @return as for {@link #addAll}
     * @throws IOException if it cannot be read, ends early, or is not what was saved; nothing has changed
     * @throws IllegalArgumentException ({@link Memslots.Rejected}) if a slot has no place here; nothing has changed
     * @throws IllegalStateException if the host has no room; nothing has changed
     */
    public Memslots.Change load(InputStream from) throws IOException {
        return RamImage.load(from, this);
    }

    /**
     * Makes the guest's memory what it was at a snapshot, at one moment, or not at all. Caches stay active and see the
     * old bytes at their next access; what may have changed is marked dirty, in every slot that shows it. The snapshot
     * can be used again.
     *
     * <p>The contents go back, the memory map does not: each slot of the snapshot has to be there with its number,
     * address and size, though it may be other memory, of any kind. So after hot-plug, add what has been removed, and
     * call this then. Slots that came since stay as they are.
     *
     * @param snapshot one of this VM's host memory, not closed
     * @return OK; else why not, with nothing changed: EINVAL also if two slots show the same memory now, and showed
     *     different memory then; see {@link HostMemory#rewind}
     * @throws IllegalStateException if a slot of the snapshot is not there, or it is closed; nothing has changed then
     */
    public HostResult rewind(RamSnapshot snapshot) {
        int readers = memslots.enterRead();
        try {
            List<Memslot> formers = snapshot.slots();
            MemslotTable now = memslots.table();
            List<Memslot> slots = formers.stream().map(former -> successor(now, former)).toList();
            SharedMemory shared = new SharedMemory(host);
            shared.lookAt(now, List.of());
            List<RewindRange> ranges = new ArrayList<>();
            for (int i = 0; i < slots.size(); i++) { // bounded by the slots
                ranges.add(new RewindRange(formers.get(i).hva(), slots.get(i).hva(), slots.get(i).npages()));
            }
            RewoundPages changed = new RewoundPages();
            try {
                return host.rewind(snapshot.memory(), ranges, changed);
            } finally {
                changed.mark(now, shared);
            }
        } finally {
            memslots.exitRead(readers);
        }
    }

    private static Memslot successor(MemslotTable now, Memslot former) {
        Memslot slot = now.byId(former.id());
        if (slot == null || slot.baseGfn() != former.baseGfn() || slot.npages() != former.npages()) {
            throw new IllegalStateException(
                    "the snapshot has " + former + ", but now there is " + (slot == null ? "none" : slot));
        }
        return slot;
    }

    @Override
    public String toString() {
        return "RAM in slots " + new TreeMap<>(blocks);
    }
}
