package io.github.pfncache.explore;

import io.github.pfncache.rules.Rules;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongPredicate;

/**
 * Runs a {@link Scenario} under many schedules and finds one that goes wrong. Threads run one at a time and switch at
 * the points of {@link io.github.pfncache.rules.Interleaving} only: at the library's locks, in page faults, where pages
 * are resolved, mapped and unmapped. A schedule is deterministic, so a failing one can be run again.
 *
 * <p>First every schedule is run, those with fewer preemptions before those with more, up to a budget: a race that two
 * or three switches reach is found with certainty. Then come random ones, from a seed.
 *
 * <p>What goes wrong is a deadlock, a livelock (the bound of steps exceeded), or anything thrown by a thread or the
 * check, above all a {@link io.github.pfncache.rules.RuleViolation}. Waits with a deadline expire only when no other
 * thread can run. Memory is sequentially consistent; faults of memory order are not found here.
 *
 * <p>With {@code -Dexplore.schedule=...} {@link #explore} runs that schedule only. Needs {@linkplain Rules#ENABLED
 * rules}. One thread uses an explorer; it starts threads of its own during a call, and none stays behind.
 *
 * @since 0.1.0
 */
public final class ScheduleExplorer {

    /** Name of the system property that makes {@link #explore} run one schedule only. */
    public static final String SCHEDULE_PROPERTY = "explore.schedule";

    private static final int DEFAULT_BUDGET = 2_000;
    private static final int DEFAULT_STEPS = 20_000;
    private static final int SPREAD = Exploration.SPREAD;

    private final Scenario scenario;
    private int budget = DEFAULT_BUDGET;
    private int randomBudget;
    private long seed = 1;
    private int maxSteps = DEFAULT_STEPS;
    private int maxPreemptions = Integer.MAX_VALUE;
    private LongPredicate goOn = done -> true;

    // Of the exploration in progress.
    private Workers workers;
    private long schedules;
    private int longest;
    private long[] spread;
    private SoundRun sample;
    private boolean met;

    /**
     * An explorer with a budget of 2,000 schedules and no random ones.
     *
     * @param scenario what to run
     * @throws IllegalStateException if rules are not checked in this process: no lock would report
     */
    public ScheduleExplorer(Scenario scenario) {
        if (!Rules.ENABLED) {
            throw new IllegalStateException("exploring schedules needs -ea or -Dpfncache.rules=true");
        }
        this.scenario = scenario;
    }

    /**
     * Bounds the systematic part.
     *
     * @param preemptionBound most preemptions in one schedule
     * @param scheduleBudget most schedules
     * @return this explorer
     */
    public ScheduleExplorer exhaustive(int preemptionBound, int scheduleBudget) {
        maxPreemptions = preemptionBound;
        budget = scheduleBudget;
        return this;
    }

    /**
     * Adds random schedules behind the systematic ones.
     *
     * @param scheduleBudget how many
     * @param randomSeed makes them the same each time
     * @return this explorer
     */
    public ScheduleExplorer random(int scheduleBudget, long randomSeed) {
        randomBudget = scheduleBudget;
        seed = randomSeed;
        return this;
    }

    /**
     * Sets the number of steps after which a schedule counts as a livelock; 20,000 by default.
     *
     * @param steps at least 1
     * @return this explorer
     */
    public ScheduleExplorer maxSteps(int steps) {
        maxSteps = steps;
        return this;
    }

    /**
     * Adds a watcher that may end the exploration early: the result is then what was found until that.
     *
     * @param watcher asked before each schedule, with the number of those that were run; once it says false the
     *     exploration ends
     * @return this explorer
     */
    public ScheduleExplorer watchedBy(LongPredicate watcher) {
        goOn = watcher;
        return this;
    }

    /**
     * Runs schedules until one fails or the budgets are used up.
     *
     * @return what came of it
     * @throws IllegalStateException if the scenario is not deterministic
     */
    public Exploration explore() {
        String given = System.getProperty(SCHEDULE_PROPERTY);
        return given != null ? replay(given) : withWorkers(this::exploreAll);
    }

    /**
     * Runs one schedule.
     *
     * @param schedule as in {@link ScheduleFailure#schedule}
     * @return what came of it
     * @throws IllegalArgumentException if it is not a schedule
     * @throws IllegalStateException if it is not one of this scenario
     */
    public Exploration replay(String schedule) {
        Schedule deviations = Schedule.parse(schedule);
        return withWorkers(() -> came(-1, false, run(new ScheduleReplay(deviations))));
    }

    private interface Part {
        Exploration run();
    }

    private Exploration withWorkers(Part part) {
        schedules = 0;
        longest = 0;
        spread = new long[SPREAD];
        sample = null;
        met = false;
        workers = new Workers();
        try {
            return part.run();
        } finally {
            workers.close();
        }
    }

    private Exploration exploreAll() {
        DepthFirst systematic = new DepthFirst(seed, budget, maxPreemptions);
        while (schedules < budget
                && systematic.completed() < maxPreemptions
                && goOn.test(schedules)
                && systematic.advance()) {
            ScheduleFailure failure = run(systematic);
            spread[Math.min(systematic.preemptions(), SPREAD - 1)]++;
            if (failure != null) {
                return came(systematic.completed(), false, failure);
            }
        }
        boolean complete = systematic.isComplete();
        for (int i = 0; i < randomBudget && !complete && goOn.test(schedules); i++) {
            ScheduleFailure failure = run(new RandomPriorities(seed + i, longest));
            if (failure != null) {
                return came(systematic.completed(), false, failure);
            }
        }
        return came(systematic.completed(), complete, null);
    }

    private Exploration came(int preemptions, boolean complete, ScheduleFailure failure) {
        int tried = SPREAD;
        while (tried > 0 && spread[tried - 1] == 0) { // bounded by the constant
            tried--;
        }
        List<Long> counts = Arrays.stream(spread).limit(tried).boxed().toList();
        return new Exploration(schedules, preemptions, complete, failure, counts, sample);
    }

    /** Runs one schedule; null if it went well. */
    private ScheduleFailure run(SchedulingPolicy chooser) {
        schedules++;
        ScenarioRun stage = new ScenarioRun();
        try {
            scenario.prepare(stage);
        } catch (Exception | AssertionError e) {
            String script = Schedule.NONE.toString();
            return new ScheduleFailure(ScheduleFailure.Kind.VIOLATION, e, script, List.of(), List.of());
        }
        ScheduleRun run = new ScheduleRun(stage.names().size(), maxSteps, chooser, workers);
        stage.attach(run);
        workers.perform(run, stage.bodies());
        longest = Math.max(longest, run.decisions());
        if (run.failure() != null) {
            if (run.cause() instanceof ScheduleReplay.Misfit misfit) {
                throw misfit;
            }
            return failure(run, run.failure(), run.cause(), stage.names());
        }
        try {
            stage.check();
            wentWell(run, stage.names());
            return null;
        } catch (Exception | AssertionError e) {
            return failure(run, ScheduleFailure.Kind.VIOLATION, e, stage.names());
        }
    }

    private void wentWell(ScheduleRun run, List<String> names) {
        if (sample == null || !met) {
            SoundRun sound = new SoundRun(run.taken().toString(), names, run.trace());
            met = sound.meets();
            sample = met || sample == null ? sound : sample;
        }
    }

    private static ScheduleFailure failure(
            ScheduleRun run, ScheduleFailure.Kind kind, Throwable cause, List<String> names) {
        return new ScheduleFailure(kind, cause, run.taken().toString(), names, run.trace());
    }
}
