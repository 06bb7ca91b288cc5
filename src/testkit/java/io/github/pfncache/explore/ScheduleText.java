package io.github.pfncache.explore;

import java.util.List;

/** A schedule for people: who reached what, in order, one column for each thread. */
final class ScheduleText {

    /** Lines shown from the end of a schedule; a livelock is long, and its end repeats. */
    private static final int MAX_LINES = 200;

    private static final int COLUMN = 30;

    private ScheduleText() {}

    static String of(List<ScheduleStep> steps, List<String> names) {
        StringBuilder text = new StringBuilder();
        StringBuilder head = new StringBuilder("      ");
        names.forEach(name -> head.append(name).append(" ".repeat(Math.max(1, COLUMN - name.length()))));
        line(text, head.toString());
        int from = Math.max(0, steps.size() - MAX_LINES);
        if (from > 0) {
            line(text, "      ... " + from + " steps before");
        }
        for (int i = from; i < steps.size(); i++) { // bounded by MAX_LINES
            ScheduleStep step = steps.get(i);
            line(text, String.format("%5d ", i) + " ".repeat(COLUMN * step.thread()) + step.point());
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String line) {
        text.append(line.stripTrailing()).append(System.lineSeparator());
    }
}
