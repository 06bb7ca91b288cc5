package io.github.pfncache.stress;

import io.github.pfncache.address.Pages;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.memslot.Memslots;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Changes slots under the guest's feet, and puts them back in the end. Nothing else changes its slots. One
 * thread takes the turns; the counts are read by any.
 */
final class SlotAdversary implements Crew.Work {

    /** What is done to a slot. */
    enum Action {
        /** It is deleted, and at its next turn created again. */
        REPLUG,
        /** It is moved to its other place, or back. */
        MOVE,
        /** Its dirty log is turned on or off. */
        TOGGLE_LOG,
        /** It is deleted and created with the other kind of access. */
        TOGGLE_READ_ONLY
    }

    /**
     * One thing to do to one slot.
     *
     * @param slot as it is at first
     * @param otherGpa where a move takes it
     */
    record Target(Action action, Memslot slot, long otherGpa) {}

    private final Memslots memslots;
    private final List<Target> targets;
    private final Plan plan;
    private final Map<Action, LongAdder> done = new EnumMap<>(Action.class);
    private final LongAdder busy = new LongAdder();

    SlotAdversary(Memslots memslots, List<Target> targets, long seed) {
        this.memslots = memslots;
        this.targets = targets;
        this.plan = new Plan(seed, "slots");
        targets.forEach(target -> done.put(target.action(), new LongAdder()));
    }

    /** Draws the next step. */
    Target next() {
        return targets.get(plan.choose(targets.size()));
    }

    @Override
    public boolean turn() {
        Target target = next();
        switch (perform(target)) {
            case DONE -> done.get(target.action()).increment();
            case BUSY -> busy.increment();
            case UNCHANGED -> { } // a reader of the log has turned it on meanwhile
        }
        return true;
    }

    private Memslots.Change perform(Target target) {
        Memslot home = target.slot();
        Memslot now = memslots.table().byId(home.id());
        if (now == null) {
            return create(home, home.flags());
        }
        switch (target.action()) {
            case REPLUG:
                return memslots.delete(home.id());
            case MOVE:
                long from = Pages.gfnToGpa(home.baseGfn());
                return memslots.move(home.id(), now.baseGfn() == home.baseGfn() ? target.otherGpa() : from);
            case TOGGLE_LOG:
                return memslots.setFlags(home.id(), now.flags() ^ Memslot.FLAG_LOG_DIRTY_PAGES);
            case TOGGLE_READ_ONLY:
                Memslots.Change change = memslots.delete(home.id());
                return change == Memslots.Change.DONE ? create(home, now.flags() ^ Memslot.FLAG_READONLY) : change;
            default:
                throw new AssertionError(target);
        }
    }

    private Memslots.Change create(Memslot home, int flags) {
        long size = home.npages() << Pages.PAGE_SHIFT;
        return memslots.set(home.id(), flags, Pages.gfnToGpa(home.baseGfn()), size, home.hva());
    }

    /** Puts every slot back as it was at first; after the last turn, with no other thread in its way. */
    void end() {
        for (Target target : targets) { // bounded by the targets
            Memslot home = target.slot();
            if (memslots.table().byId(home.id()) != null) {
                memslots.delete(home.id());
            }
            Memslots.Change change = create(home, home.flags());
            if (change != Memslots.Change.DONE) {
                throw new AssertionError(home + " cannot be put back: " + change);
            }
        }
    }

    /** How often each action took place. */
    Map<Action, LongAdder> done() {
        return done;
    }

    /** How often a change could not be made at that time. */
    long busy() {
        return busy.sum();
    }
}
