package io.github.pfncache.explore;

import io.github.pfncache.rules.Interleaving;
import java.util.ArrayList;
import java.util.List;

/**
 * One schedule being run. Exactly one thread has the right to run at any time; it decides itself which is next, so a
 * schedule without switches costs no hand-over.
 *
 * <p>All fields belong to the thread that has the right to run; handing it over makes them visible to the next.
 */
final class ScheduleRun implements Interleaving.Explorer {

    /** Ends a thread of a schedule that was given up. */
    static final class Abandoned extends Error {

        private static final long serialVersionUID = 1L;

        Abandoned() {
            super("the schedule was given up", null, false, false);
        }
    }

    private enum Status {
        READY,
        WAITING,
        ENDED
    }

    /** What the explorer knows of one thread. */
    private static final class Actor {
        Status status = Status.READY;
        /** What it waits for, and whether that may expire. */
        Object on;
        boolean timed;
        /** Something was released since it began to wait: worth trying again at any time. */
        boolean woken;
        /** Another thread did something since it began to wait: worth trying again before giving up. */
        boolean retry;
        boolean expired;
        /**
         * It has done something since it was last let run, or will: it does not just look whether it still has to wait.
         */
        boolean progressed;
        /** The thread from which it took the right to run, or -1. */
        int preempted = -1;
    }

    private static final int FAIR_STEPS = 1_000;

    private final int maxSteps;
    private final SchedulingPolicy chooser;
    private final Workers workers;
    private final Actor[] actors;
    private final int[] candidates;
    private final List<ScheduleStep> trace = new ArrayList<>(128);

    private int current = -1;
    private int decisions;
    private int inARow;
    private boolean redundant;
    private Schedule taken = Schedule.NONE;
    private ScheduleFailure.Kind failure;
    private Throwable cause;

    /** Set once, by the thread that found the failure or by the watchdog. */
    private volatile boolean givenUp;

    ScheduleRun(int threads, int maxSteps, SchedulingPolicy chooser, Workers workers) {
        this.maxSteps = maxSteps;
        this.chooser = chooser;
        this.workers = workers;
        this.actors = new Actor[threads];
        for (int i = 0; i < threads; i++) { // bounded by Stage.MAX_THREADS
            actors[i] = new Actor();
        }
        this.candidates = new int[threads];
    }

    /** Gives the right to run to the first thread. Called before any has started. */
    void begin() {
        handOn(actors.length == 0 ? -1 : next(actors.length - 1, false));
    }

    /** Lets a thread run when none does. */
    private void handOn(int next) {
        current = next;
        if (next >= 0) {
            workers.resume(next);
        } else if (!givenUp) {
            workers.finished();
        }
    }

    @Override
    public void reached(String point) {
        int me = step(point);
        actors[me].progressed = true;
        tellWaiting(me, point.contains("unlock"), null);
        handOver(me, next(me, true));
    }

    @Override
    public boolean blocked(Object on, boolean timed) {
        int me = step("waits for " + nameOf(on));
        Actor actor = actors[me];
        actor.status = Status.WAITING;
        actor.on = on;
        actor.timed = timed;
        actor.woken = false;
        actor.retry = false;
        boolean progressed = actor.progressed;
        actor.progressed = false;
        if (progressed) {
            tellWaiting(me, false, on);
        }
        int preempted = actor.preempted;
        actor.preempted = -1;
        if (!progressed && preempted >= 0) {
            redundant = true; // a try in vain: all goes on as if it had not been let run
            handOver(me, preempted);
        } else {
            handOver(me, next(me, false));
        }
        boolean expired = actor.expired;
        actor.expired = false;
        return !expired;
    }

    /** A thread's body is over, by return or by what it threw. */
    void ended(int me, Throwable thrown) {
        if (thrown instanceof Abandoned || givenUp) {
            return;
        }
        actors[me].status = Status.ENDED;
        trace.add(new ScheduleStep(me, thrown == null ? "ends" : "throws " + thrown));
        if (thrown != null) {
            giveUp(ScheduleFailure.Kind.VIOLATION, thrown);
            return;
        }
        tellWaiting(me, true, null);
        try {
            handOn(next(me, false));
        } catch (ScheduleReplay.Misfit e) {
            giveUp(ScheduleFailure.Kind.VIOLATION, e);
        }
    }

    private int step(String point) {
        if (givenUp) {
            throw new Abandoned();
        }
        int me = current;
        trace.add(new ScheduleStep(me, point));
        if (trace.size() > maxSteps) {
            giveUp(ScheduleFailure.Kind.LIVELOCK, new AssertionError("not over after " + maxSteps + " steps"));
            throw new Abandoned();
        }
        return me;
    }

    /** The others, where they wait, may find something changed. */
    private void tellWaiting(int me, boolean everybody, Object on) {
        for (int i = 0; i < actors.length; i++) { // bounded by Stage.MAX_THREADS
            if (i != me && isWaiting(actors[i])) {
                actors[i].retry = true;
                actors[i].woken |= everybody || actors[i].on == on;
            }
        }
    }

    private void handOver(int me, int next) {
        if (givenUp) {
            throw new Abandoned();
        }
        inARow = next == me ? inARow + 1 : 0;
        if (next != me) {
            current = next;
            workers.resume(next);
            workers.awaitTurn(me);
            if (givenUp) {
                throw new Abandoned();
            }
        }
    }

    /** Who runs next; -1 if all have ended. Gives the schedule up in a deadlock. */
    private int next(int me, boolean canGoOn) {
        int count = canGoOn ? 1 : 0;
        if (canGoOn) {
            candidates[0] = me;
        }
        count = addOthers(me, count, actor -> actor.status == Status.READY || isWaiting(actor) && actor.woken);
        if (count == 0) {
            count = addOthers(me, count, actor -> isWaiting(actor) && actor.retry);
        }
        boolean expires = count == 0;
        if (expires) {
            count = addOthers(me, count, actor -> isWaiting(actor) && actor.timed);
        }
        if (count == 0) {
            return allEndedOrDeadlock();
        }
        int chosen = count == 1 ? candidates[0] : decide(count, canGoOn);
        Actor actor = actors[chosen];
        actor.preempted = canGoOn && chosen != me && isWaiting(actor) ? me : -1;
        actor.expired = expires;
        // One that waited may find that it still has to; one that comes from a point, or whose wait is over, goes on.
        actor.progressed = expires || !isWaiting(actor);
        actor.status = Status.READY;
        return chosen;
    }

    private interface Wanted {
        boolean isIt(Actor actor);
    }

    /** Adds those after {@code me} in turn, and at last {@code me} itself if it waits. */
    private int addOthers(int me, int from, Wanted wanted) {
        int count = from;
        for (int i = 1; i <= actors.length; i++) { // bounded by Stage.MAX_THREADS
            int other = (me + i) % actors.length;
            if ((other != me || from == 0) && wanted.isIt(actors[other])) {
                candidates[count++] = other;
            }
        }
        return count;
    }

    private static boolean isWaiting(Actor actor) {
        return actor.status == Status.WAITING;
    }

    private int decide(int count, boolean canGoOn) {
        if (canGoOn && inARow >= FAIR_STEPS) {
            inARow = 0;
            return candidates[1]; // no thread keeps the others from running for ever
        }
        int decision = decisions++;
        int chosen = chooser.choose(decision, candidates, count, canGoOn, redundant);
        if (chosen != candidates[0]) {
            taken = taken.with(decision, chosen, canGoOn);
        }
        return chosen;
    }

    private int allEndedOrDeadlock() {
        StringBuilder waiting = new StringBuilder();
        for (int i = 0; i < actors.length; i++) { // bounded by Stage.MAX_THREADS
            if (isWaiting(actors[i])) {
                waiting.append(" thread ").append(i).append(" waits for ").append(nameOf(actors[i].on)).append(';');
            }
        }
        if (waiting.length() > 0) {
            giveUp(ScheduleFailure.Kind.DEADLOCK, new AssertionError("nobody can run:" + waiting));
        }
        return -1;
    }

    /** Lock numbers differ from run to run; the class is what a reader needs. */
    private static String nameOf(Object on) {
        String name = String.valueOf(on);
        int number = name.indexOf('#');
        return number < 0 ? name : name.substring(0, number);
    }

    /** Ends the schedule: every thread of it throws from the next point on. */
    void giveUp(ScheduleFailure.Kind kind, Throwable why) {
        failure = kind;
        cause = why;
        givenUp = true;
        workers.finished();
    }

    // ---- when it is over

    ScheduleFailure.Kind failure() {
        return failure;
    }

    Throwable cause() {
        return cause;
    }

    List<ScheduleStep> trace() {
        return trace;
    }

    Schedule taken() {
        return taken;
    }

    int decisions() {
        return decisions;
    }
}
