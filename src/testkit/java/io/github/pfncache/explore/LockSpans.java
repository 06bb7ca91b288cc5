package io.github.pfncache.explore;

import java.util.ArrayList;
import java.util.List;

/**
 * The times for which a schedule's threads hold locks, as far as its steps tell. Stateless.
 *
 * @since 0.1.0
 */
public final class LockSpans {

    /**
     * A lock that was held.
     *
     * @param thread by which thread
     * @param lock its class
     * @param from the first step
     * @param to the last step
     * @param depth how many others the thread held when it took it
     */
    public record Hold(int thread, String lock, int from, int to, int depth) {}

    private static final String LOCK = "lock ";
    private static final String UNLOCK = "unlock ";

    private LockSpans() {}

    /**
     * Finds the locks that are held and released again: a thread that waits for a lock at the end does not hold it.
     *
     * @param steps of a schedule, in order
     * @return the locks held, in the order of their release
     */
    public static List<Hold> in(List<ScheduleStep> steps) {
        List<Hold> open = new ArrayList<>();
        List<Hold> done = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) { // bounded by the steps
            ScheduleStep step = steps.get(i);
            String point = step.point();
            int unlock = point.indexOf(UNLOCK);
            if (unlock >= 0) {
                Hold hold = last(open, step.thread(), point.substring(unlock + UNLOCK.length()));
                if (hold != null) {
                    open.remove(hold);
                    done.add(new Hold(hold.thread, hold.lock, hold.from, i, hold.depth));
                }
            } else if (point.startsWith(LOCK)) {
                int depth = (int) open.stream().filter(hold -> hold.thread == step.thread()).count();
                open.add(new Hold(step.thread(), point.substring(LOCK.length()), i, i, depth));
            }
        }
        return done;
    }

    private static Hold last(List<Hold> open, int thread, String lock) {
        for (int i = open.size() - 1; i >= 0; i--) { // bounded by the steps
            if (open.get(i).thread == thread && open.get(i).lock.equals(lock)) {
                return open.get(i);
            }
        }
        return null;
    }
}
