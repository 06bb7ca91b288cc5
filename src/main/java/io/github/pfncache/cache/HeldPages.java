package io.github.pfncache.cache;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.MemslotTable;
import io.github.pfncache.rules.HeldLocks;
import io.github.pfncache.rules.Interleaving;
import io.github.pfncache.rules.Rules;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * The index, by host page, of the pages that one {@link GuestMode} holds or is about to hold. Changed by the owner of
 * the guest mode; takers of pages look at the index without a lock.
 */
final class HeldPages {

    private final DomainState domain;
    private final GuestEntry holder;

    /** Changed by the owner, walked by any thread. */
    private final CachesByPage<HeldPage> index = new CachesByPage<>();

    /** Made beforehand, so that giving back allocates nothing. */
    private final Predicate<HeldPage> forgetting = page -> {
        forget(page);
        return true;
    };

    /** How many have a mapping. Written by the owner; read by others at rest. */
    private int held;

    HeldPages(DomainState domain, GuestEntry holder) {
        this.domain = domain;
        this.holder = holder;
    }

    /** The page of an address: the one that is held, if it serves; else a new one, or a refusal. */
    HeldPage wantedAt(long gpa, boolean forWriting) {
        Memslot slot = domain.memslots.table().find(Pages.gpaToGfn(gpa));
        if (slot == null || forWriting && slot.readOnly()) {
            return HeldPage.FAULT;
        }
        HeldPage wanted = new HeldPage(gpa, slot, holder);
        HeldPage there = find(wanted);
        wanted.former = there;
        return there != null && (there.prepared || !forWriting) ? there : wanted;
    }

    /** The hold of the same page of the same slot; null if there is none. */
    private HeldPage find(HeldPage wanted) {
        HeldPage[] found = {null};
        long page = wanted.uhva >>> Pages.PAGE_SHIFT;
        index.walk(page, page, each -> {
            boolean same = each.slot == wanted.slot && each.gpa() == wanted.gpa();
            found[0] = same && each.granted ? each : null;
            return found[0] == null;
        });
        return found[0];
    }

    /**
     * Finds the bytes of a new page, outside of the guest.
     *
     * @return OK, and the page is held, unless it was wanted back meanwhile; INACTIVE if something came between
     */
    Outcome resolve(HeldPage page, boolean forWriting, Deadline latest) {
        boolean done = false;
        index.add(page.uhva >>> Pages.PAGE_SHIFT, page);
        page.indexed = true;
        try {
            VarHandle.fullFence(); // registered, then the looks: pairs with GuestModes.takeBack
            Interleaving.reached("hold registered");
            if (domain.index.isClosed()) {
                return Outcome.FAULT; // no thread would be told to give it back
            }
            MemslotTable slots = domain.memslots.table();
            if (slots.find(Pages.gpaToGfn(page.gpa())) != page.slot) {
                return Outcome.INACTIVE;
            }
            if (domain.invalidations.covers(page.uhva)) {
                boolean over = domain.invalidations.awaitUncovered(page.uhva, latest.getAsLong());
                return over ? Outcome.INACTIVE : Outcome.BUSY;
            }
            HostPage backing = domain.host.hvaToPage(page.uhva, forWriting);
            if (backing == null || backing == HostPage.BUSY) {
                return backing == null ? Outcome.FAULT : Outcome.BUSY;
            }
            try {
                if (!page.indexed) {
                    return Outcome.INACTIVE; // given back by a page-fault handler that entered: a taker was told so
                }
                install(page, domain.map(backing, null), forWriting);
            } finally {
                domain.host.release(backing);
            }
            done = true;
            return Outcome.OK;
        } finally {
            if (!done) {
                forget(page);
            }
        }
    }

    private void install(HeldPage page, HostMapping mapping, boolean forWriting) {
        held++;
        page.mapping = mapping;
        // Writable at once where that costs nothing: a later change that makes it cost something finds the page here.
        boolean free = !page.slot.readOnly()
                && !page.slot.hasLog()
                && domain.host.presentPfn(page.uhva) == mapping.pfn();
        page.prepared = free || forWriting;
        page.writable = free;
    }

    /** Inside, and the page is held: from here on it may be used. */
    void grant(HeldPage page) {
        CacheRule.I1_MAPPING_IS_CURRENT.check(
                !Rules.ENABLED || !page.prepared || domain.host.presentPfn(page.uhva) == page.mapping.pfn(), page);
        if (page.former != null) {
            page.besides = page.former.besides;
            forget(page.former); // of the same frame, or it would have been taken away
            page.former = null;
        }
        page.granted = true;
    }

    /** Inside, and the page is held and prepared: from here on it may be written, and is in the dirty log. */
    void grantWriting(HeldPage page) {
        if (!page.writable) {
            boolean marked = false;
            page.writable = true; // first, then the mark: pairs with the harvest
            try {
                page.slot.markDirty(Pages.gpaToGfn(page.gpa()));
                marked = true;
            } finally {
                page.writable = marked;
            }
        }
    }

    /**
     * The page leaves the index, and its mapping ends; idempotent. Unmapping does not wait here, though the rules count
     * it as a wait.
     */
    void forget(HeldPage page) {
        boolean inside = HeldLocks.guestMode(false);
        try {
            HostMapping former = page.mapping;
            domain.unmap(former);
            if (former != null) {
                held--;
                page.giveUp();
            }
        } finally {
            HeldLocks.guestMode(inside);
            if (page.indexed) {
                index.remove(page.uhva >>> Pages.PAGE_SHIFT, page);
                page.indexed = false;
            }
        }
    }

    /** All pages leave, one by one as the walk finds them. Allocates nothing. */
    void forgetAll() {
        index.walk(0, HvaRange.USER_END - 1 >>> Pages.PAGE_SHIFT, forgetting);
    }

    /** What is held, or about to be, of some pages. Asked by any thread. */
    List<HeldPage> of(HvaRange range, Predicate<HeldPage> which) {
        List<HeldPage> found = new ArrayList<>(0);
        index.walk(range.start() >>> Pages.PAGE_SHIFT, (range.end() >>> Pages.PAGE_SHIFT) - 1, page -> {
            if (which.test(page)) {
                found.add(page);
            }
            return true;
        });
        return found;
    }

    int held() {
        return held;
    }
}
