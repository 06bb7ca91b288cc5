package io.github.pfncache.report;

import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.scenario.Resource;
import io.github.pfncache.scenario.Sequence;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** The dictionary of a schedule's steps: what each of them means, in plain words. Immutable. */
public final class StepWords {

    private static final Map<String, String> ALL = Resource.text(StepWords.class, "steps.tsv").lines()
            .map(line -> line.split("\t"))
            .collect(Collectors.toMap(line -> line[0], line -> line[1]));

    private StepWords() {}

    /**
     * What a step is, whatever was done with it.
     *
     * @param point as in a schedule
     * @return the lock that was taken, released or waited for; any other point as it is
     */
    public static String subject(String point) {
        return point.replaceAll("^((|un|(read|write)-un)lock|waits for) (?=[A-Z_]+$)", "");
    }

    /**
     * The words for what happens in one schedule.
     *
     * @param sequence the schedule
     * @return meanings by step, in the order in which they come; steps of the scenario's own speak for themselves
     */
    public static Map<String, String> of(Sequence sequence) {
        Map<String, String> words = new LinkedHashMap<>();
        for (ScheduleStep step : sequence.steps()) { // bounded by the sequence
            String subject = subject(step.point());
            if (ALL.containsKey(subject)) {
                words.put(subject, ALL.get(subject));
            }
        }
        return words;
    }
}
