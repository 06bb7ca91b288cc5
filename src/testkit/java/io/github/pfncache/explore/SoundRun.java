package io.github.pfncache.explore;

import java.util.List;

/**
 * A schedule that went well, to be shown step by step. Immutable.
 *
 * @param schedule the schedule, for {@link ScheduleExplorer#replay}; {@code -} is the default one
 * @param threads names of its threads, by their numbers
 * @param steps what happened, in order
 * @since 0.1.0
 */
public record SoundRun(String schedule, List<String> threads, List<ScheduleStep> steps) {

    private static final String WAITS = "waits for ";

    /**
     * A schedule that went well.
     *
     * @param schedule the schedule, for {@link ScheduleExplorer#replay}; {@code -} is the default one
     * @param threads names of its threads, by their numbers
     * @param steps what happened, in order
     */
    public SoundRun {
        threads = List.copyOf(threads);
        steps = List.copyOf(steps);
    }

    /** Whether a thread has to wait for another one in it. */
    boolean meets() {
        return steps.stream().anyMatch(step -> step.point().startsWith(WAITS));
    }
}
