package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;

/**
 * The address space of an emulated host process: hva to page frame to mapping.
 *
 * <pre>{@code
 * HostMemory host = HostMemory.builder().build();
 * host.mapAnonymous(0x7f0000000000L, 16, Protection.READ_WRITE);
 * HostPage page = host.hvaToPage(0x7f0000000000L);   // null: the address has no writable page
 * HostMapping khva = host.map(page);
 * host.release(page);                                // the notifier protects the mapping from here on
 * khva.put(8, 8, 42);
 * host.unmap(khva);
 * }</pre>
 *
 * <p>Memory is committed page by page on first touch. Every call that takes mappings away tells the registered
 * {@linkplain MmuNotifier notifiers} first, with no lock held, and afterwards; a frame is freed only between the two.
 *
 * <p>Ranges are given as a page-aligned hva and a number of pages; one that is not a range of user pages is a caller's
 * bug and throws {@link IllegalArgumentException}, with nothing changed. What depends on the state of the memory is a
 * {@link HostResult}. A call answers BUSY if other threads have changed the mappings under it in each of 16 attempts,
 * or if a notifier refused the change: a vCPU in guest mode has not given a page back in time.
 *
 * <p>Kernel counterpart: {@code struct mm_struct} with its page tables and the {@code mmap()} family of calls;
 * {@code hva_to_pfn()} and {@code gpc_map()} of KVM. Thread-safe.
 *
 * @since 0.1.0
 */
public final class HostMemory implements AutoCloseable {

    private final AddressSpace space;
    private final PageStore store;
    private final RangeOps ranges;
    private final Residency residency;
    private final ProcessCopy copies;
    private final StripedCount liveMappings = new StripedCount();

    HostMemory(AddressSpace space) {
        this.space = space;
        this.store = space.store;
        this.ranges = new RangeOps(space);
        this.residency = new Residency(space);
        this.copies = new ProcessCopy(space);
    }

    /**
     * Starts the configuration of an address space.
     *
     * @return a builder with the defaults
     */
    public static HostMemoryBuilder builder() {
        return new HostMemoryBuilder();
    }

    // ---- hva -> page -> mapping

    /**
     * Resolves an address to the page that backs it now, for writing. May fault, call a fault handler, block, and
     * invalidate on this very thread (when it breaks a copy-on-write sharing). A resident writable page costs no lock.
     *
     * <p>Call with no access open. Of the library's locks those may be held that may be slept under, down to
     * {@link io.github.pfncache.rules.LockClass#REFRESH} ([rule L8]).
     *
     * @param uhva any 64-bit value
     * @return the page with one reference taken, to be {@linkplain #release released}; null if there is none: not
     *     mapped, not writable, after the end of its file, refused by the handler, or out of memory
     */
    public HostPage hvaToPage(long uhva) {
        HostPage page = hvaToPage(uhva, true);
        return page == HostPage.BUSY ? null : page;
    }

    /**
     * Resolves an address to the page that backs it now; as {@link #hvaToPage(long)}.
     *
     * @param uhva any 64-bit value
     * @param forWriting false if it will only be read: then it may be shared, and need not be writable
     * @return the page with one reference taken; null if there is none; {@link HostPage#BUSY}, which is not to be
     *     released, if it cannot be had now. A private page that shows a file gets a copy
     */
    public HostPage hvaToPage(long uhva, boolean forWriting) {
        HeldLocks.mightSleep("hvaToPage");
        if (uhva < 0 || uhva >= HvaRange.USER_END) {
            return null;
        }
        long page = uhva >>> Pages.PAGE_SHIFT;
        long pte = space.table.get(page);
        if (Pte.isWritable(pte)) {
            int pfn = Pte.index(pte);
            Interleaving.reached("host.resident.seen");
            // Reference first, then look again: pairs with Residency and RangeOps, which clear the entry first and then
            // look at the references or drop theirs. The same entry again means that it named this live frame.
            if (store.frames.tryGet(pfn)) {
                if (space.table.get(page) == pte) {
                    return referenced(pfn);
                }
                store.frames.put(pfn);
            }
        }
        HostPage[] found = new HostPage[1];
        FaultPath.FrameUse use = pfn -> {
            store.frames.get(pfn);
            found[0] = referenced(pfn);
        };
        FaultPath fault = new FaultPath(space, page, forWriting ? FaultPath.Access.WRITE : FaultPath.Access.READ, use);
        boolean busy = fault.run() == FaultPath.End.BUSY;
        Interleaving.reached("host.resolved");
        return busy ? HostPage.BUSY : found[0];
    }

    /** Hands a frame's reference out, or gives it back: there may be no memory for a page. */
    private HostPage referenced(int pfn) {
        HostPage page = null;
        try {
            page = new HostPage(space, pfn);
            space.pageReferences.add(1);
            return page;
        } finally {
            if (page == null) {
                store.frames.put(pfn);
            }
        }
    }

    /**
     * Gives a reference back. The frame is freed if it was the last.
     *
     * @param page a page of this memory whose reference is held
     * @throws IllegalStateException if the reference has been given back before, or is another memory's
     */
    public void release(HostPage page) {
        boolean held = page.endFrom(space);
        HostRule.PAGE_RELEASED_ONCE.check(held, page);
        if (!held) {
            throw new IllegalStateException(page + " is not held from this memory");
        }
        space.pageReferences.add(-1);
        store.frames.put(page.frame());
    }

    /**
     * Maps a page. The mapping outlives the reference: what keeps it right afterwards is the notifier. May sleep: call
     * as {@link #hvaToPage(long)}, with no access open.
     *
     * @param page a page of this memory whose reference is held
     * @return the mapping, to be {@linkplain #unmap unmapped}
     * @throws IllegalStateException if the reference is not held from this memory
     */
    public HostMapping map(HostPage page) {
        return map(page, null);
    }

    /**
     * Maps a page; a mapping that the caller has already is used again if it is of this very frame.
     *
     * @param page a page of this memory whose reference is held
     * @param former a mapping made by this memory and not unmapped, or null
     * @return {@code former} if it maps the page; otherwise a new mapping, to be {@linkplain #unmap unmapped} as well
     * @throws IllegalStateException if the reference is not held from this memory
     */
    public HostMapping map(HostPage page, HostMapping former) {
        HeldLocks.mightSleep("map");
        Interleaving.reached("host.map");
        if (!page.isLiveFrom(space)) {
            throw new IllegalStateException(page + " is not held from this memory");
        }
        if (former != null && former.isLiveFrom(space) && former.isOf(store.frames, page.frame())) {
            return former;
        }
        HostMapping khva = new HostMapping(space, store.frames, page.frame());
        liveMappings.add(1); // last: there may be no memory for a mapping
        return khva;
    }

    /**
     * Ends a mapping. May sleep: call as {@link #hvaToPage(long)}, with no access open.
     *
     * @param mapping a mapping made by {@link #map} of this memory
     * @throws IllegalStateException if it was unmapped before, or is another memory's
     */
    public void unmap(HostMapping mapping) {
        HeldLocks.mightSleep("unmap");
        Interleaving.reached("host.unmap");
        boolean live = mapping.endFrom(space);
        HostRule.MAPPING_UNMAPPED_ONCE.check(live, mapping);
        if (!live) {
            throw new IllegalStateException(mapping + " is not mapped by this memory");
        }
        liveMappings.add(-1);
    }

    // ---- what is mapped

    /**
     * Maps fresh private pages over whatever was there: {@code mmap(MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param protection what is allowed
     * @return OK, or ENOMEM if there are too many mappings
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapAnonymous(long hva, long npages, Protection protection) {
        return ranges.map(Vma.anonymous(HvaRange.ofPages(hva, npages), protection));
    }

    /**
     * Maps pages of a file, shared: {@code mmap(MAP_FIXED | MAP_SHARED)}. May reach beyond the file's end.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param file a file of this family
     * @param filePage page of the file at {@code hva}
     * @param protection what is allowed
     * @return OK; EACCES for a writable mapping of a read-only handle; ENOMEM if there are too many mappings
     * @throws IllegalArgumentException if the file is another family's or the file range is impossible
     * @throws IllegalStateException if this memory, or the file's handle, is closed
     */
    public HostResult mapShared(long hva, long npages, HostFile file, long filePage, Protection protection) {
        if (protection == Protection.READ_WRITE && !file.isWritable()) {
            return HostResult.EACCES;
        }
        return file.during(() -> ranges.map(fileMapping(hva, npages, file, filePage, true, protection)));
    }

    /**
     * Maps pages of a file, private: reads see the file until a page is first written ({@code mmap(MAP_FIXED |
     * MAP_PRIVATE)}).
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param file a file of this family
     * @param filePage page of the file at {@code hva}
     * @param protection what is allowed
     * @return OK, or ENOMEM if there are too many mappings
     * @throws IllegalArgumentException if the file is another family's or the file range is impossible
     * @throws IllegalStateException if this memory, or the file's handle, is closed
     */
    public HostResult mapPrivate(long hva, long npages, HostFile file, long filePage, Protection protection) {
        return file.during(() -> ranges.map(fileMapping(hva, npages, file, filePage, false, protection)));
    }

    private Vma fileMapping(
            long hva, long npages, HostFile file, long filePage, boolean shared, Protection protection) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        HostFile.checkRange(filePage, npages);
        if (file.pages.store != store) {
            throw new IllegalArgumentException(file + " belongs to another memory");
        }
        boolean mayWrite = !shared || file.isWritable();
        return Vma.of(range, file.pages, filePage, shared, mayWrite, protection);
    }

    /**
     * Makes a file that every memory of this family can map: {@code memfd_create()} and {@code ftruncate()}.
     *
     * @param npages its size; all holes
     * @return a writable handle, to be {@linkplain HostFile#close closed}
     * @throws IllegalArgumentException if the size is negative or beyond 2<sup>44</sup> pages
     */
    public HostFile createFile(long npages) {
        HostFile.checkRange(npages, 0);
        return HostFile.open(space.family, new FilePages(store, npages << Pages.PAGE_SHIFT, false, null), true);
    }

    /**
     * Opens a real file for mapping by every memory of this family: {@code open()}. Pages are read when they are first
     * needed; where the file has holes, and after its end in the last page, they are zeros. What is written stays in
     * memory until {@link HostFile#sync}.
     *
     * <p>The channel stays the caller's: it is used by offset only, its position does not matter, and only the caller
     * closes it. Close it when no page of the file is needed any more, after a last {@code sync}. Without it pages
     * that are resident work on, the others are faults, and {@code sync} throws. Do not open it for appending, nor
     * change the file by other means as long as it is mapped. It is used on threads of the library's own: an interrupt
     * of a thread that needs a page, or syncs, closes nothing and is kept until the page is there.
     *
     * @param channel a readable channel; if it is not writable, the result is {@linkplain HostFile#asReadOnly
     *     read-only}
     * @return a handle, to be {@linkplain HostFile#close closed}; as many pages as the file's size needs
     * @throws IOException if the size of the file cannot be read
     * @throws IllegalArgumentException if the channel is not readable or the file larger than 2<sup>56</sup> bytes
     */
    public HostFile openFile(FileChannel channel) throws IOException {
        ByteBuffer nothing = ByteBuffer.allocate(0);
        boolean writable = true;
        long size = Undisturbed.call(channel::size);
        HostFile.checkOffset(size, 0);
        try {
            Undisturbed.call(() -> channel.read(nothing, 0) + channel.write(nothing, 0));
        } catch (NonReadableChannelException e) {
            throw new IllegalArgumentException("the channel is not open for reading", e);
        } catch (NonWritableChannelException e) {
            writable = false;
        }
        FilePages file = new FilePages(store, size, false, new Backing(channel, size, writable));
        return HostFile.open(space.family, file, writable);
    }

    /**
     * Takes a range away: {@code munmap()}. Holes do not matter.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if splitting would make too many mappings
     */
    public HostResult unmap(long hva, long npages) {
        return ranges.unmap(HvaRange.ofPages(hva, npages));
    }

    /**
     * Moves what is mapped in a range to another place, over what was there: {@code mremap(MREMAP_MAYMOVE |
     * MREMAP_FIXED)} with an unchanged size. Frames move along. Holes after the first page are skipped, and what is at
     * the place that a hole would go to stays.
     *
     * @param hva first address of the source
     * @param npages number of pages, at least 1
     * @param newHva first address of the destination
     * @return OK; EFAULT if the first page is not mapped; EINVAL if the ranges overlap; ENOMEM with too many mappings;
     *     nothing changed unless OK
     */
    public HostResult move(long hva, long npages, long newHva) {
        return ranges.move(HvaRange.ofPages(hva, npages), HvaRange.ofPages(newHva, npages));
    }

    /**
     * Changes the protection page by page up to the first hole: {@code mprotect()}. Only pages whose protection changes
     * are told to the notifiers.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param protection what is allowed from now on
     * @return OK; ENOMEM at a hole or with too many mappings; EACCES at a shared mapping of a read-only file
     */
    public HostResult protect(long hva, long npages, Protection protection) {
        return ranges.protect(HvaRange.ofPages(hva, npages), Objects.requireNonNull(protection, "protection"));
    }

    // ---- advice: contents and frames

    /**
     * Forgets private pages, which become zero (or the file's) again; shared pages keep their content:
     * {@code madvise(MADV_DONTNEED)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if there is a hole, with the rest done
     */
    public HostResult discard(long hva, long npages) {
        return ranges.discard(HvaRange.ofPages(hva, npages));
    }

    /**
     * Frees the file pages that are mapped in a range, whatever the protection: {@code madvise(MADV_REMOVE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; ENOMEM if there is a hole, with the rest done; EINVAL at the first private page or caller's buffer,
     *     and EACCES at the first page of a read-only handle, with what comes before done
     */
    public HostResult remove(long hva, long npages) {
        return ranges.remove(HvaRange.ofPages(hva, npages));
    }

    /**
     * Faults every page in for writing: {@code madvise(MADV_POPULATE_WRITE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; else the first failure, with the pages before it done: ENOMEM not mapped or out of memory, EINVAL not
     *     writable, EFAULT after a file's end or not readable from it or refused by a handler, BUSY
     */
    public HostResult populateWrite(long hva, long npages) {
        return ranges.populate(HvaRange.ofPages(hva, npages), FaultPath.Access.WRITE);
    }

    /**
     * Has the fault handlers fill the pages that were never touched, as a reader would: {@code
     * madvise(MADV_POPULATE_READ)} where they are asked. All other pages stay as they are. A lazy restore is finished
     * by it, before a {@link #snapshot}, which would ask them, too.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return as for {@link #populateWrite}
     */
    public HostResult fill(long hva, long npages) {
        return ranges.fill(HvaRange.ofPages(hva, npages));
    }

    /**
     * How many pages {@link #fill} would ask a fault handler for.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return 0 if a snapshot of the range asks no handler
     */
    public long unfilledPages(long hva, long npages) {
        return space.unfilled(HvaRange.ofPages(hva, npages)).length;
    }

    /**
     * Allows the host to reclaim private anonymous pages lazily; here it never does: {@code madvise(MADV_FREE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; ENOMEM if there is a hole; EINVAL if a page is not private and anonymous
     */
    public HostResult freeLazily(long hva, long npages) {
        return ranges.freeLazily(HvaRange.ofPages(hva, npages));
    }

    /**
     * Arms or disarms write-protection faults of the pages that are resident or evicted: {@code UFFDIO_WRITEPROTECT}.
     * An armed page without a handler is disarmed by its next write.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param armed whether the next write asks the handler
     * @return OK, or ENOMEM if there is a hole, with the rest done
     */
    public HostResult writeProtect(long hva, long npages, boolean armed) {
        return ranges.arm(HvaRange.ofPages(hva, npages), armed);
    }

    /**
     * Moves the resident pages of a range to other frames, where they can be: {@code madvise(MADV_COLLAPSE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if there is a hole, with the rest done
     */
    public HostResult collapse(long hva, long npages) {
        return residency.collapse(HvaRange.ofPages(hva, npages));
    }

    /**
     * Takes the frames of a range away and keeps the contents; the next access faults them back: swap out,
     * {@code madvise(MADV_PAGEOUT)}. Callers' buffers stay. Of a real file, pages that have
     * not been writable since it was opened are dropped, and read again from there.
     *
     * <p>Call with no access open: the call waits for every access to a page that goes. Locks as for {@link
     * #hvaToPage(long)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; ENOMEM if there is a hole; BUSY if a page is referenced; in both cases with the rest done
     */
    public HostResult evict(long hva, long npages) {
        return residency.evict(HvaRange.ofPages(hva, npages), true);
    }

    /**
     * {@link #evict} that never waits: pages for which a notifier would have to wait are skipped.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return as {@code evict}; BUSY also if a notifier refused
     */
    public HostResult tryEvict(long hva, long npages) {
        return residency.evict(HvaRange.ofPages(hva, npages), false);
    }

    /**
     * Gives the page at an address another frame with the same content, at every place that shares it: page migration.
     *
     * <p>Call with no access open, as {@link #evict}: the call waits for every access to the page.
     *
     * @param hva any address of the page
     * @return OK if it moved; ENOMEM if it is not mapped or memory is short, EINVAL if it is not resident or a caller's
     *     buffer: no notifier is told then; BUSY if it is referenced or a notifier refused
     */
    public HostResult migrate(long hva) {
        return residency.migrate(PageTable.firstPage(HvaRange.pageOf(hva)));
    }

    /**
     * Reads like a debugger: protections do not matter, nothing is populated. After a file's end are zeros.
     *
     * @param hva first byte
     * @param into receives the bytes, at least 1
     * @return OK; EFAULT if a page is not mapped, EIO if it cannot be read from its file, BUSY if the mappings would
     *     not hold still: all with nothing read
     */
    public HostResult peek(long hva, byte[] into) {
        return copies.peek(HvaRange.roundedOut(hva, into.length), hva, into);
    }

    /**
     * Writes like a debugger: protections and armed write-protection do not matter, fault handlers are not asked.
     *
     * @param hva first byte
     * @param from the bytes, at least 1
     * @return OK; else the first failure, with the pages before it written: EFAULT not mapped or after a file's end,
     *     EACCES a shared page of a read-only handle, EIO a page that cannot be read from its file, ENOMEM, BUSY
     */
    public HostResult poke(long hva, byte[] from) {
        HvaRange.roundedOut(hva, from.length); // throws unless all bytes are user addresses
        return copies.poke(hva, from);
    }

    // ---- memory as a whole: brought in by the caller, copied, put back

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
     * copies them. The blocks stay referenced until no memory of the family maps them, then they are let go. If you
     * free a block yourself, do so only after it is unmapped everywhere and every load then in progress has returned: a
     * load of a cache reads first and validates afterwards.
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
        return ranges.mapBlocks(hva, blocks, protection);
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
     * What is found lies in [2<sup>55</sup>, 2<sup>56</sup>) and is used again as late as possible; a caller that
     * chooses addresses stays below that.
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
        return ranges.reserve(npages);
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
        HostMemory child = newChild(); // first: when there is a copy, nothing may fail any more
        Fork.share(space, child.space);
        return child;
    }

    /**
     * Makes a child whose pages are all private and stay as they are now: {@link #snapshot(List)} of everything.
     *
     * @return the child, to be {@linkplain HostMemory#close closed}; it has no notifiers
     * @throws IllegalStateException as there
     */
    public HostMemory snapshot() {
        return snapshot(List.of(HvaRange.WHOLE));
    }

    /**
     * Makes a child of some ranges, whose pages are all private and stay as they are now: {@link #fork}, and what is
     * mapped of files and of callers' memory is copied. Private pages cost nothing before they are written, zeros and
     * the holes of a file nothing at all; the copied ones cost their size at once, and the time to copy it, for which
     * the ranges stand still, and all other mappings of the same files.
     *
     * <p><b>What is in it.</b> One moment, for all pages together: every access through a mapping that a notifier
     * guards has either ended before, or begins after. It is so for the accesses of caches and for
     * {@link HostMemory#copyToUser}. It is not so for accesses that go past the library, the caller's own to its
     * buffers; nor for an operation of several accesses, which the moment may fall between.
     *
     * <p><b>Pages that a {@linkplain HostMemory#registerFaultHandler fault handler} has still to fill</b> are filled
     * first, as by a reader: so the snapshot has what a reader would get, and never asks a handler.
     *
     * @param within what to copy, as far as it is mapped; may overlap
     * @return the child, to be {@linkplain HostMemory#close closed}; it has no notifiers
     * @throws IllegalStateException if this memory is closed, memory is short, a mapped file cannot be read, a fault
     *     handler refuses a page, or notifiers, files and pages kept changing. Nothing has changed then, and no frame
     *     stays taken, but for pages that a handler has filled; so it is, too, when a handler or a notifier throws
     */
    public HostMemory snapshot(List<HvaRange> within) {
        HostMemory child = newChild();
        new Snapshot(space, within, child.space).take();
        return child;
    }

    private HostMemory newChild() {
        return new HostMemory(new AddressSpace(space.family));
    }

    /**
     * Makes the pages of some ranges what they are in another memory of the family: puts a {@link #snapshot} back. As
     * at the snapshot, that is one moment for all of them, or nothing; notifiers are told of the ranges, so no cache
     * keeps what was there. Private pages become shared with the snapshot, copy on write; into shared ones the bytes
     * are copied, if they differ. The snapshot stays as it is, and can be put back again.
     *
     * <p>How pages are protected and what they are mapped of does not change; mappings of files without the right to
     * write them are passed over.
     *
     * @param snapshot another memory of the same family, whose pages there are private and not a file's
     * @param wanted what goes where; of a file's page that is mapped at several places of it the last one counts
     * @param changed told the address here of each page that may have other bytes now, with no lock held; if it throws,
     *     it is told of the others all the same
     * @return OK; EINVAL if the snapshot is this memory, another family's, or has other pages there, or if ranges
     *     overlap here that do not overlap alike there; ENOMEM if a range has a hole here or memory is short, EFAULT if
     *     it has pages in the snapshot that are after a file's end here, EIO if a file cannot be read, BUSY if mappings
     *     would not hold still: all with nothing changed
     */
    public HostResult rewind(HostMemory snapshot, List<RewindRange> wanted, LongConsumer changed) {
        if (snapshot == this || snapshot.store != store) {
            return HostResult.EINVAL;
        }
        return new Rewind(space, snapshot.space, wanted).run(changed);
    }

    /**
     * The pages of a range that may have other bytes than in another memory: those that are not of the same frame, or
     * evicted content, or without any, on both sides. Bytes are not looked at, nor is what a {@linkplain #snapshot
     * snapshot} and its origin, or two of one origin, still share: it costs what has changed in between, and a step for
     * each 512 pages. With a memory of another family it is all pages.
     *
     * @param other another memory, not closed; or null, for the pages that there is something of
     * @param range addresses there and here; what is mapped at both is private and not a file's
     * @return addresses here, ascending; found one by one, so that it throws IllegalStateException once one of the two
     *     is closed
     * @since 0.1.0
     */
    public LongStream unlikePages(HostMemory other, RewindRange range) {
        return space.unlike(other == null ? null : other.space, range).map(PageTable::hvaOf);
    }

    /**
     * What the pages of a range are of: by that the same memory is found at other addresses.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return the runs, ascending by address; nothing for what is not mapped, two for a private mapping of a file: its
     *     own pages and the file's
     */
    public List<MemoryRun> runs(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return space.family.getLocked(() -> MemoryRun.within(space, range));
    }

    // ---- where contents live

    /**
     * Whether the page-table entry of an address is present.
     *
     * @param hva any 64-bit value
     * @return true if a frame backs the page now
     */
    public boolean isPresent(long hva) {
        return hva >= 0 && hva < HvaRange.USER_END && Pte.isPresent(space.table.get(hva >>> Pages.PAGE_SHIFT));
    }

    /**
     * Writes as the process itself would: protections are obeyed, pages are faulted in, handlers are asked. Of 1, 2, 4
     * or 8 bytes, naturally aligned, no reader sees a part.
     *
     * @param hva first byte, any value
     * @param from holds the bytes
     * @param at index of the first byte in {@code from}
     * @param length number of bytes, at least 1, within one page
     * @return whether they were written; false if the page is not there, not writable, or its handler refused
     * @throws IllegalArgumentException if the bytes are not inside one page
     * @throws IndexOutOfBoundsException if they are not inside the array
     */
    public boolean copyToUser(long hva, byte[] from, int at, int length) {
        HeldLocks.mightSleep("copyToUser");
        return copies.toUser(hva, from, at, length);
    }

    /**
     * Reads as the process itself would: protections are obeyed, handlers are asked, evicted pages are brought back.
     * What was never touched reads as zeros, and takes no frame by being read. 1, 2, 4 or 8 bytes, naturally aligned,
     * are read in one load.
     *
     * @param hva first byte, any value
     * @param into receives the bytes
     * @param at index of the first byte in {@code into}
     * @param length number of bytes, at least 1, within one page
     * @return whether they were read; false if the page is not there, not readable, or its handler refused
     * @throws IllegalArgumentException if the bytes are not inside one page
     * @throws IndexOutOfBoundsException if they are not inside the array
     */
    public boolean copyFromUser(long hva, byte[] into, int at, int length) {
        HeldLocks.mightSleep("copyFromUser");
        return copies.fromUser(hva, into, at, length);
    }

    /**
     * Which frame backs a page now, writable; takes no lock. For audits: what it says may be over at once, unless the
     * caller keeps invalidations of the page from returning.
     *
     * @param hva any 64-bit value
     * @return the page frame number; -1 if the page is not present or not writable
     */
    public long presentPfn(long hva) {
        long pte = hva < 0 || hva >= HvaRange.USER_END ? 0 : space.table.get(hva >>> Pages.PAGE_SHIFT);
        return Pte.isWritable(pte) ? Pte.index(pte) : -1;
    }

    // ---- notifiers, handlers

    /**
     * Registers a notifier. Register before resolving: a change that already runs does not tell it.
     *
     * @param notifier told from now on
     */
    public void registerNotifier(MmuNotifier notifier) {
        space.registerNotifier(notifier);
    }

    /**
     * Ends a registration. A change that already runs still tells it.
     *
     * @param notifier a registered notifier; another one is ignored
     */
    public void unregisterNotifier(MmuNotifier notifier) {
        space.unregisterNotifier(notifier);
    }

    /**
     * Registers a fault handler for a range; where ranges overlap the latest is asked, and all are told of what goes.
     *
     * @param range pages it serves
     * @param handler asked on this memory's faults
     * @param missing whether it is asked for missing and evicted pages
     * @param writeProtect whether it is asked for pages that {@link #writeProtect} armed; with neither it is only told
     */
    public void registerFaultHandler(HvaRange range, PageFaultHandler handler, boolean missing, boolean writeProtect) {
        space.registerHandler(range, handler, missing, writeProtect);
    }

    /**
     * Ends all registrations of a handler. Faults that already asked it take its answer, and changes under way tell it.
     *
     * @param handler a registered handler; another one is ignored
     */
    public void unregisterFaultHandler(PageFaultHandler handler) {
        space.unregisterHandler(handler);
    }

    // ---- balance

    /**
     * The handles of files that are not closed, of this memory and its relatives: none of these can end them.
     *
     * @return a snapshot of the list
     * @since 0.1.0
     */
    public List<HostFile> openFiles() {
        return space.family.openFiles.stream().map(HostFile.class::cast).toList();
    }

    /**
     * How many of the notifiers stand for an owner of mappings: see {@link MmuNotifier#ownsMappings}.
     *
     * @return the number of VMs that use this memory, and the like
     */
    public int mappingOwners() {
        return (int) space.notifiers().stream().filter(MmuNotifier::ownsMappings).count();
    }

    /**
     * Temporary references: pages resolved and not yet released.
     *
     * @return exact when no call is in progress
     */
    public long pageReferences() {
        return space.pageReferences.sum();
    }

    /**
     * Mappings made and not yet unmapped.
     *
     * @return exact when no call is in progress
     */
    public long liveMappings() {
        return liveMappings.sum();
    }

    /**
     * Frames in use by this memory and its relatives, callers' buffers not counted.
     *
     * @return number of frames
     */
    public long framesInUse() {
        return store.frames.supply.inUse();
    }

    /**
     * Whether memory is short, and why: what tells a page that there is no frame for from one that is not
     * there. Everything else about the two is the same: {@link #hvaToPage} answers null, a cache FAULT, {@link
     * #copyToUser} false.
     *
     * @return null if the latest request for a frame was met, or frames have come back since; otherwise what is
     *     exhausted (direct memory, {@link HostMemoryBuilder#maxBytes}), how much is in use, and what raises it
     */
    public String shortage() {
        return store.frames.supply.shortage();
    }

    /**
     * Recounts the whole state of the family and checks it against the {@link HostRule}s; at quiescence only.
     *
     * @throws io.github.pfncache.rules.RuleViolation if something does not add up and rules are checked
     */
    public void audit() {
        new HostAudit(space.family).run();
    }

    /**
     * Ends the process: everything is unmapped, relatives live on. Later map calls throw, others find nothing. Handles
     * of files stay open, and keep their pages, until they are closed themselves: see {@link #openFiles}.
     */
    @Override
    public void close() {
        ranges.close();
    }

    /** For tests of this package. */
    AddressSpace space() {
        return space;
    }

    /** Takes no lock: a rule that is broken names the memory with locks held. */
    @Override
    public String toString() {
        String shortage = store.frames.supply.shortage();
        return "HostMemory[" + liveMappings.sum() + " mappings, " + space.pageReferences.sum() + " page references, "
                + openFiles().size() + " open files, " + store.frames.supply
                + (shortage == null ? "" : ", short: " + shortage) + "]";
    }
}
