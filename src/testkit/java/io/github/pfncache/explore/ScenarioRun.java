package io.github.pfncache.explore;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * One performance of a {@link Scenario}: its threads and its check. Filled by {@link Scenario#prepare}; afterwards its
 * threads use {@link #waitUntil} only.
 *
 * @since 0.1.0
 */
public final class ScenarioRun {

    /** More threads than this need more schedules than there is time for. */
    static final int MAX_THREADS = 8;

    private final List<String> names = new ArrayList<>();
    private final List<Scenario.Body> bodies = new ArrayList<>();
    private final List<Scenario.Body> checks = new ArrayList<>();

    /** The schedule that is being run; set before the threads start. */
    private ScheduleRun run;

    ScenarioRun() {}

    /**
     * Adds a thread. Threads are numbered from 0 in the order of addition.
     *
     * @param name for listings
     * @param body what it does
     * @return this stage
     * @throws IllegalStateException if there are too many
     */
    public ScenarioRun thread(String name, Scenario.Body body) {
        if (names.size() == MAX_THREADS) {
            throw new IllegalStateException("a scenario has at most " + MAX_THREADS + " threads");
        }
        names.add(name);
        bodies.add(body);
        return this;
    }

    /**
     * Adds a check, made on the explorer's thread when every thread has ended.
     *
     * @param check throws if something is wrong
     * @return this stage
     */
    public ScenarioRun afterwards(Scenario.Body check) {
        checks.add(check);
        return this;
    }

    /**
     * Lets the calling thread of the scenario wait, whatever it holds, until a condition holds. If that never happens,
     * the schedule ends in a deadlock.
     *
     * @param what for listings
     * @param condition over state that the other threads change
     */
    public void waitUntil(String what, BooleanSupplier condition) {
        run.reached("wait until " + what);
        while (!condition.getAsBoolean()) { // bounded by the explorer, which reports a deadlock
            run.blocked(what, false);
        }
    }

    /**
     * Marks a place of the scenario itself where the threads may switch.
     *
     * @param point name of the place
     */
    public void reached(String point) {
        run.reached(point);
    }

    void attach(ScheduleRun schedule) {
        run = schedule;
    }

    List<String> names() {
        return names;
    }

    List<Scenario.Body> bodies() {
        return bodies;
    }

    void check() throws Exception {
        for (Scenario.Body check : checks) { // bounded by the scenario
            check.run();
        }
    }
}
