package io.github.pfncache.explore;

import java.util.Arrays;
import java.util.List;

/** Runs one given schedule. */
final class ScheduleReplay implements SchedulingPolicy {

    /** A schedule does not fit its scenario. */
    static final class Misfit extends IllegalStateException {

        private static final long serialVersionUID = 1L;

        Misfit(String message) {
            super(message);
        }
    }

    private final List<Schedule> given;
    private int at;

    ScheduleReplay(Schedule schedule) {
        given = schedule.inOrder();
    }

    @Override
    public int choose(int decision, int[] candidates, int count, boolean preempts, boolean redundant) {
        if (at == given.size() || given.get(at).decision() != decision) {
            return candidates[0];
        }
        return require(given.get(at++), candidates, count);
    }

    /** The thread of a difference, which must be able to run: the same schedule always comes to the same choices. */
    static int require(Schedule one, int[] candidates, int count) {
        for (int i = 0; i < count; i++) { // bounded by Stage.MAX_THREADS
            if (candidates[i] == one.thread()) {
                return one.thread();
            }
        }
        throw new Misfit("schedule " + one + " does not fit: at decision " + one.decision()
                + " the choice is " + Arrays.toString(Arrays.copyOf(candidates, count))
                + "; the scenario is another one, or not deterministic");
    }
}
