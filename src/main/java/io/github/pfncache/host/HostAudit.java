package io.github.pfncache.host;

import io.github.pfncache.address.Pages;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;

/** One audit of a family: what every entry owns is counted again and compared with the counts kept. Single use. */
final class HostAudit {

    private final HostFamily family;
    private final FrameStore frames;
    private final SwapStore swap;
    private final Map<Integer, Integer> frameOwners = new HashMap<>();
    private final Map<Integer, Integer> swapOwners = new HashMap<>();
    /** The space that each leaf was counted in. */
    private final Map<Object, AddressSpace> countedIn = new IdentityHashMap<>();

    HostAudit(HostFamily family) {
        this.family = family;
        this.frames = family.store.frames;
        this.swap = family.store.swap;
    }

    void run() {
        HostRule.NOTIFIER_PAIRED.check(family.invalidationsInProgress.get() == 0, family.invalidationsInProgress);
        family.locked(this::runLocked);
    }

    private void runLocked() {
        int userFrames = 0;
        for (FilePages file : family.files) { // bounded by the files of the family
            file.entries.forEach(0, PageTable.PAGES_END, (page, entry) -> count(entry));
            userFrames += file.userMemory ? (int) file.npages() : 0;
        }
        for (AddressSpace space : family.members) { // bounded by the address spaces of the family
            space.table.forEach(0, PageTable.PAGES_END, (page, pte) -> {
                if (countedIn.computeIfAbsent(space.table.leaf(page), leaf -> space) == space) {
                    count(pte);
                }
                checkEntry(space, page, pte);
            });
        }
        int temporary = 0;
        for (Map.Entry<Integer, Integer> e : frameOwners.entrySet()) { // bounded by the frames in use
            int pfn = e.getKey();
            String state = "pfn=" + Pages.hex(pfn) + " owners=" + frames.owners(pfn) + " counted=" + e.getValue()
                    + " references=" + frames.references(pfn);
            HostRule.OWNERS_COUNTED.check(frames.owners(pfn) == e.getValue(), state);
            HostRule.FRAME_LIVE_WHILE_REFERENCED.check(frames.references(pfn) >= e.getValue(), state);
            temporary += frames.references(pfn) - e.getValue();
        }
        for (Map.Entry<Integer, Integer> e : swapOwners.entrySet()) { // bounded by the evicted pages
            HostRule.OWNERS_COUNTED.check(swap.owners(e.getKey()) == e.getValue(), "swap slot=" + e.getKey());
        }
        HostRule.OWNERS_COUNTED.check(swapOwners.size() == swap.size(), "swap slots=" + swap.size());
        checkBalance(userFrames, temporary);
    }

    /** A frame that no entry names is in use only because a thread holds a temporary reference. */
    private void checkBalance(int userFrames, int temporary) {
        long held = 0;
        for (AddressSpace space : family.members) { // bounded by the address spaces of the family
            held += space.pageReferences.sum();
        }
        int unnamed = frames.supply.inUse() + userFrames - frameOwners.size();
        String state = "frames in use=" + frames.supply.inUse() + " named=" + frameOwners.size() + " user=" + userFrames
                + " held=" + held + " temporary=" + temporary;
        HostRule.OWNERS_COUNTED.check(held != 0 || unnamed == 0 && temporary == 0, state);
    }

    private void count(long entry) {
        if (Pte.isPresent(entry)) {
            frameOwners.merge(Pte.index(entry), 1, Integer::sum);
        } else if (Pte.isSwapped(entry)) {
            swapOwners.merge(Pte.index(entry), 1, Integer::sum);
        }
    }

    private void checkEntry(AddressSpace space, long page, long pte) {
        Vma vma = space.vmas.find(page);
        boolean writable = Pte.isWritable(pte);
        boolean within = vma != null && (!writable || vma.isWritable() && !Pte.isArmed(pte));
        check(HostRule.ENTRY_WITHIN_MAPPING, within, page, pte, vma);
        if (!Pte.isPresent(pte)) {
            return;
        }
        if (vma.shared()) {
            long filePage = vma.toFilePage(page);
            long entry = vma.file().entry(filePage);
            boolean same = Pte.isPresent(entry) && Pte.index(entry) == Pte.index(pte);
            check(HostRule.ENTRY_WITHIN_MAPPING, same, page, pte, vma);
            boolean known = !writable || vma.file().isChanged(filePage);
            check(HostRule.WRITABLE_FILE_PAGE_IS_CHANGED, known, page, pte, vma);
        } else {
            boolean sole = !writable || frames.owners(Pte.index(pte)) == 1;
            check(HostRule.PRIVATE_WRITABLE_IS_SOLE, sole, page, pte, vma);
        }
    }

    /** With a sentence only when the rule is broken: an audit looks at every page. */
    private static void check(HostRule rule, boolean holds, long page, long pte, Vma vma) {
        rule.check(holds, holds ? null
                : "hva=" + Pages.hex(PageTable.hvaOf(page)) + " entry=" + Pages.hex(pte) + " in " + vma);
    }
}
