package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Compares the dirty logs with the pages that were seen to be written.
 *
 * <p><b>Cost.</b> Up to {@link #FEW} logs are all looked at each time. Of more, those of the slots that hold a probe
 * and of the slot changed last, and all of them once in so many times as there are: a page logged in a slot where
 * nothing was written is found a little later, but before its slot can go.
 */
final class DirtyLogs {

    /** So many logs are looked at every time. */
    static final int FEW = 64;

    private final Memslots memslots;

    /** The slots that log: by number, as far as the operations went. */
    private final TreeMap<Integer, Memslot> logging = new TreeMap<>();

    /** Slot changed last; -1 before the first. */
    private int changed = -1;

    private int looksSinceAll;
    private long harvests;

    DirtyLogs(Memslots memslots) {
        this.memslots = memslots;
    }

    /** A slot is about to be changed, and its log may go: what is in it now was logged and not seen to be written. */
    void slotChanges(int id, List<ReplayStep.Difference> differences) {
        Memslot slot = logging.get(id);
        if (slot != null) {
            compare(slot, Set.of(), differences);
        }
    }

    /** A slot was changed: looks whether it logs now. */
    void slotChanged(int id) {
        changed = id;
        Memslot slot = memslots.table().byId(id);
        if (slot != null && slot.logsDirtyPages()) {
            logging.put(id, slot);
        } else {
            logging.remove(id);
        }
    }

    /**
     * Harvests the logs.
     *
     * @param written the guest frames that were seen to be written since the last time
     * @param everywhere whether to look at all logs, however many
     * @param differences receives what is too much or missing
     * @return how many pages were logged rightly
     */
    int compare(Set<Long> written, boolean everywhere, List<ReplayStep.Difference> differences) {
        int right = 0;
        for (Memslot slot : toLookAt(everywhere)) { // bounded by the slots
            right += compare(slot, written, differences);
        }
        return right;
    }

    private Collection<Memslot> toLookAt(boolean everywhere) {
        boolean all = everywhere || logging.size() <= FEW || ++looksSinceAll >= logging.size();
        if (all) {
            looksSinceAll = 0;
            return logging.values();
        }
        TreeMap<Integer, Memslot> some = new TreeMap<>();
        for (int probe = 0; probe < Probes.COUNT; probe++) { // bounded by the probes
            Memslot slot = memslots.table().find(Pages.gpaToGfn(Probes.gpa(probe)));
            if (slot != null && logging.containsKey(slot.id())) {
                some.put(slot.id(), logging.get(slot.id()));
            }
        }
        logging.subMap(changed, true, changed, true).forEach(some::put);
        return some.values();
    }

    private int compare(Memslot slot, Set<Long> written, List<ReplayStep.Difference> differences) {
        harvests++;
        int right = 0;
        Set<Long> logged = new TreeSet<>();
        for (long relative : memslots.harvestDirty(slot.id()).harvest().pages()) { // bounded by the pages logged
            logged.add(slot.baseGfn() + relative);
        }
        List<Long> missing = new ArrayList<>();
        for (long gfn : written) { // bounded by the probes
            if (!slot.contains(gfn)) {
                continue;
            }
            if (logged.remove(gfn)) {
                right++;
            } else {
                missing.add(gfn);
            }
        }
        missing.forEach(gfn -> differences.add(difference(slot, gfn, "dirty page ", "it clean")));
        logged.forEach(gfn -> differences.add(difference(slot, gfn, "clean page ", "it dirty")));
        return right;
    }

    /** How many logs were looked at, each as often as it was. */
    long harvests() {
        return harvests;
    }

    private static ReplayStep.Difference difference(Memslot slot, long gfn, String expected, String found) {
        int probe = ReplayStep.Difference.ALL_PROBES;
        for (int i = 0; i < Probes.COUNT; i++) { // bounded by the probes
            probe = Pages.gpaToGfn(Probes.gpa(i)) == gfn ? i : probe;
        }
        String page = Pages.hex(Pages.gfnToGpa(gfn)) + " in the log of slot " + slot.id();
        return new ReplayStep.Difference(probe, expected + page, found);
    }
}
