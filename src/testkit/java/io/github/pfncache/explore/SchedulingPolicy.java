package io.github.pfncache.explore;

/** Decides, for one schedule, which thread runs. Confined to the thread that has the right to run. */
interface SchedulingPolicy {

    /**
     * Chooses among threads that can run.
     *
     * @param decision number of the decision
     * @param candidates numbers of the threads; the default comes first
     * @param count how many there are, at least 2
     * @param preempts whether every candidate but the first would take the right to run from one that can go on
     * @param redundant whether what this schedule does from here on is also done by another one with fewer switches
     * @return one of the candidates
     */
    int choose(int decision, int[] candidates, int count, boolean preempts, boolean redundant);
}
