package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.Objects;

/**
 * What is mapped where in a {@link HostMemory}: the {@code mmap()} family of calls, and a debugger's view of the bytes.
 *
 * <p>Public calls of {@code HostMemory}, in a file of their own: each turns addresses into page numbers, which
 * {@link RangeOps} and {@link Residency} work with.
 */
abstract sealed class MemoryMap permits MemoryBlocks {

    abstract HostFamily family();

    abstract RangeOps ranges();

    abstract Residency residency();

    abstract DebuggerCopy debuggerCopy();

    abstract void checkOpen();

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
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().map(Vma.anonymous(first(range), end(range), protection));
    }

    /**
     * Maps pages of a file, shared: {@code mmap(MAP_FIXED | MAP_SHARED)}. May reach behind the file's end.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param file a file of this family
     * @param filePage page of the file at {@code hva}
     * @param protection what is allowed
     * @return OK; EACCES for a writable mapping of a read-only handle; ENOMEM if there are too many mappings
     * @throws IllegalArgumentException if the file is another family's or the file range is impossible
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapShared(long hva, long npages, HostFile file, long filePage, Protection protection) {
        if (protection == Protection.READ_WRITE && !file.isWritable()) {
            return HostResult.EACCES;
        }
        return ranges().map(fileMapping(hva, npages, file, filePage, true, protection));
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
     * @throws IllegalStateException if this memory is closed
     */
    public HostResult mapPrivate(long hva, long npages, HostFile file, long filePage, Protection protection) {
        return ranges().map(fileMapping(hva, npages, file, filePage, false, protection));
    }

    private Vma fileMapping(
            long hva, long npages, HostFile file, long filePage, boolean shared, Protection protection) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        HostFile.checkRange(filePage, npages);
        if (file.pages().family != family()) {
            throw new IllegalArgumentException(file + " belongs to another memory");
        }
        boolean mayWrite = !shared || file.isWritable();
        return new Vma(first(range), end(range), file.pages(), filePage, shared, mayWrite, protection);
    }

    /**
     * Makes a file that every memory of this family can map: {@code memfd_create()} and {@code ftruncate()}.
     *
     * @param npages its size; all holes
     * @return a writable handle
     * @throws IllegalArgumentException if the size is negative or beyond 2<sup>44</sup> pages
     */
    public HostFile createFile(long npages) {
        HostFile.checkRange(npages, 0);
        return family().newFile(npages << Pages.PAGE_SHIFT, null, true);
    }

    /**
     * Opens a real file for mapping by every memory of this family: {@code open()}. Pages are read when they are first
     * needed; where the file has holes, and behind its end in the last page, they are zeros. What is written stays in
     * memory until {@link HostFile#sync}.
     *
     * <p>The channel stays the caller's: it is used by offset only, its position does not matter, and nobody closes it
     * but the caller. Close it when no page of the file is needed any more, after a last {@code sync}. Without it pages
     * that have been read work on, the others are faults, and {@code sync} throws. Do not open it for appending, nor
     * change the file by other means as long as it is mapped. It is used on threads of the library's own: an interrupt
     * of a thread that needs a page, or syncs, closes nothing and is kept until the page is there.
     *
     * @param channel a readable channel; if it is not writable, the result is {@linkplain HostFile#asReadOnly
     *     read-only}
     * @return a handle; as many pages as the file's size needs
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
        return family().newFile(size, new Backing(channel, size, writable), writable);
    }

    /**
     * Takes a range away: {@code munmap()}. Holes do not matter.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if splitting would make too many mappings
     */
    public HostResult unmap(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().unmap(first(range), end(range));
    }

    /**
     * Moves what is mapped in a range to another place, over what was there: {@code mremap(MREMAP_MAYMOVE |
     * MREMAP_FIXED)} with an unchanged size. Frames move along. Holes behind the first page are skipped, and what is at
     * the place that a hole would go to stays.
     *
     * @param hva first address of the source
     * @param npages number of pages, at least 1
     * @param newHva first address of the destination
     * @return OK; EFAULT if the first page is not mapped; EINVAL if the ranges overlap; ENOMEM with too many mappings;
     *     nothing changed unless OK
     */
    public HostResult move(long hva, long npages, long newHva) {
        HvaRange source = HvaRange.ofPages(hva, npages);
        return ranges().move(first(source), npages, first(HvaRange.ofPages(newHva, npages)));
    }

    /**
     * Changes the protection page by page up to the first hole: {@code mprotect()}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @param protection what is allowed from now on
     * @return OK; ENOMEM at a hole or with too many mappings; EACCES at a shared mapping of a read-only file
     */
    public HostResult protect(long hva, long npages, Protection protection) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().protect(first(range), end(range), Objects.requireNonNull(protection, "protection"));
    }

    // ---- advice: what is behind the mappings

    /**
     * Forgets private pages, which become zero (or the file's) again; shared pages keep their content:
     * {@code madvise(MADV_DONTNEED)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if there is a hole, with the rest done
     */
    public HostResult discard(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().discard(first(range), end(range));
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
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().remove(first(range), end(range));
    }

    /**
     * Faults every page in for writing: {@code madvise(MADV_POPULATE_WRITE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; else the first failure, with the pages before it done: ENOMEM not mapped or out of memory, EINVAL not
     *     writable, EFAULT behind a file's end or not readable from it or refused by a handler, BUSY
     */
    public HostResult populateWrite(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().populate(first(range), end(range));
    }

    /**
     * Allows the host to reclaim private anonymous pages lazily; here it never does: {@code madvise(MADV_FREE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; ENOMEM if there is a hole; EINVAL if a page is not private and anonymous
     */
    public HostResult freeLazily(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().freeLazily(first(range), end(range));
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
        HvaRange range = HvaRange.ofPages(hva, npages);
        return ranges().arm(first(range), end(range), armed);
    }

    /**
     * Moves the resident pages of a range to other frames, where they can be: {@code madvise(MADV_COLLAPSE)}.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK, or ENOMEM if there is a hole, with the rest done
     */
    public HostResult collapse(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return residency().collapse(first(range), end(range));
    }

    /**
     * Takes the frames of a range away and keeps the contents; the next access faults them back: swap out,
     * {@code madvise(MADV_PAGEOUT)}. Callers' buffers stay.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return OK; ENOMEM if there is a hole; BUSY if a page is referenced; in both cases with the rest done
     */
    public HostResult evict(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return residency().evict(first(range), end(range), true);
    }

    /**
     * {@link #evict} that never waits: pages for which a notifier would have to wait are skipped.
     *
     * @param hva first address
     * @param npages number of pages, at least 1
     * @return as {@code evict}; BUSY also if a notifier refused
     */
    public HostResult tryEvict(long hva, long npages) {
        HvaRange range = HvaRange.ofPages(hva, npages);
        return residency().evict(first(range), end(range), false);
    }

    /**
     * Gives the page at an address another frame with the same content, at every place that shares it: page migration.
     *
     * @param hva any address of the page
     * @return OK if it moved; ENOMEM if it is not mapped or memory is short, EINVAL if it is not resident or a caller's
     *     buffer: nobody is told then; BUSY if it is referenced or a notifier refused
     */
    public HostResult migrate(long hva) {
        return residency().migrate(first(HvaRange.pageOf(hva)));
    }

    /**
     * Reads like a debugger: protections do not matter, nothing is populated. Behind a file's end are zeros.
     *
     * @param hva first byte
     * @param into receives the bytes, at least 1
     * @return OK; EFAULT if a page is not mapped, EIO if it cannot be read from its file, BUSY if the mappings would
     *     not hold still: all with nothing read
     */
    public HostResult peek(long hva, byte[] into) {
        HvaRange range = HvaRange.roundedOut(hva, into.length);
        return debuggerCopy().peek(first(range), end(range), hva, into);
    }

    /**
     * Writes like a debugger: protections and armed write-protection do not matter, fault handlers are not asked.
     *
     * @param hva first byte
     * @param from the bytes, at least 1
     * @return OK; else the first failure, with the pages before it written: EFAULT not mapped or behind a file's end,
     *     EACCES a shared page of a read-only handle, EIO a page that cannot be read from its file, ENOMEM, BUSY
     */
    public HostResult poke(long hva, byte[] from) {
        HvaRange.roundedOut(hva, from.length); // throws unless all bytes are user addresses
        return debuggerCopy().poke(hva, from);
    }

    static long first(HvaRange range) {
        return range.start() >>> Pages.PAGE_SHIFT;
    }

    static long end(HvaRange range) {
        return range.end() >>> Pages.PAGE_SHIFT;
    }
}
