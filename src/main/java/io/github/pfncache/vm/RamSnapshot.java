package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.host.RewindRange;
import io.github.pfncache.memslot.Memslot;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PrimitiveIterator;
import java.util.function.Consumer;
import java.util.stream.LongStream;

/**
 * The content of guest memory at one moment: see {@link GuestRam#snapshot}.
 *
 * <pre>{@code
 * try (RamSnapshot snapshot = vm.ram().snapshot()) {
 *     ...                                   // the guest runs on
 *     vm.ram().rewind(snapshot);
 * }
 * }</pre>
 *
 * <p>Thread-safe. Kernel counterpart: a forked VMM, as {@code fork()} snapshots of a running guest are taken.
 *
 * @since 0.1.0
 */
public final class RamSnapshot implements AutoCloseable {

    private static final byte[] EMPTY = new byte[Pages.PAGE_SIZE];

    private final List<Memslot> slots;
    private final HostMemory memory;
    private final Consumer<RamSnapshot> closed;
    private volatile boolean open = true;

    /** Told when it is closed: {@code closed}. */
    RamSnapshot(List<Memslot> slots, HostMemory memory, Consumer<RamSnapshot> closed) {
        this.slots = List.copyOf(slots);
        this.memory = memory;
        this.closed = closed;
    }

    /**
     * The slots that it has, as they were.
     *
     * @return ascending by address
     */
    public List<Memslot> slots() {
        return slots;
    }

    /**
     * Reads what the guest's memory was, in ascending order, up to the first page that was not in a slot or not mapped.
     *
     * @param gpa guest physical address of the first byte, any value
     * @param into receives the bytes
     * @return number of bytes read, 0 to {@code into.length}
     * @throws IllegalStateException if the snapshot is closed
     */
    public int read(long gpa, byte[] into) {
        requireOpen();
        int done = 0;
        while (done < into.length) { // bounded by the pages that the bytes span
            long at = gpa + done;
            byte[] part = new byte[Math.min(into.length - done, Pages.PAGE_SIZE - Pages.offsetInPage(at))];
            long gfn = Pages.gpaToGfn(at);
            Memslot slot = slots.stream().filter(one -> one.contains(gfn)).findFirst().orElse(null);
            if (slot == null || memory.peek(slot.gfnToHva(gfn) + Pages.offsetInPage(at), part) != HostResult.OK) {
                break;
            }
            System.arraycopy(part, 0, into, done, part.length);
            done += part.length;
        }
        return done;
    }

    /**
     * Writes all of it: the slots, and the pages that have content. {@link GuestRam#load} makes memory of it again.
     *
     * @param to is flushed, and not closed
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if the snapshot is closed
     */
    public void save(OutputStream to) throws IOException {
        RamImage.save(this, to);
    }

    /**
     * The pages that have content: those with a byte that is not 0.
     *
     * @return guest frame numbers, ascending; to be used while the snapshot is open
     */
    public LongStream pagesWithContent() {
        return slots.stream().flatMapToLong(slot ->
                touched(slot).filter(gfn -> !Arrays.equals(page(slot, gfn), EMPTY)));
    }

    private LongStream touched(Memslot slot) {
        return unlike(slot, slot.baseGfn(), slot.endGfn(), null, slot.hva());
    }

    /** Pages of a part of a slot that may be other than in a memory, from some address there on. */
    private LongStream unlike(Memslot slot, long from, long end, HostMemory other, long hva) {
        long first = slot.gfnToHva(from);
        return memory().unlikePages(other, new RewindRange(hva, first, end - from))
                .map(at -> from + (at - first >>> Pages.PAGE_SHIFT));
    }

    /**
     * The pages that are not what they were in a former snapshot, of this VM's or another's; also those that were in no
     * slot of it. Between snapshots of one VM, it costs what has changed: see {@link HostMemory#unlikePages}.
     *
     * @param former an open snapshot
     * @return guest frame numbers, ascending; to be used while both snapshots are open
     */
    public LongStream pagesChangedSince(RamSnapshot former) {
        return slots.stream().flatMapToLong(slot -> {
            List<LongStream> changed = new ArrayList<>();
            long from = slot.baseGfn();
            for (Memslot before : former.slots) { // ascending, bounded by the slots
                long start = Math.max(from, before.baseGfn());
                long end = Math.min(slot.endGfn(), before.endGfn());
                if (start < end) {
                    changed.add(LongStream.range(from, start));
                    changed.add(unlike(slot, start, end, former.memory(), before.gfnToHva(start))
                            .filter(gfn -> !Arrays.equals(page(slot, gfn), former.page(before, gfn))));
                    from = end;
                }
            }
            changed.add(LongStream.range(from, slot.endGfn()));
            return changed.stream().flatMapToLong(part -> part);
        });
    }

    /** What is done with a page that has content. */
    interface PageVisitor {
        void visit(long gfn, byte[] page) throws IOException;
    }

    /** Visits the pages of a slot that have content, ascending; each is read once. */
    void visitContent(Memslot slot, PageVisitor visitor) throws IOException {
        for (PrimitiveIterator.OfLong gfns = touched(slot).iterator(); gfns.hasNext(); ) { // bounded by the slot
            long gfn = gfns.nextLong();
            byte[] page = page(slot, gfn);
            if (!Arrays.equals(page, EMPTY)) {
                visitor.visit(gfn, page);
            }
        }
    }

    /** A page of a slot; zeros if nothing is mapped there. */
    byte[] page(Memslot slot, long gfn) {
        byte[] page = new byte[Pages.PAGE_SIZE];
        HostResult read = memory.peek(slot.gfnToHva(gfn), page);
        if (read != HostResult.OK && read != HostResult.EFAULT) {
            throw new IllegalStateException(read + " reading gfn=" + Pages.hex(gfn) + " of " + slot);
        }
        requireOpen(); // after it: what was read was there, or nothing is mapped
        return page;
    }

    HostMemory memory() {
        requireOpen();
        return memory;
    }

    private void requireOpen() {
        if (!open) {
            throw new IllegalStateException("closed: " + this);
        }
    }

    /** Lets go of the memory that only the snapshot still needs. It reads nothing, and cannot be put back, any more. */
    @Override
    public void close() {
        open = false;
        memory.close();
        closed.accept(this);
    }

    @Override
    public String toString() {
        return "snapshot of " + Arrays.toString(slots.toArray());
    }
}
