package io.github.pfncache.explore;

/**
 * One step of a schedule.
 *
 * @param thread number of the thread that made it, by the order of {@link ScenarioRun#thread}
 * @param point what it reached: a lock, a place of the library or of the scenario, its end
 * @since 0.1.0
 */
public record ScheduleStep(int thread, String point) {}
