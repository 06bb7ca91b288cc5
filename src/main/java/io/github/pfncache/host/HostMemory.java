package io.github.pfncache.host;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import java.util.List;
import java.util.stream.Stream;

/**
 * The address space of an emulated host process: hva to page frame to mapping.
 *
 * <pre>{@code
 * HostMemory host = HostMemory.builder().build();
 * host.mapAnonymous(0x7f0000000000L, 16, Protection.READ_WRITE);
 * HostPage page = host.hvaToPage(0x7f0000000000L);   // null: the address has no writable page
 * HostMapping khva = host.map(page);
 * host.release(page);                                // the notifier protects the mapping from here on
 * khva.putLong(8, 42);
 * host.unmap(khva);
 * }</pre>
 *
 * <p>Memory is committed page by page on first touch. Every call that takes mappings away tells the registered
 * {@linkplain MmuNotifier notifiers} first, with no lock held, and afterwards; frames go back only in between.
 *
 * <p>Ranges are given as a page-aligned hva and a number of pages; one that is not a range of user pages is a caller's
 * bug and throws {@link IllegalArgumentException}, with nothing changed. What depends on the state of the memory is a
 * {@link HostResult}. A call that could not get hold of unchanging mappings in 16 attempts answers BUSY.
 *
 * <p>Kernel counterpart: {@code struct mm_struct} with its page tables and the {@code mmap()} family of calls;
 * {@code hva_to_pfn()} and {@code gpc_map()} of KVM. Thread-safe.
 */
public final class HostMemory extends MemoryBlocks implements AutoCloseable {

    private final HostFamily family;
    private final VmaSet vmas = new VmaSet();
    private final PageTable table = new PageTable();
    private final RangeOps ranges;
    private final Residency residency;
    private final StripedCount pageReferences = new StripedCount();
    private final StripedCount liveMappings = new StripedCount();

    // Written under the family lock; immutable lists, replaced.
    private volatile List<MmuNotifier> notifiers = List.of();
    private volatile List<Registration> handlers = List.of();

    // Guarded by the family lock.
    private boolean closed;

    /** One registered fault handler. */
    private record Registration(HvaRange range, PageFaultHandler handler, boolean missing, boolean writeProtect) {
        boolean covers(long hva, PageFault.Reason reason) {
            return range.contains(hva) && (reason == PageFault.Reason.WRITE_PROTECTED ? writeProtect : missing);
        }
    }

    HostMemory(HostFamily family) {
        this.family = family;
        this.ranges = new RangeOps(this);
        this.residency = new Residency(this);
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
     * @param uhva any 64-bit value
     * @return the page with one reference taken, to be {@linkplain #release released}; null if there is none: not
     *     mapped, not writable, behind the end of its file, refused by the handler, or out of memory
     */
    public HostPage hvaToPage(long uhva) {
        return hvaToPage(uhva, true);
    }

    /**
     * Resolves an address to the page that backs it now; as {@link #hvaToPage(long)}.
     *
     * @param uhva any 64-bit value
     * @param forWriting false if it will only be read: then it may be shared, and need not be writable
     * @return the page with one reference taken; null if there is none. A private page that shows a file gets a copy
     */
    public HostPage hvaToPage(long uhva, boolean forWriting) {
        HeldLocks.mightSleep("hvaToPage");
        if (uhva < 0 || uhva >= HvaRange.USER_END) {
            return null;
        }
        long page = uhva >>> Pages.PAGE_SHIFT;
        long pte = table.get(page);
        if (Pte.isWritable(pte)) {
            int pfn = Pte.index(pte);
            Interleaving.reached("host.resident.seen");
            // Reference first, then look again: pairs with Residency and RangeOps, which clear the entry first and then
            // look at the references or drop theirs. The same entry again means that it named this live frame.
            if (family.frames.tryGet(pfn)) {
                if (table.get(page) == pte) {
                    return referenced(pfn);
                }
                family.frames.put(pfn);
            }
        }
        HostPage[] found = new HostPage[1];
        FaultPath.FrameUse use = pfn -> {
            family.frames.get(pfn);
            found[0] = referenced(pfn);
        };
        new FaultPath(this, page, forWriting ? FaultPath.Access.WRITE : FaultPath.Access.READ, use).run();
        Interleaving.reached("host.resolved");
        return found[0];
    }

    /** Hands a frame's reference out, or gives it back: there may be no memory for a page. */
    private HostPage referenced(int pfn) {
        HostPage page = null;
        try {
            page = new HostPage(this, pfn);
            pageReferences.add(1);
            return page;
        } finally {
            if (page == null) {
                family.frames.put(pfn);
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
        boolean held = page.endFrom(this);
        HostRule.PAGE_RELEASED_ONCE.check(held, page);
        if (!held) {
            throw new IllegalStateException(page + " is not held from this memory");
        }
        pageReferences.add(-1);
        family.frames.put(page.frame());
    }

    /**
     * Maps a page. The mapping outlives the reference: what keeps it right afterwards is the notifier.
     *
     * @param page a page of this memory whose reference is held
     * @return the mapping, to be {@linkplain #unmap unmapped}
     * @throws IllegalStateException if the reference is not held from this memory
     */
    public HostMapping map(HostPage page) {
        return map(page, null);
    }

    /**
     * Maps a page for somebody who has a mapping already, which is used again if it is of this very frame.
     *
     * @param page a page of this memory whose reference is held
     * @param former a mapping made by this memory and not unmapped, or null
     * @return {@code former} if it maps the page; otherwise a new mapping, to be {@linkplain #unmap unmapped} as well
     * @throws IllegalStateException if the reference is not held from this memory
     */
    public HostMapping map(HostPage page, HostMapping former) {
        HeldLocks.mightSleep("map");
        Interleaving.reached("host.map");
        if (!page.isLiveFrom(this)) {
            throw new IllegalStateException(page + " is not held from this memory");
        }
        if (former != null && former.isLiveFrom(this) && former.isOf(family.frames, page.frame())) {
            return former;
        }
        HostMapping khva = new HostMapping(this, family.frames, page.frame());
        liveMappings.add(1); // last: there may be no memory for a mapping
        return khva;
    }

    /**
     * Ends a mapping.
     *
     * @param mapping a mapping made by {@link #map} of this memory
     * @throws IllegalStateException if it was unmapped before, or is another memory's
     */
    public void unmap(HostMapping mapping) {
        HeldLocks.mightSleep("unmap");
        Interleaving.reached("host.unmap");
        boolean live = mapping.endFrom(this);
        HostRule.MAPPING_UNMAPPED_ONCE.check(live, mapping);
        if (!live) {
            throw new IllegalStateException(mapping + " is not mapped by this memory");
        }
        liveMappings.add(-1);
    }

    // ---- where contents live

    /**
     * Whether the page-table entry of an address is present.
     *
     * @param hva any 64-bit value
     * @return true if a frame backs the page now
     */
    public boolean isPresent(long hva) {
        return hva >= 0 && hva < HvaRange.USER_END && Pte.isPresent(table.get(hva >>> Pages.PAGE_SHIFT));
    }

    /**
     * Writes as the process itself would: protections are obeyed, pages are faulted in, handlers are asked. Of 1, 2, 4
     * or 8 bytes, naturally aligned, nobody sees a part.
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
        return UserCopy.to(this, hva, from, at, length);
    }

    /**
     * Reads as the process itself would: protections are obeyed, handlers are asked, evicted pages are brought back.
     * What nobody has touched reads as zeros, and takes no frame by being read. 1, 2, 4 or 8 bytes, naturally aligned,
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
        return UserCopy.from(this, hva, into, at, length);
    }

    /**
     * Which frame backs a page now, writable; takes no lock. For audits: what it says may be over at once, unless the
     * caller keeps invalidations of the page from returning.
     *
     * @param hva any 64-bit value
     * @return the page frame number; -1 if the page is not present or not writable
     */
    public long presentPfn(long hva) {
        long pte = hva < 0 || hva >= HvaRange.USER_END ? 0 : table.get(hva >>> Pages.PAGE_SHIFT);
        return Pte.isWritable(pte) ? Pte.index(pte) : -1;
    }

    // ---- notifiers, handlers

    /**
     * Registers a notifier. Register before resolving: a change that already runs does not tell it.
     *
     * @param notifier told from now on
     */
    public void registerNotifier(MmuNotifier notifier) {
        family.locked(() -> {
            notifiers = Stream.concat(notifiers.stream(), Stream.of(notifier)).toList();
            family.listenersChanged();
        });
    }

    /**
     * Ends a registration. A change that already runs still tells it.
     *
     * @param notifier a registered notifier; another one is ignored
     */
    public void unregisterNotifier(MmuNotifier notifier) {
        family.locked(() -> {
            notifiers = notifiers.stream().filter(n -> n != notifier).toList();
            family.listenersChanged();
        });
    }

    /**
     * Registers a fault handler for a range; where ranges overlap the latest is asked.
     *
     * @param range pages it serves
     * @param handler asked on this memory's faults
     * @param missing whether it is asked for missing and evicted pages
     * @param writeProtect whether it is asked for pages that {@link #writeProtect} armed
     */
    public void registerFaultHandler(
            HvaRange range, PageFaultHandler handler, boolean missing, boolean writeProtect) {
        Registration registration = new Registration(range, handler, missing, writeProtect);
        // Latest first, in the order in which they are asked.
        family.locked(() -> handlers = Stream.concat(Stream.of(registration), handlers.stream()).toList());
    }

    /**
     * Ends all registrations of a handler. Faults that already asked it take its answer.
     *
     * @param handler a registered handler; another one is ignored
     */
    public void unregisterFaultHandler(PageFaultHandler handler) {
        family.locked(() -> handlers = handlers.stream().filter(r -> r.handler != handler).toList());
    }

    // ---- balance

    /**
     * How many of the notifiers stand for somebody who owns mappings: see {@link MmuNotifier#ownsMappings}.
     *
     * @return the number of VMs that use this memory, and the like
     */
    public int mappingOwners() {
        return (int) notifiers.stream().filter(MmuNotifier::ownsMappings).count();
    }

    /**
     * Temporary references: pages resolved and not yet released.
     *
     * @return exact when no call is in progress
     */
    public long pageReferences() {
        return pageReferences.sum();
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
        return family.frames.inUse();
    }

    /**
     * Whether memory is short, and why: what tells a page that cannot be had for want of a frame from one that is not
     * there. Everything else about the two is the same: {@link #hvaToPage} answers null, a cache FAULT, {@link
     * #copyToUser} false.
     *
     * @return null if the latest request for a frame was met, or frames have come back since; otherwise what is
     *     exhausted (direct memory, {@link HostMemoryBuilder#maxBytes}), how much is in use, and what raises it
     */
    public String shortage() {
        return family.frames.shortage();
    }

    /**
     * Recounts the whole state of the family and checks it against the {@link HostRule}s; at quiescence only.
     *
     * @throws io.github.pfncache.rules.RuleViolation if something does not add up and rules are checked
     */
    public void audit() {
        new HostAudit(family).run();
    }

    /** Ends the process: everything is unmapped, relatives live on. Later map calls throw, others find nothing. */
    @Override
    public void close() {
        ranges.close();
    }

    // ---- for this package

    @Override
    HostFamily family() {
        return family;
    }

    VmaSet vmas() {
        return vmas;
    }

    PageTable table() {
        return table;
    }

    @Override
    RangeOps ranges() {
        return ranges;
    }

    @Override
    Residency residency() {
        return residency;
    }

    @Override
    DebuggerCopy debuggerCopy() {
        return new DebuggerCopy(this);
    }

    List<MmuNotifier> notifiers() {
        return notifiers;
    }

    boolean hasFaultHandlers() {
        return !handlers.isEmpty();
    }

    PageFaultHandler handlerFor(long hva, PageFault.Reason reason) {
        for (Registration registration : handlers) { // bounded by the registrations
            if (registration.covers(hva, reason)) {
                return registration.handler;
            }
        }
        return null;
    }

    /** Lock held. */
    void markClosed() {
        closed = true;
    }

    /** Lock held. */
    @Override
    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("host memory is closed");
        }
    }

    /** Takes no lock: a rule that is broken names the memory with locks held. */
    @Override
    public String toString() {
        String shortage = family.frames.shortage();
        return "HostMemory[" + liveMappings.sum() + " mappings, " + pageReferences.sum() + " page references, "
                + family.frames + (shortage == null ? "" : ", short: " + shortage) + "]";
    }

    static long pageToHva(long page) {
        return page << Pages.PAGE_SHIFT;
    }

    static HvaRange pagesToHvaRange(long from, long to) {
        return new HvaRange(pageToHva(from), pageToHva(to));
    }
}
