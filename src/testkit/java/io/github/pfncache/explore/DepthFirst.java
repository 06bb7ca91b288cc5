package io.github.pfncache.explore;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * Every schedule once, those with fewer preemptions first. Confined to one exploration.
 *
 * <p>A schedule that was run yields those that differ from it in one later decision. One with a further preemption
 * waits until those with fewer are done.
 */
final class DepthFirst implements SchedulingPolicy {

    /** Schedules kept for later at most, however many may be run; of more than that a fair sample is kept. */
    private static final int MAX_LATER = 200_000;

    private final int mostLater;
    private final int mostPreemptions;
    private final Deque<Schedule> now = new ArrayDeque<>();
    private final List<Schedule> later = new ArrayList<>();
    private final Random random;

    /** Preemptions of the schedules being run; every schedule with fewer has been run or is left out for ever. */
    private int preemptions;

    /** How many were offered for later since the last change of {@link #preemptions}. */
    private long offered;

    /** Up to so many preemptions nothing was left out. */
    private int leftOutBeyond = Integer.MAX_VALUE;

    // Of the schedule that runs.
    private Schedule origin;
    private List<Schedule> prefix;
    private int at;

    /**
     * Begins with the schedule without a difference.
     *
     * @param seed of the samples
     * @param budget how many schedules will be run at most: no more are kept for later
     * @param preemptions schedules with more of them will not be run
     */
    DepthFirst(long seed, int budget, int preemptions) {
        random = new Random(seed);
        mostLater = Math.min(budget, MAX_LATER);
        mostPreemptions = preemptions;
        now.push(Schedule.NONE);
    }

    /** Takes up the next schedule; false if there are no more. */
    boolean advance() {
        if (now.isEmpty()) {
            if (later.isEmpty()) {
                return false;
            }
            Collections.shuffle(later, random); // if the budget ends among them, those run are a fair sample
            now.addAll(later);
            later.clear();
            offered = 0;
            preemptions++;
        }
        origin = now.pop();
        prefix = origin.inOrder();
        at = 0;
        return true;
    }

    /** Preemptions of the schedule that was taken up. */
    int preemptions() {
        return preemptions;
    }

    /** Every schedule with at most so many preemptions has been run, provided that the current one is over. */
    int completed() {
        return Math.min(leftOutBeyond, now.isEmpty() ? preemptions : preemptions - 1);
    }

    /** Whether nothing is left, and nothing was left out. */
    boolean isComplete() {
        return now.isEmpty() && later.isEmpty() && leftOutBeyond == Integer.MAX_VALUE;
    }

    @Override
    public int choose(int decision, int[] candidates, int count, boolean preempts, boolean redundant) {
        if (at < prefix.size()) {
            if (prefix.get(at).decision() != decision) {
                return candidates[0];
            }
            return ScheduleReplay.require(prefix.get(at++), candidates, count);
        }
        for (int i = count - 1; i > 0 && !redundant; i--) { // bounded by Stage.MAX_THREADS
            if (preempts) {
                keepForLater(decision, candidates[i]);
            } else {
                now.push(origin.with(decision, candidates[i], false));
            }
        }
        return candidates[0];
    }

    private void keepForLater(int decision, int thread) {
        if (preemptions == mostPreemptions) {
            leftOutBeyond = Math.min(leftOutBeyond, preemptions);
            return;
        }
        offered++;
        if (later.size() < mostLater) {
            later.add(origin.with(decision, thread, true));
            return;
        }
        leftOutBeyond = Math.min(leftOutBeyond, preemptions);
        long place = (long) (random.nextDouble() * offered); // reservoir sampling: all have the same chance to stay
        if (place < mostLater) {
            later.set((int) place, origin.with(decision, thread, true));
        }
    }
}
