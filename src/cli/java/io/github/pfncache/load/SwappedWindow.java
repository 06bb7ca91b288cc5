package io.github.pfncache.load;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import io.github.pfncache.cache.Outcome;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.stress.Crew;
import io.github.pfncache.stress.StampedField;
import io.github.pfncache.stress.Plan;
import io.github.pfncache.stress.ReferenceModel;
import java.util.List;

/**
 * A window of guest memory behind which the emulator exchanges the memory: one piece, another, or none. Each access
 * learns from its cache where it goes; if the window did not change meanwhile, that must be what was behind it.
 */
final class SwappedWindow implements Crew.Work {

    /** What is behind the window from one change to the next; compared by identity. */
    private static final class Period {
        /** First page behind the window, or 0 for none. */
        private final int page;

        Period(int page) {
            this.page = page;
        }
    }

    /** A change is under way: the window may be anything. */
    private static final Period CHANGING = new Period(-1);

    private static final int[] PLACES = {LoadMachine.FIRST, LoadMachine.SECOND, 0};

    private final LoadMachine machine;
    private final Tally tally;
    private final Plan plan;
    private final List<Block> first;
    private final List<Block> second;

    /** Written by the thread that exchanges; looked at by the devices before and during an access. */
    private volatile Period period = new Period(0);

    SwappedWindow(LoadMachine machine, Tally tally, int devices, long seed) {
        this.machine = machine;
        this.tally = tally;
        this.plan = new Plan(seed, "window");
        this.first = blocks(machine.model, devices, LoadMachine.FIRST);
        this.second = blocks(machine.model, devices, LoadMachine.SECOND);
    }

    private static List<Block> blocks(ReferenceModel model, int devices, int page) {
        long gpa = LoadMachine.WINDOW_GPA;
        return Block.of(model, devices, page, LoadMachine.WINDOW_PAGES, gpa, gpa, false);
    }

    /** Exchanges what is behind the window. */
    @Override
    public boolean turn() {
        int next = PLACES[plan.choose(PLACES.length)];
        int now = period.page;
        period = CHANGING;
        Memslots memslots = machine.vm.memslots();
        if (now != 0 && memslots.delete(LoadMachine.WINDOW_SLOT) == Memslots.Change.DONE) {
            now = 0;
        }
        if (now == 0 && next != 0) {
            long size = (long) LoadMachine.WINDOW_PAGES * 4096;
            long hva = LoadMachine.hva(next);
            if (memslots.set(LoadMachine.WINDOW_SLOT, 0, LoadMachine.WINDOW_GPA, size, hva) == Memslots.Change.DONE) {
                now = next;
            }
        }
        period = new Period(now);
        return true;
    }

    int blocks() {
        return first.size();
    }

    /** A device writes and reads one lane through the window. */
    void use(GfnPfnCache cache, int device, int block, int lane) {
        Period before = period;
        cache.activate(first.get(block).gpa());
        tally.activations.increment();
        try (GuestAccess access = cache.access()) {
            boolean usable = tally.accessed(access.outcome());
            int page = usable ? pageOf(cache.state().uhva(), block) : 0;
            if (usable && page != 0) {
                Block place = (page == LoadMachine.FIRST ? first : second).get(block);
                StampedField own = place.lanes().get(device).get(lane);
                place.read(access, own);
                place.write(access, own);
            }
            if (before == period && before != CHANGING) {
                judge(before.page, page, access.outcome());
            }
        }
    }

    /** Which of the two pieces the cache says that it shows. */
    private int pageOf(long uhva, int block) {
        long offset = uhva - LoadMachine.HVA;
        if (offset == first.get(block).offset()) {
            return LoadMachine.FIRST;
        }
        if (offset == second.get(block).offset()) {
            return LoadMachine.SECOND;
        }
        tally.violated("the window shows " + Long.toHexString(uhva) + ", which was never behind it");
        return 0;
    }

    private void judge(int there, int shown, Outcome outcome) {
        boolean right = outcome == Outcome.BUSY || (there == 0 ? outcome == Outcome.FAULT : there == shown);
        if (!right) {
            tally.violated("behind the window was page " + there + " all the while, and an access found page " + shown
                    + ", " + outcome);
        }
    }
}
