package io.github.pfncache.report;

import io.github.pfncache.explore.LockSpans;
import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.scenario.Sequence;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The picture of a schedule: a line for each thread, thick while it runs, its steps beside it, arrows between them. */
final class SequenceDrawing {

    private static final double LEFT = 64;
    private static final double WIDTH = 1160;
    private static final double TOP = 46;
    private static final double ROW = 17;
    private static final double MAX_COLUMN = 380;
    private static final double FIRST_COLUMN = 40;
    private static final double TEXT = 14;
    private static final double HOLD = 5;
    private static final double CHARACTER = 6.1;
    private static final int MESSAGE_COLUMNS = 165;
    private static final int COLOURS = 7;

    /** What a thread reaches inside a lock: of interest to those who look for a fault of the lock. */
    private static final Set<String> INSIDE_LOCKS = Set.of("shut", "unread", "no writer", "announced");

    private final Sequence sequence;
    private final String id;
    private final double column;

    SequenceDrawing(Sequence sequence, String id) {
        this.sequence = sequence;
        this.id = id;
        this.column = Math.min(MAX_COLUMN, (WIDTH - LEFT - FIRST_COLUMN) / Math.max(1, sequence.threads().size()));
    }

    private double x(int thread) {
        return LEFT + FIRST_COLUMN + column * thread;
    }

    private static double y(int row) {
        return TOP + ROW * row;
    }

    void draw(Markup to, String title) {
        List<String> message = List.of(Markup.clip(sequence.message(), 2 * MESSAGE_COLUMNS)
                .split("(?<=\\G.{" + MESSAGE_COLUMNS + "})"));
        double boxTop = y(sequence.steps().size()) + 4;
        double height = boxTop + 30 + 14 * message.size();
        to.picture("sequence", id, WIDTH, height, title, sequence.threads().size() + " threads as columns, "
                + sequence.steps().size() + " steps as rows from above; at the end: " + sequence.message());
        threads(to);
        holds(to);
        switches(to);
        steps(to);
        String end = sequence.kind() == null ? "sound" : "fault";
        to.empty("rect", "class", end + "-box", "x", 2, "y", boxTop, "width", WIDTH - 4,
                "height", height - boxTop - 2, "rx", 6).line();
        to.element("text", sequence.ending().toLowerCase(Locale.ROOT), "class", end + "-kind",
                "x", 14, "y", boxTop + 17).line();
        for (int i = 0; i < message.size(); i++) { // bounded by the message
            to.element("text", message.get(i), "x", 14, "y", boxTop + 33 + 14 * i).line();
        }
        to.close().line();
    }

    private void threads(Markup to) {
        double bottom = y(sequence.steps().size()) - ROW / 2;
        for (int thread = 0; thread < sequence.threads().size(); thread++) { // bounded by the threads
            to.empty("path", "class", "life", "d", new Outline().add('M', x(thread), TOP - 14).add('V', bottom));
            to.element("text", Markup.clip(sequence.threads().get(thread), 40), "class", "heading",
                    "x", x(thread) - 4, "y", 18).line();
        }
        if (sequence.before() > 0) {
            to.element("text", "… " + sequence.before() + " steps before", "class", "dim", "x", x(0) + TEXT,
                    "y", TOP - 8).line();
        }
    }

    private void holds(Markup to) {
        for (LockSpans.Hold hold : LockSpans.in(sequence.steps())) { // bounded by the steps
            double left = x(hold.thread()) - 9 - HOLD * hold.depth();
            to.open("rect", "class", "hold", "x", left, "y", y(hold.from()) - 4, "width", HOLD - 1.5,
                            "height", ROW * (hold.to() - hold.from()) + 6, "rx", 1.5)
                    .element("title", sequence.threads().get(hold.thread()) + " has " + hold.lock())
                    .close();
        }
        to.line();
    }

    /** Thick lines where a thread runs, and arrows to the next one. */
    private void switches(Markup to) {
        List<ScheduleStep> steps = sequence.steps();
        Runs.in(steps, (one, other) -> one.thread() == other.thread(), (from, until) -> {
            int thread = steps.get(from).thread();
            to.empty("path", "class", "run r" + thread % COLOURS, "d",
                    new Outline().add('M', x(thread), y(from) - 7).add('V', y(until - 1) + 3));
            if (until < steps.size()) {
                arrow(to, until, thread, steps.get(until).thread(), isFree(steps.get(until - 1).point()));
            }
        });
        to.line();
    }

    /** Whether a thread that reached this could not have gone on anyway. */
    private static boolean isFree(String point) {
        return point.equals("ends") || point.startsWith("waits for ");
    }

    private void arrow(Markup to, int row, int from, int target, boolean free) {
        double y = y(row) - ROW / 2 - 3.5;
        double tip = x(target) + (target > from ? -2 : 2);
        double back = target > from ? -6 : 6;
        to.open("path", "class", free ? "switch free" : "switch", "d",
                        new Outline().add('M', x(from), y).add('H', tip).add('m', back, -3.5).add('l', -back, 3.5)
                                .add('l', back, 3.5))
                .element("title", free ? "the next thread goes on"
                        : sequence.threads().get(from) + " is stopped here and another thread let run")
                .close();
    }

    private void steps(Markup to) {
        int room = (int) ((column - TEXT - 30) / CHARACTER);
        for (int i = 0; i < sequence.steps().size(); i++) { // bounded by the steps
            ScheduleStep step = sequence.steps().get(i);
            String point = step.point();
            boolean fault = point.startsWith("throws ");
            boolean lock = point.contains("lock ") || INSIDE_LOCKS.contains(point);
            to.element("text", sequence.before() + i, "class", "label dim", "x", LEFT - 22, "y", y(i))
                    .element("text", Markup.clip(point, Math.max(8, room)),
                            "class", fault ? "fault" : lock ? "lock" : "point", "x", x(step.thread()) + TEXT, "y", y(i))
                    .line();
        }
    }
}
