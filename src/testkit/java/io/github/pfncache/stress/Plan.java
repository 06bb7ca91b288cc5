package io.github.pfncache.stress;

import java.util.SplittableRandom;

/**
 * What one thread is going to do: a sequence of numbers that depends on the seed and the thread's role only. What
 * becomes of a step changes nothing about the next, so the same seed gives the same plan, whatever the other threads
 * do. Not thread-safe.
 *
 * @since 0.1.0
 */
public final class Plan {

    private final SplittableRandom random;

    /**
     * The plan of one role.
     *
     * @param seed the seed of the whole run
     * @param role which of its threads
     */
    public Plan(long seed, String role) {
        random = new SplittableRandom(seed ^ role.hashCode() * 0x9e37_79b9_7f4a_7c15L);
    }

    /**
     * The next number.
     *
     * @param bound how many there are to choose from, at least 1
     * @return 0 to {@code bound - 1}
     */
    public int choose(int bound) {
        return random.nextInt(bound);
    }

    /**
     * A chance.
     *
     * @param outOf at least 1
     * @return true once in so many times
     */
    public boolean once(int outOf) {
        return random.nextInt(outOf) == 0;
    }
}
