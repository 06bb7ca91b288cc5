package io.github.pfncache.report;

import java.util.List;
import java.util.function.BiPredicate;

/** Runs of neighbours that look the same: each is drawn as one. */
final class Runs {

    private Runs() {}

    /** Receives one run. */
    interface Run {

        /** The elements from {@code from} to before {@code until} look the same, and no neighbour of theirs does. */
        void of(int from, int until);
    }

    /** Finds the runs of a list, from its beginning. */
    static <T> void in(List<T> all, BiPredicate<T, T> looksTheSame, Run run) {
        int from = 0;
        for (int i = 1; i <= all.size(); i++) { // bounded by the list
            if (i == all.size() || !looksTheSame.test(all.get(from), all.get(i))) {
                run.of(from, i);
                from = i;
            }
        }
    }
}
