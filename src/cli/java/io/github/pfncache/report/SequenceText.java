package io.github.pfncache.report;

import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.scenario.Sequence;
import java.util.ArrayList;
import java.util.List;

/** A schedule as text: threads as columns, steps as rows, an arrow wherever another thread goes on. Stateless. */
public final class SequenceText {

    private static final int NUMBER = 6;
    private static final int GAP = 3;
    private static final int WIDEST = 34;

    private SequenceText() {}

    /**
     * Draws a schedule.
     *
     * @param sequence the schedule
     * @return the lines, at most 40 columns for each thread wide
     */
    public static List<String> lines(Sequence sequence) {
        List<Integer> at = columns(sequence);
        List<String> lines = new ArrayList<>();
        if (at.isEmpty()) {
            return lines; // it went wrong before there was a thread
        }
        lines.add(row("", sequence, at, sequence.threads()));
        if (sequence.before() > 0) {
            lines.add(" ".repeat(NUMBER) + "... " + sequence.before() + " steps before");
        }
        int running = -1;
        for (int i = 0; i < sequence.steps().size(); i++) { // bounded by the sequence
            ScheduleStep step = sequence.steps().get(i);
            if (running >= 0 && running != step.thread()) {
                lines.add(arrow(at.get(running), at.get(step.thread())));
            }
            running = step.thread();
            List<String> cells = new ArrayList<>();
            for (int thread = 0; thread < at.size(); thread++) { // bounded by the threads
                cells.add(thread == running ? Markup.clip(step.point(), WIDEST) : "|");
            }
            lines.add(row(String.valueOf(sequence.before() + i), sequence, at, cells));
        }
        return lines;
    }

    /** Where each thread's column begins: as wide as its longest point. */
    private static List<Integer> columns(Sequence sequence) {
        List<Integer> at = new ArrayList<>();
        int x = NUMBER;
        for (int thread = 0; thread < sequence.threads().size(); thread++) { // bounded by the threads and the steps
            int number = thread;
            at.add(x);
            int widest = sequence.steps().stream()
                    .filter(step -> step.thread() == number)
                    .mapToInt(step -> step.point().length())
                    .max()
                    .orElse(0);
            x += GAP + Math.min(WIDEST, Math.max(widest, sequence.threads().get(thread).length()));
        }
        return at;
    }

    private static String row(String number, Sequence sequence, List<Integer> at, List<String> cells) {
        StringBuilder line = new StringBuilder(" ".repeat(NUMBER - 2 - Math.min(NUMBER - 2, number.length())));
        line.append(number);
        for (int thread = 0; thread < at.size(); thread++) { // bounded by the threads
            line.append(" ".repeat(Math.max(1, at.get(thread) - line.length())))
                    .append(Markup.clip(cells.get(thread), WIDEST));
        }
        return line.toString().stripTrailing();
    }

    private static String arrow(int from, int to) {
        int left = Math.min(from, to);
        String line = "-".repeat(Math.abs(to - from) - 1);
        return " ".repeat(left) + (from < to ? "+" + line + ">" : "<" + line + "+");
    }
}
