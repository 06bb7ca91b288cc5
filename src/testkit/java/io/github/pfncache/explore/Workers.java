package io.github.pfncache.explore;

import io.github.pfncache.rules.Interleaving;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads on which schedules run, used again from schedule to schedule. One thread, the explorer's, calls
 * {@link #perform} and {@link #close}.
 */
final class Workers implements AutoCloseable {

    /** How long a schedule may go without reaching any point, before it counts as a loop that never ends. */
    private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final List<Worker> workers = new ArrayList<>();
    private final Thread explorer = Thread.currentThread();

    /** Set by the thread that ends the schedule, cleared by the explorer. */
    private volatile boolean finished;

    /** One thread. */
    private static final class Worker extends Thread {
        private final Workers owner;
        private final int number;
        private volatile boolean turn;
        private volatile boolean stopped;
        private volatile boolean idle = true;
        // Handed over with the turn.
        private ScheduleRun run;
        private Scenario.Body body;

        Worker(Workers owner, int number) {
            super("explored-" + number);
            this.owner = owner;
            this.number = number;
            setDaemon(true);
        }

        @Override
        public void run() {
            // Ends with close(), or with the schedule that was given up: that leaves locks held and records of them.
            while (!stopped) {
                awaitTurn();
                if (!stopped) {
                    perform();
                }
            }
        }

        private void perform() {
            ScheduleRun mine = run;
            Throwable thrown = null;
            Interleaving.bind(mine);
            try {
                body.run();
            } catch (Throwable t) {
                thrown = t; // handed to the run, which reports it
            } finally {
                Interleaving.bind(null);
            }
            idle = true;
            mine.ended(number, thrown);
        }

        void awaitTurn() {
            while (!turn && !stopped) { // bounded by close(), which stops the worker
                LockSupport.park(this);
            }
            turn = false;
        }

        void giveTurn() {
            turn = true;
            LockSupport.unpark(this);
        }
    }

    /** Runs one schedule to its end. After a failure these workers are used up. */
    void perform(ScheduleRun run, List<Scenario.Body> bodies) {
        while (workers.size() < bodies.size()) { // bounded by Stage.MAX_THREADS
            Worker worker = new Worker(this, workers.size());
            workers.add(worker);
            worker.start();
        }
        for (int i = 0; i < bodies.size(); i++) { // bounded by Stage.MAX_THREADS
            Worker worker = workers.get(i);
            worker.run = run;
            worker.body = bodies.get(i);
            worker.idle = false;
        }
        finished = false;
        run.begin();
        int seen = -1;
        while (!finished) { // bounded by the watchdog
            int steps = run.trace().size();
            if (steps == seen) {
                run.giveUp(ScheduleFailure.Kind.LIVELOCK, stuck());
            }
            seen = steps;
            long deadline = System.nanoTime() + STUCK_NANOS;
            while (!finished && System.nanoTime() < deadline) { // bounded by the deadline
                LockSupport.parkNanos(this, deadline - System.nanoTime());
            }
        }
    }

    private AssertionError stuck() {
        AssertionError error = new AssertionError("no point reached for " + STUCK_NANOS / 1_000_000_000 + " s");
        for (Worker worker : workers) { // bounded by Stage.MAX_THREADS
            if (!worker.idle) {
                AssertionError where = new AssertionError(worker.getName() + " is here");
                where.setStackTrace(worker.getStackTrace());
                error.addSuppressed(where);
            }
        }
        return error;
    }

    void resume(int thread) {
        workers.get(thread).giveTurn();
    }

    void awaitTurn(int thread) {
        workers.get(thread).awaitTurn();
    }

    void finished() {
        finished = true;
        LockSupport.unpark(explorer);
    }

    /**
     * Stops the threads and waits for them; one that does not end by itself is interrupted and left to its daemon fate.
     */
    @Override
    public void close() {
        for (Worker worker : workers) { // bounded by Stage.MAX_THREADS
            worker.stopped = true;
            worker.giveTurn();
        }
        boolean interrupted = false;
        for (Worker worker : workers) { // bounded by Stage.MAX_THREADS
            try {
                worker.join(1_000);
                if (worker.isAlive()) {
                    worker.interrupt();
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
