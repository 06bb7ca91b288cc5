package io.github.pfncache.scenario;

import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.explore.SoundRun;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A schedule that was run, to be drawn. Holds the end of a long one only. Immutable.
 *
 * @param kind how it went wrong; null if it went well
 * @param message what was wrong or went well, in one line; the same whenever the schedule is run
 * @param threads names of its threads
 * @param before how many steps came before {@code steps}
 * @param steps the last ones, in order
 */
public record Sequence(
        ScheduleFailure.Kind kind, String message, List<String> threads, int before, List<ScheduleStep> steps) {

    private static final int MAX_MESSAGE = 400;
    private static final String THROWS = "throws ";

    /** Numbers of locks and identities of objects, which differ from run to run. */
    private static final Pattern IDENTITY = Pattern.compile("#[0-9]+|@[0-9a-f]+\\b");

    private static final Pattern PACKAGES = Pattern.compile("\\b(?:[a-z][a-z0-9]*\\.)+(?=[A-Z])");
    private static final Pattern BLANKS = Pattern.compile("\\s+");

    /**
     * The end of a schedule.
     *
     * @param failure a schedule that went wrong
     * @param most how many steps to keep
     * @return what there is to draw
     */
    public static Sequence of(ScheduleFailure failure, int most) {
        return of(failure.kind(), line(failure.cause()), failure.threads(), failure.steps(), most);
    }

    /**
     * The end of a schedule that went well.
     *
     * @param run the schedule
     * @param most how many steps to keep
     * @return what there is to draw
     */
    public static Sequence of(SoundRun run, int most) {
        String message = "every thread ended, no rule was broken, and the checks hold";
        return of(null, message, run.threads(), run.steps(), most);
    }

    private static Sequence of(
            ScheduleFailure.Kind kind, String message, List<String> threads, List<ScheduleStep> all, int most) {
        int before = Math.max(0, all.size() - most);
        List<ScheduleStep> steps = all.subList(before, all.size()).stream().map(Sequence::withoutMessage).toList();
        return new Sequence(kind, message, threads, before, steps);
    }

    /**
     * How it ended.
     *
     * @return in capitals
     */
    public String ending() {
        return kind == null ? "SOUND" : kind.name();
    }

    /** What was thrown is told once, by the message. */
    private static ScheduleStep withoutMessage(ScheduleStep step) {
        if (!step.point().startsWith(THROWS)) {
            return step;
        }
        int end = step.point().indexOf(':');
        String thrown = end < 0 ? step.point() : step.point().substring(0, end);
        return new ScheduleStep(step.thread(), PACKAGES.matcher(thrown).replaceAll(""));
    }

    private static String line(Throwable cause) {
        boolean said = cause instanceof AssertionError && cause.getMessage() != null;
        String text = said ? cause.getMessage() : PACKAGES.matcher(cause.toString()).replaceAll("");
        String plain = BLANKS.matcher(IDENTITY.matcher(text).replaceAll("")).replaceAll(" ").strip();
        return plain.length() <= MAX_MESSAGE ? plain : plain.substring(0, MAX_MESSAGE - 1) + "…";
    }
}
