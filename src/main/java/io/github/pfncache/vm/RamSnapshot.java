package io.github.pfncache.vm;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostResult;
import io.github.pfncache.memslot.Memslot;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

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

    private final List<Memslot> slots;
    private final HostMemory memory;
    private final Consumer<RamSnapshot> closed;

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
     */
    public int read(long gpa, byte[] into) {
        int done = 0;
        while (done < into.length) { // bounded by the pages that the bytes span
            long at = gpa + done;
            byte[] part = new byte[Math.min(into.length - done, Pages.PAGE_SIZE - Pages.offsetInPage(at))];
            Memslot slot = Pages.wraps(gpa, done + 1L) ? null : find(Pages.gpaToGfn(at));
            if (slot == null
                    || memory.peek(slot.gfnToHva(Pages.gpaToGfn(at)) + Pages.offsetInPage(at), part) != HostResult.OK) {
                break;
            }
            System.arraycopy(part, 0, into, done, part.length);
            done += part.length;
        }
        return done;
    }

    private Memslot find(long gfn) {
        for (Memslot slot : slots) { // bounded by the slots
            if (slot.contains(gfn)) {
                return slot;
            }
        }
        return null;
    }

    HostMemory memory() {
        return memory;
    }

    /** Lets go of the memory that only the snapshot still needs. It reads nothing, and cannot be put back, any more. */
    @Override
    public void close() {
        memory.close();
        closed.accept(this);
    }

    @Override
    public String toString() {
        return "snapshot of " + Arrays.toString(slots.toArray());
    }
}
