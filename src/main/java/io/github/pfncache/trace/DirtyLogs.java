package io.github.pfncache.trace;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Compares the dirty logs with the pages that were seen to be written. */
final class DirtyLogs {

    private final Memslots memslots;

    /** The slots that log: by number, as far as the operations went. */
    private final TreeMap<Integer, Memslot> logging = new TreeMap<>();

    DirtyLogs(Memslots memslots) {
        this.memslots = memslots;
    }

    /** A slot was changed: looks whether it logs now. */
    void slotChanged(int id) {
        Memslot slot = memslots.table().byId(id);
        if (slot != null && slot.logsDirtyPages()) {
            logging.put(id, slot);
        } else {
            logging.remove(id);
        }
    }

    void clear() {
        logging.keySet().forEach(memslots::harvestDirty);
    }

    /**
     * Harvests all logs.
     *
     * @param written the guest frames that were seen to be written since the last time
     * @param differences receives what is too much or missing
     * @return how many pages were logged rightly
     */
    int compare(Set<Long> written, List<ReplayStep.Difference> differences) {
        int right = 0;
        for (Memslot slot : logging.values()) { // bounded by the slots, then by the pages logged and the probes
            Set<Long> logged = new TreeSet<>();
            for (long relative : memslots.harvestDirty(slot.id()).harvest().pages()) {
                logged.add(slot.baseGfn() + relative);
            }
            List<Long> missing = new ArrayList<>();
            for (long gfn : written) {
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
        }
        return right;
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
