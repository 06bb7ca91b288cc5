package io.github.pfncache.cache;

import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostWindow;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The entries of a {@link GuestTlb}, and the paths of loads and stores that are no hits. Confined to the TLB's owner,
 * the only thread that drops entries: so tags and blocks are plain fields.
 *
 * <p>A hash of the page number selects the entry. A page that has to make room goes to a second, smaller table, by
 * another hash, and comes back from there when it is used. Only a page that has to make room there is given back.
 *
 * <p><b>Outside of the guest</b> the arrays that a hit reads are empty: an access outside takes the slow path.
 */
abstract class TlbEntries {

    /** No page starts there. */
    private static final long NONE = -1;

    /**
     * The step from the entry of a page to that of the next: a little more than one, as a binary fraction of {@link
     * #STEP_DIGITS} digits, so that one entry is left out every 36 pages. Its multiples by powers of two, and the first
     * multiples of those, are far from any multiple of the number of entries. Found by trying numbers on what guests
     * do: runs of pages, regions of them, and single pages at equal distances.
     */
    private static final long STEP = 0x41cb_2899;
    private static final int STEP_DIGITS = 30;

    private static final long[] NO_ENTRIES = {NONE, 0};
    private static final ByteBuffer[] NO_BLOCKS = {null};

    private final DomainState domain;
    final GuestMode mode;
    final int size;

    // Confined to the owner.

    /**
     * The arrays that a hit reads: the entries inside, nothing outside. Two numbers for each entry: the page, and the
     * number to add to an address for its index in the block. Pages of one block share the buffer, which so stays in
     * the processor's cache.
     */
    long[] loads = NO_ENTRIES;

    long[] stores = NO_ENTRIES;
    ByteBuffer[] blocks = NO_BLOCKS;
    long fetchPage = NONE;
    long fetchDelta;
    ByteBuffer fetchBlock;

    /** The entries; null until they are first used. */
    private HeldPage[] pages;

    private long[] pageLoads;
    private long[] pageStores;
    private ByteBuffer[] pageBlocks;
    private HeldPage[] second;

    long misses;
    long accesses;
    boolean counting;
    long loaded;

    /** So many entries, a power of two. */
    TlbEntries(DomainState domain, int entries) {
        if (entries < GuestTlb.MIN_ENTRIES || entries > GuestTlb.MAX_ENTRIES || Integer.bitCount(entries) != 1) {
            throw new IllegalArgumentException("entries=" + entries + " is not a power of two in "
                    + GuestTlb.MIN_ENTRIES + ".." + GuestTlb.MAX_ENTRIES);
        }
        this.domain = domain;
        this.size = entries;
        this.mode = new GuestMode(domain, this::drop, new GuestEntry.Gate() {
            @Override
            public void change(boolean inside, boolean empty) {
                if (empty) {
                    pages = null;
                    fetchBlock = null;
                }
                open(inside);
            }

            @Override
            public void released(long gpa) {
                drop(gpa);
            }
        });
    }

    /**
     * The entry of an address among so many, four or more. Neighbouring pages never share one: theirs are one or two
     * entries apart. Of 16 entries or more, pages that lie a power of two from 1 MiB to 256 GiB apart, as the same
     * place of two regions does, have different ones; of 256, those of 64 small regions too.
     */
    static int indexOf(long gpa, int entries) {
        return placeOf(gpa, 2 * entries) >> 1;
    }

    /** The index of the entry of an address in an array of so many numbers, two for each entry. */
    static int placeOf(long gpa, int numbers) {
        return (int) (Pages.gpaToGfn(gpa) * STEP >>> STEP_DIGITS - 1) & numbers - 2;
    }

    /**
     * The page of the last byte of an access. If that is the page of the entry in which the first byte is looked up,
     * the access lies inside of it: neighbours never share an entry.
     */
    static long pageOf(long gpa, int width) {
        return Pages.pageStart(gpa + (width - 1));
    }

    // ------------------------------------------------------------------ the entries

    /** Makes hits possible from now on, if there are entries; or no longer. */
    final void open(boolean inside) {
        boolean open = inside && pages != null && !counting;
        loads = open ? pageLoads : NO_ENTRIES;
        stores = open ? pageStores : NO_ENTRIES;
        blocks = open ? pageBlocks : NO_BLOCKS;
        fetchPage = NONE;
    }

    /** The bytes of this page must not be used any more. */
    private void drop(long gpa) {
        fetchPage = NONE;
        if (pages == null) {
            return; // held besides, before the first access
        }
        int entry = indexOf(gpa, size);
        if (pages[entry] != null && pages[entry].gpa() == gpa) {
            put(entry, null);
        }
        int spare = spareOf(gpa);
        if (second[spare] != null && second[spare].gpa() == gpa) {
            second[spare] = null;
        }
    }

    private int spareOf(long gpa) {
        return (int) Pages.gpaToGfn(gpa) & second.length - 1;
    }

    private void put(int entry, HeldPage page) {
        pages[entry] = page;
        HostMapping at = page == null ? null : page.mapping;
        pageBlocks[entry] = at == null ? null : at.block();
        pageLoads[2 * entry] = at == null ? NONE : page.gpa();
        pageLoads[2 * entry + 1] = at == null ? 0 : at.base() - page.gpa();
        pageStores[2 * entry] = at == null || !page.isWritable() ? NONE : page.gpa();
        pageStores[2 * entry + 1] = pageLoads[2 * entry + 1];
    }

    /** Puts a held page into its entry, wherever it was before; what was there goes to the second table. */
    private void install(HeldPage page) {
        int entry = indexOf(page.gpa(), size);
        HeldPage former = pages[entry];
        int from = spareOf(page.gpa());
        if (former != page && second[from] != page) {
            misses++;
        }
        if (second[from] != null && second[from].gpa() == page.gpa()) {
            second[from] = null;
        }
        put(entry, page);
        if (former != null && former != page && former.isHeld()) {
            int to = spareOf(former.gpa());
            HeldPage worst = second[to];
            if (worst != null && !worst.besides) {
                mode.release(worst); // first: it strikes entries of that address
            }
            second[to] = former;
        }
    }

    /** The page of an address, held and in its entry; or a refusal. Inside. May drop others. */
    private HeldPage page(long gpa, boolean forWriting) {
        long start = Pages.pageStart(gpa);
        HeldPage first = pages[indexOf(gpa, size)];
        HeldPage page = first != null && first.gpa() == start ? first : second[spareOf(gpa)];
        if (page == null || page.gpa() != start || !page.isHeld() || forWriting && !page.isWritable()) {
            page = mode.holdForTlb(gpa, forWriting);
        }
        if (page != first && page.isHeld()) {
            install(page);
        } else if (page == first) {
            put(indexOf(gpa, size), page); // it may have become writable
        }
        return page;
    }

    /** Fetches go to the page of this address from now on, if it has an entry. */
    final void keepForFetches(long gpa) {
        int at = placeOf(gpa, loads.length);
        if (loads[at] == Pages.pageStart(gpa)) {
            fetchPage = loads[at];
            fetchDelta = loads[at + 1];
            fetchBlock = blocks[at >> 1];
        }
    }

    /** Whether all of a fetch lies in the page; its first byte selects no entry, so both ends are looked at. */
    final boolean isFetchedFrom(long gpa, int width) {
        return fetchPage == Pages.pageStart(gpa) && Pages.offsetInPage(gpa) <= Pages.PAGE_SIZE - width;
    }

    // ------------------------------------------------------------------ the slow ways

    /** Enters the guest unless the thread is inside; answers whether it has to leave again. */
    private boolean begin() {
        if (counting) {
            accesses++;
        }
        if (pages == null) { // before the guest is entered: memory may run out
            pageLoads = new long[2 * size];
            pageStores = new long[2 * size];
            pageBlocks = new ByteBuffer[size];
            second = new HeldPage[Math.max(GuestTlb.MIN_ENTRIES, size / 4)];
            Arrays.fill(pageLoads, NONE);
            Arrays.fill(pageStores, NONE);
            pages = new HeldPage[size];
            open(mode.isInside());
        }
        boolean entered = !mode.isInside();
        if (entered) {
            mode.enter();
        }
        return entered;
    }

    /**
     * One load or store that is no hit.
     *
     * @return OK, and a load has set {@link #loaded}; otherwise nothing was written: FAULT or BUSY
     */
    final Outcome slowly(long gpa, int width, boolean writes, long value) {
        mode.requireOwner(true);
        boolean entered = begin();
        try {
            return Pages.fitsInPage(gpa, width) ? within(gpa, width, writes, value) : across(gpa, width, writes, value);
        } finally {
            end(entered);
        }
    }

    private Outcome within(long gpa, int width, boolean writes, long value) {
        HeldPage page = page(gpa, writes);
        if (page.isHeld()) {
            HostMapping at = page.mapping;
            int index = at.base() + Pages.offsetInPage(gpa);
            if (writes) {
                HostWindow.put(at.block(), index, width, value);
            } else {
                loaded = HostWindow.get(at.block(), index, width);
            }
        }
        return page.outcome();
    }

    /** Puts a held page into its entry at once: a page that no entry has would be held for ever. */
    private HeldPage kept(HeldPage page) {
        if (page.isHeld()) {
            install(page);
        }
        return page;
    }

    private Outcome across(long gpa, int width, boolean writes, long value) {
        Outcome outcome = acrossOnce(gpa, width, writes, value);
        outcome = outcome != null ? outcome : domain.again(() -> acrossOnce(gpa, width, writes, value));
        return outcome != null ? outcome : Outcome.BUSY;
    }

    /** Null if something came between. */
    private Outcome acrossOnce(long gpa, int width, boolean writes, long value) {
        long second = Pages.pageStart(gpa) + Pages.PAGE_SIZE;
        HeldPage low = kept(mode.prepare(gpa, writes)); // neither is marked unless both can be written
        HeldPage high = low.isHeld() ? kept(mode.prepare(second, writes)) : low;
        if (!high.isHeld()) {
            return high.outcome();
        }
        boolean both = low.isHeld(); // still
        if (both && writes) { // the second hold may drop the first page, a slot change both
            both = kept(mode.holdForTlb(gpa, true)) == low && kept(mode.holdForTlb(second, true)) == high
                    && low.isHeld() && high.isHeld();
        }
        if (!both) {
            return null;
        }
        long read = 0;
        for (int i = width - 1; i >= 0; i--) { // bounded by the eight bytes of an access
            HostMapping at = (gpa + i < second ? low : high).mapping;
            if (writes) {
                at.put(Pages.offsetInPage(gpa + i), 1, (byte) (value >>> Byte.SIZE * i));
            }
            long each = at.get(Pages.offsetInPage(gpa + i), 1); // the highest byte first, with its sign
            read = i == width - 1 ? each : read << Byte.SIZE | each & 0xff;
        }
        loaded = writes ? loaded : read;
        return Outcome.OK;
    }

    /** OK, and {@link #loaded} is what was there before; otherwise nothing was written: INVALID, FAULT or BUSY. */
    final Outcome atomically(AtomicOp op, long gpa, int width, long operand, long expected) {
        mode.requireOwner(true);
        if ((gpa & width - 1) != 0) {
            return Outcome.INVALID;
        }
        boolean entered = begin();
        try {
            HeldPage page = page(gpa, true);
            if (page.isHeld()) {
                loaded = op.on(page.mapping, Pages.offsetInPage(gpa), width, operand, expected);
            }
            return page.outcome();
        } finally {
            end(entered);
        }
    }

    // ------------------------------------------------------------------ in and out

    /** Leaves, if {@link #begin} has entered. */
    private void end(boolean entered) {
        if (entered) {
            mode.goOutside(); // there was room to enter at this depth
        }
    }

    /** Leaves the guest, if it is inside, for something that may wait; answers what {@link #comeBack} takes. */
    final boolean leaveForAWhile() {
        boolean inside = mode.isInside();
        if (inside) {
            mode.leave();
        }
        return inside;
    }

    final void comeBack(boolean left) {
        if (left) {
            mode.enter();
        }
    }
}
