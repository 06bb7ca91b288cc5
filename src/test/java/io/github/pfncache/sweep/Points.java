package io.github.pfncache.sweep;

import java.util.ArrayList;
import java.util.List;

/**
 * The points at which the library calls its adopter's code. While an operation is watched its points are numbered, and
 * one of them can be struck. What other threads reach meanwhile does not count.
 */
final class Points {

    /** What happens at the point that is struck: it may throw; true if the adopter is to refuse. */
    @FunctionalInterface
    interface Strike {
        boolean at(String point);
    }

    private final List<String> reached = new ArrayList<>();
    private Strike strike;
    private int strikeAt;

    /** Whose calls count; null if nobody's do. */
    private volatile Thread watched;

    /** Numbers the points that the current thread reaches from now on, and strikes one of them, counted from 0. */
    void watch(int number, Strike what) {
        reached.clear();
        strikeAt = number;
        strike = what;
        watched = Thread.currentThread();
    }

    /** Ends what {@link #watch} began: the points in the order in which they were reached. */
    List<String> end() {
        watched = null;
        strike = null;
        return List.copyOf(reached);
    }

    /** Called by every piece of the adopter's code: true if it is to refuse. */
    boolean reached(String point) {
        if (Thread.currentThread() != watched) {
            return false;
        }
        reached.add(point);
        Strike now = reached.size() - 1 == strikeAt ? strike : null;
        if (now == null) {
            return false;
        }
        strike = null; // once: what it does reaches points as well
        return now.at(point);
    }
}
