package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;

/**
 * Memory of a {@link HostMemory} taken as a whole: brought in by the caller, copied, put back.
 *
 * <p>Public calls of {@code HostMemory}, in a file of their own.
 */
abstract sealed class MemoryBlocks extends MemoryMap permits HostMemory {

    /**
     * Maps a caller's buffer: {@link #mapBuffers} of one block.
     *
     * @param hva first address
     * @param buffer its bytes from position to limit, a positive multiple of 4096
     * @param protection what is allowed
     * @return OK, or ENOMEM if there are too many mappings or buffers
     * @throws IllegalArgumentException if the buffer is read-only or not a number of pages
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapBuffer(long hva, ByteBuffer buffer, Protection protection) {
        return mapBuffers(hva, List.of(buffer), protection);
    }

    /**
     * Maps a caller's array: {@link #mapBuffers} of the wrapped array.
     *
     * @param hva first address
     * @param bytes a positive multiple of 4096 bytes
     * @param protection what is allowed
     * @return OK, or ENOMEM if there are too many mappings
     * @throws IllegalArgumentException if the length is not a number of pages
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapBuffer(long hva, byte[] bytes, Protection protection) {
        return mapBuffers(hva, List.of(ByteBuffer.wrap(bytes)), protection);
    }

    /**
     * Maps memory that the caller has, block after block, shared: guest and caller see the same bytes, at once. Heap,
     * direct and mapped buffers may be mixed. What belongs to the buffers and not to the bytes does not matter and does
     * not change: position, limit, mark, byte order.
     *
     * <p><b>Blocks of any place, of whole pages.</b> A block may begin anywhere: a slice with an odd offset is as good,
     * but see {@link #hasNativeAtomics}. Its length has to be a multiple of 4096: a part of a page is refused.
     *
     * <p><b>Aliases.</b> A block, or a part of it, may be mapped any number of times: that is the same memory at
     * several addresses. Each address faults, is invalidated and is logged dirty for itself; a follower of the log
     * knows of aliases, but for buffers that are not arrays and were brought in twice. Atomic accesses exclude
     * each other through every alias, if its distance from the others is a multiple of 8 bytes.
     *
     * <p><b>The caller's own accesses</b> go past this library: they are not logged as dirty, no lock of a cache holds
     * them back, and no unmap waits for them. What other threads see of them is the Java memory model's business, as
     * with any shared buffer: to hand a value over, use an ordered access on both sides. That of the guest's side is
     * one only where {@link #hasNativeAtomics} is true.
     *
     * <p><b>What the host does with such pages.</b> They are never moved and never evicted: {@link HostMemory#migrate}
     * answers EINVAL, {@link #evict} OK with nothing done. {@link #discard} takes the mapping away and keeps the bytes;
     * {@link #remove} answers EINVAL. {@link HostMemory#fork} shares them with the child; {@link HostMemory#snapshot}
     * copies them. The blocks stay referenced until no memory of the family maps them, then they are let go. Memory
     * that can be freed by other means than by the garbage collector must outlive that, and the loads that were under
     * way then: a load of a cache reads first, and finds out afterwards that the value is worthless.
     *
     * @param hva first address
     * @param blocks their bytes from position to limit, each a positive multiple of 4096; at most 2<sup>31</sup> - 1
     *     pages. Each block, and each 4 MiB of one, takes one of some 2 million numbers: 8 GiB of single pages
     * @param protection what is allowed
     * @return OK, or ENOMEM if there are too many mappings or blocks
     * @throws IllegalArgumentException if a block is read-only or not a number of pages, or there is none
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapBuffers(long hva, List<ByteBuffer> blocks, Protection protection) {
        Objects.requireNonNull(protection, "protection");
        HvaRange.roundedOut(hva, Math.max(1, blocks.stream().mapToLong(ByteBuffer::remaining).sum()));
        if (!Pages.isPageAligned(hva)) {
            throw new IllegalArgumentException("hva=" + Pages.hex(hva) + " is not page aligned");
        }
        HostFile file = family().adopt(blocks);
        if (file == null) {
            return HostResult.ENOMEM;
        }
        try {
            return mapShared(hva, file.npages(), file, 0, protection);
        } finally { // if it could not be mapped; with nothing to allocate, or that could fail too
            family().lock.lock();
            try {
                family().forgetUnmapped(file.pages());
            } finally {
                family().lock.unlock();
            }
        }
    }

    /**
     * Whether ordered and atomic accesses to a buffer mapped here would be the processor's own, and so be atomic
     * against the caller's own ones too. Where not, they exclude each other by a lock: see {@link HostMapping}. False
     * for pages that do not begin at a multiple of 8 bytes, and for all memory on the heap on newer platforms: JDK 17
     * has such accesses there, JDK 25 has not.
     *
     * @param buffer its bytes from position to limit
     * @return what {@link HostMapping#hasNativeAtomics} will answer
     */
    public static boolean hasNativeAtomics(ByteBuffer buffer) {
        return !buffer.isReadOnly() && LockAtomics.areNative(buffer, buffer.position());
    }

    /**
     * Finds room and maps it without access, for something else to be mapped over it: {@code mmap(NULL, PROT_NONE)}.
     * What is found lies in [2<sup>55</sup>, 2<sup>56</sup>) and is used again as late as possible; who chooses
     * addresses himself stays below that.
     *
     * @param npages number of pages, at least 1
     * @return the first address; -1 if there are too many mappings, or that much room is nowhere
     * @throws IllegalArgumentException if {@code npages} is below 1
     * @throws IllegalStateException if this memory is closed
     */
    public long reserve(long npages) {
        if (npages < 1) {
            throw new IllegalArgumentException("npages=" + npages);
        }
        return ranges().reserve(npages);
    }

    // ---- copies

    /**
     * Makes a child: private pages are shared copy on write, shared mappings are shared. Notifiers and fault handlers
     * are not inherited. To keep what memory is now, all of it, take a {@link #snapshot}.
     *
     * @return the child, to be {@linkplain HostMemory#close closed}
     * @throws IllegalStateException if this memory is closed, or its notifiers kept changing
     */
    public HostMemory fork() {
        return Fork.of(self());
    }

    /**
     * Makes a child whose pages are all private and stay as they are now: {@link #snapshot(List)} of everything.
     *
     * @return the child, to be {@linkplain HostMemory#close closed}; nobody is told of its changes
     * @throws IllegalStateException as there
     */
    public HostMemory snapshot() {
        return snapshot(List.of(HvaRange.WHOLE));
    }

    /**
     * Makes a child of some ranges, whose pages are all private and stay as they are now: {@link #fork}, and what is
     * mapped of files and of callers' memory is copied. Private pages cost nothing before they are written, zeros and
     * the holes of a file nothing at all; the copied ones cost their size at once, and the time to copy it, for which
     * the ranges stand still, and whoever else maps the same files.
     *
     * <p><b>What is in it.</b> One moment, for all pages together: every access through a mapping that a notifier
     * guards has either ended before, or begins after. It is so for the accesses of caches and for
     * {@link HostMemory#copyToUser}. It is not so for those who go past the library, the caller's own accesses to its
     * buffers; nor for an operation of several accesses, which the moment may fall between.
     *
     * <p><b>Pages that a {@linkplain HostMemory#registerFaultHandler fault handler} has still to fill</b> are filled
     * first, as by somebody who reads them: so the snapshot has what a reader would get, and never asks anybody.
     *
     * @param ranges what to copy, as far as it is mapped; may overlap
     * @return the child, to be {@linkplain HostMemory#close closed}; nobody is told of its changes
     * @throws IllegalStateException if this memory is closed, memory is short, a mapped file cannot be read, a fault
     *     handler refuses a page, or notifiers, files and pages kept changing. Nothing has changed then, and no frame
     *     stays taken, but for pages that a handler has filled; so it is, too, when a handler or a notifier throws
     */
    public HostMemory snapshot(List<HvaRange> ranges) {
        return Snapshot.of(self(), ranges);
    }

    /**
     * Makes the pages of a range what they are in another memory of the family: puts a {@link #snapshot} back. As at
     * the snapshot, that is one moment for the whole range; notifiers are told of the range, so no cache keeps what was
     * there. Private pages become shared with the snapshot, copy on write; into shared ones the bytes are copied, if
     * they differ. The snapshot stays as it is, and can be put back again.
     *
     * <p>How pages are protected and what they are mapped of does not change; mappings of files without the right to
     * write them are passed over.
     *
     * @param snapshot another memory of the same family, whose pages there are private and not a file's
     * @param from first address in the snapshot
     * @param hva first address here
     * @param npages number of pages, at least 1
     * @param changed told the address here of each page that may have other bytes now, ascending, with no lock held;
     *     if it throws, it is told of the others all the same
     * @return OK; EINVAL if the snapshot is this memory, another family's, or has other pages there; ENOMEM if the
     *     range has a hole here or memory is short, EFAULT if it has pages in the snapshot that are behind a file's end
     *     here, EIO if a file cannot be read, BUSY if mappings would not hold still: all with nothing changed
     */
    public HostResult rewind(HostMemory snapshot, long from, long hva, long npages, LongConsumer changed) {
        return rewind(snapshot, List.of(new RewindRange(from, hva, npages)), changed);
    }

    /**
     * As {@link #rewind(HostMemory, long, long, long, LongConsumer)}, of several ranges at one moment, all or none.
     *
     * @param snapshot another memory of the same family, whose pages there are private and not a file's
     * @param ranges what goes where
     * @param changed told the address here of each page that may have other bytes now, with no lock held; if it throws,
     *     it is told of the others all the same
     * @return as there
     */
    public HostResult rewind(HostMemory snapshot, List<RewindRange> ranges, LongConsumer changed) {
        if (snapshot == this || snapshot.family() != family()) {
            return HostResult.EINVAL;
        }
        return new Rewind(self(), snapshot, ranges).run(changed);
    }

    /**
     * What the pages of a range are of: who knows that finds the same memory at other addresses.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return the runs, ascending by address; nothing for what is not mapped, two for a private mapping of a file: its
     *     own pages and the file's
     */
    public List<MemoryRun> runs(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return family().getLocked(() -> MemoryRun.within(self(), first(range), end(range)));
    }

    private HostMemory self() {
        return (HostMemory) this; // sealed: there is no other
    }
}
