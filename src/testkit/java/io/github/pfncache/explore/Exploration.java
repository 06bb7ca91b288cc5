package io.github.pfncache.explore;

/**
 * What an exploration came to.
 *
 * @param schedules how many schedules were run
 * @param preemptions every schedule with at most so many preemptions was run; -1 if not even those without
 * @param complete whether every schedule there is was run
 * @param failure the first that went wrong; null if none did
 */
public record Exploration(long schedules, int preemptions, boolean complete, ScheduleFailure failure) {

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
