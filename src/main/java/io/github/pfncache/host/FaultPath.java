package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.Interleaving;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * One fault, from the first look at the page to its end. Confined to the faulting thread; single use.
 *
 * <p>Each turn looks at the page under the lock and either finishes there, or leaves the lock to break a copy-on-write
 * sharing (which invalidates, on this very thread), to read a file or to ask a fault handler, and looks again: what it
 * knew may be stale.
 *
 * <p>Kernel counterpart: {@code handle_mm_fault()} as {@code hva_to_pfn()} reaches it.
 */
final class FaultPath extends SpaceOps {

    /** The purpose of an access. */
    enum Access {
        WRITE,
        /** The frame may be shared and stays as protected as it is; a page that shows a file gets a copy. */
        READ,
        /** The content is enough: what has no frame gets none by being looked at. */
        LOOK,
        /** A debugger's write: protections do not matter, handlers are not asked. */
        DEBUG_WRITE
    }

    /** The end of a fault. */
    enum End {
        DONE(HostResult.OK, HostResult.OK),
        UNMAPPED(HostResult.ENOMEM, HostResult.EFAULT),
        FORBIDDEN(HostResult.EINVAL, HostResult.EACCES),
        BEYOND_END(HostResult.EFAULT, HostResult.EFAULT),
        NO_MEMORY(HostResult.ENOMEM, HostResult.ENOMEM),
        REFUSED(HostResult.EFAULT, HostResult.EFAULT),
        /** Its file cannot be read. */
        UNREADABLE(HostResult.EFAULT, HostResult.EIO),
        BUSY(HostResult.BUSY, HostResult.BUSY);

        /** What a call answers that has pages faulted in. */
        final HostResult populated;
        /** What a debugger's write answers. */
        final HostResult poked;

        End(HostResult populated, HostResult poked) {
            this.populated = populated;
            this.poked = poked;
        }
    }

    /** The use of the frame by the faulting access. Runs under the family lock, once. */
    interface FrameUse {
        void use(int pfn);

        /** For reads only, and instead: of a page that has no frame, and needs none to be read. */
        default void useContent(byte[] content) {
            throw new IllegalStateException("a write needs a frame");
        }
    }

    /** The innermost fault of each thread that is asking its handler. */
    private static final ThreadLocal<FaultPath> ASKING = new ThreadLocal<>();

    /**
     * A handler's reply, good for the state of the page that it was asked about.
     *
     * @param evicted the content that the entry stood for, if it was evicted; the entry's number may be used again
     */
    private record Answer(PageFault.Reason reason, Vma vma, long entry, byte[] evicted, byte[] content) {}

    private final long page;
    private final Access access;
    private final FrameUse use;
    private final FetchedPages fetched = new FetchedPages();

    // What the last look found.
    private Answer question;
    private PageFaultHandler handler;
    private Answer answer;
    private boolean copyNeeded;
    private boolean frameNeeded;
    private End copied;

    /** The fault whose handler caused this one, while this one asks its own. */
    private FaultPath outer;

    /** A fault of one page. */
    FaultPath(AddressSpace space, long page, Access access, FrameUse use) {
        super(space);
        this.page = page;
        this.access = access;
        this.use = use;
    }

    End run() {
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
            End outcome = look();
            if (outcome == null && copyNeeded) {
                outcome = copyOnWrite();
            } else if (outcome == null && question != null) {
                outcome = ask();
            } else if (outcome == null && fetched.isWaiting() && !fetched.fetch()) {
                outcome = End.UNREADABLE;
            }
            if (outcome == null && frameNeeded && !store.frames.supply.grow(1)) {
                outcome = End.NO_MEMORY;
            }
            if (outcome != null) {
                return outcome;
            }
        }
        return End.BUSY;
    }

    private End look() {
        question = null;
        copyNeeded = false;
        frameNeeded = false;
        End outcome = family.getLocked(this::lookLocked);
        if (!frameNeeded) { // else it is used when there is a frame
            answer = null;
        }
        return outcome;
    }

    private End copyOnWrite() {
        copied = null;
        HostResult result = family.change(HostFamily.fixed(space, PageTable.rangeOf(page, page + 1)), true, () -> {
            copied = copyLocked();
            return HostResult.OK;
        });
        return result == HostResult.OK ? copied : End.BUSY;
    }

    private End ask() {
        family.checkUnlocked("onFault");
        Interleaving.reached("host.fault.handler");
        outer = ASKING.get();
        if (isBeingAskedFor()) {
            return End.REFUSED; // its handler waits for itself
        }
        boolean writeProtected = question.reason == PageFault.Reason.WRITE_PROTECTED;
        ByteBuffer content = ByteBuffer.wrap(question.content);
        PageFault fault = new PageFault(
                PageTable.hvaOf(page),
                access == Access.WRITE,
                question.reason,
                (writeProtected ? content.asReadOnlyBuffer() : content).order(ByteOrder.LITTLE_ENDIAN));
        ASKING.set(this);
        try {
            if (Objects.requireNonNull(handler.onFault(fault), "decision") == PageFaultHandler.Decision.REFUSE) {
                return End.REFUSED;
            }
        } finally {
            if (outer == null) {
                ASKING.remove();
            } else {
                ASKING.set(outer);
            }
        }
        answer = question;
        return null;
    }

    /** Whether this thread is inside a handler of this very page already. */
    private boolean isBeingAskedFor() {
        for (FaultPath asking = outer; asking != null; asking = asking.outer) { // bounded by the faults that nest
            if (asking.space == space && asking.page == page) {
                return true;
            }
        }
        return false;
    }

    // From here on: lock held.

    /** The outcome, or null when the lock has to be left first. */
    private End lookLocked() {
        Vma vma = space.vmas.find(page);
        End refused = refuse(vma);
        if (refused != null) {
            return refused;
        }
        long pte = space.table.get(page);
        if (!Pte.isPresent(pte)) {
            End over = bringIn(vma, pte);
            if (over != null || question != null || fetched.isWaiting() || frameNeeded) {
                return over;
            }
            pte = space.table.get(page);
        }
        if (access == Access.READ || access == Access.LOOK) {
            use.use(Pte.index(pte));
            return End.DONE;
        }
        space.table.reserve(page); // its own entry: whether others have the frame is known by its owners then
        if (Pte.isArmed(pte) && access == Access.WRITE) {
            if (mustAsk(PageFault.Reason.WRITE_PROTECTED, vma, pte)) {
                return null;
            }
            pte = Pte.disarmed(pte);
        }
        if (!vma.shared() && store.frames.owners(Pte.index(pte)) > 1) {
            space.table.set(page, pte);
            copyNeeded = true;
            return null;
        }
        return finish(vma, pte, Pte.index(pte));
    }

    private End refuse(Vma vma) {
        if (vma == null) {
            return End.UNMAPPED;
        }
        boolean allowed = access == Access.WRITE ? vma.isWritable()
                : access == Access.DEBUG_WRITE ? vma.mayWrite() : vma.protection() != Protection.NONE;
        return allowed ? null : End.FORBIDDEN;
    }

    /**
     * Gets a frame for a page that has none. The outcome if that ends the fault; null with the question set, or with
     * the page wanted from its file, or a frame needed, or with the entry in place.
     */
    private End bringIn(Vma vma, long pte) {
        FilePages file = vma.file();
        if (file != null) {
            long filePage = vma.toFilePage(page);
            if (filePage >= file.npages()) {
                return End.BEYOND_END;
            }
            boolean fromFile = vma.shared() || !Pte.isSwapped(pte);
            if (fromFile && file.isUnread(filePage) && fetched.get(file, filePage) == null) {
                return null;
            }
        }
        return vma.shared() ? bringInShared(vma, pte) : bringInPrivate(vma, pte);
    }

    /** Gives a shared mapping's page the file's frame. */
    private End bringInShared(Vma vma, long pte) {
        FilePages file = vma.file();
        long filePage = vma.toFilePage(page);
        long entry = file.entry(filePage);
        int pfn = Pte.index(entry);
        if (!Pte.isPresent(entry)) {
            boolean unread = file.isUnread(filePage) && file.marks.has(PageMarks.DROPPED, filePage);
            if (mustAsk(why(unread || Pte.isSwapped(entry), file.isZeroed(filePage)), vma, entry)) {
                return null;
            }
            if (access == Access.LOOK && answer == null && entry == 0 && !file.isUnread(filePage)) {
                use.useContent(Chunk.ZEROS);
                return End.DONE;
            }
            if (lacksFrame()) {
                return null;
            }
        }
        space.table.reserve(page); // before there is anything that could be lost
        if (!Pte.isPresent(entry)) {
            if (answer != null && !Arrays.equals(answer.content, content(vma))) {
                file.markChanged(filePage); // else an eviction would drop it: it is in the file
            }
            pfn = answer != null ? file.install(filePage, answer.content) : file.load(filePage, fetched);
        }
        store.frames.addOwner(pfn);
        space.table.set(page, Pte.keepArmed(Pte.ofFrame(pfn, false), pte));
        return null;
    }

    /** Gives a private mapping's page a frame of its own. */
    private End bringInPrivate(Vma vma, long pte) {
        boolean swapped = Pte.isSwapped(pte);
        boolean followsFile = vma.file() != null; // which a copy of the page would end
        boolean zeroed = space.discarded.has(PageMarks.ZEROED, page)
                || followsFile && vma.file().isZeroed(vma.toFilePage(page));
        if (mustAsk(why(swapped, zeroed), vma, pte)) {
            return null;
        }
        if (access == Access.LOOK && answer == null && !swapped) {
            use.useContent(followsFile ? content(vma) : Chunk.ZEROS);
            return End.DONE;
        }
        if (lacksFrame()) {
            return null;
        }
        byte[] content = answer != null ? answer.content : swapped || followsFile ? content(vma) : Chunk.ZEROS;
        space.table.reserve(page); // before there is anything that could be lost
        int pfn = store.frames.allocateWith(content);
        space.table.set(page, Pte.keepArmed(Pte.ofFrame(pfn, false), pte));
        store.drop(pte);
        return null;
    }

    private static PageFault.Reason why(boolean evicted, boolean zeroed) {
        return evicted ? PageFault.Reason.EVICTED : zeroed ? PageFault.Reason.DISCARDED : PageFault.Reason.MISSING;
    }

    /** Whether the lock has to be left for a frame. */
    private boolean lacksFrame() {
        frameNeeded = !store.frames.supply.hasFree(1);
        return frameNeeded;
    }

    /** Whether a handler has to be asked first. If it has answered for this very state, the answer stays to be used. */
    private boolean mustAsk(PageFault.Reason reason, Vma vma, long entry) {
        if (answer != null
                && answer.reason == reason
                && answer.entry == entry
                && answer.evicted == evicted(entry)
                && answer.vma.isAlikeAt(page, vma)) {
            return false;
        }
        answer = null;
        handler = access == Access.DEBUG_WRITE ? null : space.handlerFor(page, reason);
        if (handler == null) {
            return false;
        }
        question = new Answer(reason, vma, entry, evicted(entry), content(vma));
        return true;
    }

    /** The content that an entry stands for, the same array as long as it does; null if it was not evicted. */
    private byte[] evicted(long entry) {
        return Pte.isSwapped(entry) ? store.swap.content(Pte.index(entry)) : null;
    }

    /** What the page holds; if that is its file's, it has been fetched. */
    private byte[] content(Vma vma) {
        byte[] bytes = new byte[Pages.PAGE_SIZE];
        space.readLocked(vma, page, 0, bytes, 0, Pages.PAGE_SIZE, fetched);
        return bytes;
    }

    /** The copy itself, after the invalidation has started; null when the page no longer needs it. */
    private End copyLocked() {
        Vma vma = space.vmas.find(page);
        long pte = space.table.get(page);
        if (refuse(vma) != null || vma.shared() || !Pte.isPresent(pte) || Pte.isArmed(pte) && access == Access.WRITE) {
            return null;
        }
        space.table.reserve(page); // as before, or a snapshot has come in between
        int shared = Pte.index(pte);
        if (store.frames.owners(shared) == 1) {
            return finish(vma, pte, shared); // the other owner has gone: nothing to copy, and nothing to come back for
        }
        return lacksFrame() ? null : finish(vma, pte, store.frames.allocateCopy(shared));
    }

    /** Makes a frame the page's own, instead of the one in its entry if it is another; the entry is there. */
    private End finish(Vma vma, long pte, int pfn) {
        if (vma.shared()) {
            vma.file().markChanged(vma.toFilePage(page)); // before the first byte can change
        }
        boolean writable = vma.isWritable() && !Pte.isArmed(pte);
        space.table.set(page, Pte.keepArmed(Pte.ofFrame(pfn, writable), pte));
        if (pfn != Pte.index(pte)) {
            store.frames.dropOwner(Pte.index(pte));
        }
        use.use(pfn);
        return End.DONE;
    }
}
