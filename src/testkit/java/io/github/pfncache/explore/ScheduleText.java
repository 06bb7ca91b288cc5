package io.github.pfncache.explore;

import java.util.ArrayList;
import java.util.List;

/**
 * A schedule as text: threads as columns, steps as rows, an arrow wherever another thread goes on. Stateless.
 *
 * @since 0.1.0
 */
public final class ScheduleText {

    private static final int NUMBER = 6;
    private static final int GAP = 3;
    private static final int WIDEST = 34;

    private ScheduleText() {}

    /**
     * Draws a schedule.
     *
     * @param threads names of its threads, by their numbers
     * @param before how many steps came before {@code steps}
     * @param steps what happened, in order
     * @return the lines, at most 40 columns for each thread wide
     */
    public static List<String> lines(List<String> threads, int before, List<ScheduleStep> steps) {
        List<Integer> at = columns(threads, steps);
        List<String> lines = new ArrayList<>();
        if (at.isEmpty()) {
            return lines; // it went wrong before there was a thread
        }
        lines.add(row("", at, threads));
        if (before > 0) {
            lines.add(" ".repeat(NUMBER) + "... " + before + " steps before");
        }
        int running = -1;
        for (int i = 0; i < steps.size(); i++) { // bounded by the steps
            ScheduleStep step = steps.get(i);
            if (running >= 0 && running != step.thread()) {
                lines.add(arrow(at.get(running), at.get(step.thread())));
            }
            running = step.thread();
            List<String> cells = new ArrayList<>();
            for (int thread = 0; thread < at.size(); thread++) { // bounded by the threads
                cells.add(thread == running ? step.point() : "|");
            }
            lines.add(row(String.valueOf(before + i), at, cells));
        }
        return lines;
    }

    /** Where each thread's column begins: as wide as its longest point. */
    private static List<Integer> columns(List<String> threads, List<ScheduleStep> steps) {
        List<Integer> at = new ArrayList<>();
        int x = NUMBER;
        for (int thread = 0; thread < threads.size(); thread++) { // bounded by the threads and the steps
            int number = thread;
            at.add(x);
            int widest = steps.stream()
                    .filter(step -> step.thread() == number)
                    .mapToInt(step -> step.point().length())
                    .max()
                    .orElse(0);
            x += GAP + Math.min(WIDEST, Math.max(widest, threads.get(thread).length()));
        }
        return at;
    }

    private static String row(String number, List<Integer> at, List<String> cells) {
        StringBuilder line = new StringBuilder(" ".repeat(NUMBER - 2 - Math.min(NUMBER - 2, number.length())));
        line.append(number);
        for (int thread = 0; thread < at.size(); thread++) { // bounded by the threads
            String cell = cells.get(thread);
            line.append(" ".repeat(Math.max(1, at.get(thread) - line.length())))
                    .append(cell.length() <= WIDEST ? cell : cell.substring(0, WIDEST - 1) + "…");
        }
        return line.toString().stripTrailing();
    }

    private static String arrow(int from, int to) {
        int left = Math.min(from, to);
        String line = "-".repeat(Math.abs(to - from) - 1);
        return " ".repeat(left) + (from < to ? "+" + line + ">" : "<" + line + "+");
    }
}
