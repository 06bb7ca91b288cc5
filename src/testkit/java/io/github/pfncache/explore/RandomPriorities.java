package io.github.pfncache.explore;

import java.util.SplittableRandom;

/**
 * One random schedule in which the thread of the highest priority runs, with a few moments at which the running thread
 * falls to the lowest. A fault that needs {@code d} ordered events is met with a probability of at least
 * {@code 1 / (threads * decisions^(d-1))} (probabilistic concurrency testing, Burckhardt et al., 2010).
 */
final class RandomPriorities implements SchedulingPolicy {

    private static final int MAX_CHANGES = 4;

    private final SplittableRandom random;
    private final int[] priorities = new int[ScenarioRun.MAX_THREADS];
    private final int[] changes;
    private int lowest;

    RandomPriorities(long seed, int decisions) {
        random = new SplittableRandom(seed);
        for (int i = 0; i < priorities.length; i++) { // bounded by Stage.MAX_THREADS
            priorities[i] = random.nextInt(1, 1 << 20);
        }
        changes = new int[random.nextInt(MAX_CHANGES + 1)];
        for (int i = 0; i < changes.length; i++) { // bounded by MAX_CHANGES
            changes[i] = random.nextInt(Math.max(1, decisions));
        }
    }

    @Override
    public int choose(int decision, int[] candidates, int count, boolean preempts, boolean redundant) {
        for (int change : changes) { // bounded by MAX_CHANGES
            if (change == decision) {
                priorities[candidates[0]] = --lowest;
            }
        }
        int best = candidates[0];
        for (int i = 1; i < count; i++) { // bounded by Stage.MAX_THREADS
            if (priorities[candidates[i]] > priorities[best]) {
                best = candidates[i];
            }
        }
        return best;
    }
}
