package io.github.pfncache.scenario;

import java.util.List;

/**
 * How the explorer found a fault that had been put into the source. Immutable.
 *
 * @param changes how the source came to have it
 * @param scenario name of what was explored; see {@link Race}, which has some of them
 * @param reason what counted as finding it: a rule, an expectation, a deadlock or a livelock
 * @param schedules how many schedules it took
 * @param schedule the schedule, for {@link io.github.pfncache.explore.ScheduleExplorer#replay} on the faulty source
 * @param sequence what happened
 */
public record CounterExample(
        List<Change> changes, String scenario, String reason, long schedules, String schedule, Sequence sequence) {

    /**
     * A change of the source.
     *
     * @param file path below the root package
     * @param without lines as they are
     * @param with lines with the fault
     */
    public record Change(String file, List<String> without, List<String> with) {}
}
