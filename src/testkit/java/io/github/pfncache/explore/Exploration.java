package io.github.pfncache.explore;

import java.util.List;

/**
 * The result of an exploration.
 *
 * @param schedules how many schedules were run
 * @param preemptions every schedule with at most so many preemptions was run; -1 if not even those without
 * @param complete whether every schedule there is was run
 * @param failure the first that went wrong; null if none did
 * @param spread how many were run, in order, of each number of preemptions, from 0 on; the last of {@link #SPREAD}
 *     counts those with more, too. Those run at random are not in it
 * @param sample the first that went well and in which a thread waited for another, or else the first that went well;
 *     null if none did
 * @since 0.1.0
 */
public record Exploration(
        long schedules,
        int preemptions,
        boolean complete,
        ScheduleFailure failure,
        List<Long> spread,
        SoundRun sample) {

    /** Preemptions that {@link #spread} tells apart: 0 to one less than this. */
    public static final int SPREAD = 16;

    /**
     * What an exploration came to.
     *
     * @param schedules how many schedules were run
     * @param preemptions every schedule with at most so many preemptions was run; -1 if not even those without
     * @param complete whether every schedule there is was run
     * @param failure the first that went wrong; null if none did
     * @param spread how many were run of each number of preemptions
     * @param sample one that went well; null if none did
     */
    public Exploration {
        spread = List.copyOf(spread);
    }

    /**
     * Throws if a schedule failed.
     *
     * @return this exploration
     * @throws AssertionError with the schedule and its listing
     */
    public Exploration requireNoFailure() {
        if (failure != null) {
            throw new AssertionError(this.toString(), failure.cause());
        }
        return this;
    }

    @Override
    public String toString() {
        String extent = complete ? "all there are" : "all with at most " + preemptions + " preemptions among them";
        return schedules + " schedules, " + (failure == null ? extent + ", no failure" : failure.toString());
    }
}
