package io.github.pfncache.conformance;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One vCPU whose clock is updated 20,000 times, while another thread churns. The result has the names of the recorded
 * fields, and {@code lost}: whether all, some or none of the updates were lost.
 */
final class Stress {

    private static final int UPDATES = 20_000;

    /** So often at least the churn has to come around; the updates go on for it up to the limit. */
    private static final int MIN_ROUNDS = 20;

    private static final int MAX_UPDATES = 50 * UPDATES;

    private static final long DEADLINE_SECONDS = 300;

    private final String name;
    private final boolean logs;
    private final ClockRig rig;
    private final Churn churn;
    private final AtomicBoolean stop = new AtomicBoolean();
    private final AtomicInteger rounds = new AtomicInteger();

    private long attempts;
    private long failedRuns;
    private long landings;
    private long versions;
    private long odd;

    /** What came out: the case, what else was recorded of it, and one more update after it. */
    record Result(Fields main, Fields detail, Fields recovery) {}

    private Stress(String name, ClockRig rig) {
        this.name = name;
        this.logs = Churn.keepsLog(name);
        this.rig = rig;
        this.churn = Churn.BY_CASE.get(name).apply(rig);
    }

    static Result run(String name) throws InterruptedException, ExecutionException, TimeoutException {
        try (ClockRig rig = new ClockRig(1, Churn.isShared(name), Churn.keepsLog(name))) {
            rig.register(0, ClockRig.CLOCK);
            rig.settle();
            return new Stress(name, rig).run();
        }
    }

    /** What {@code lost} says. */
    static String lost(long done, long attempts) {
        if (done == attempts) {
            return "nothing";
        }
        return done == 0 ? "everything" : "some";
    }

    private Result run() throws InterruptedException, ExecutionException, TimeoutException {
        long before = churn.updatesSeen();
        landed(); // from here on
        ExecutorService other = Executors.newSingleThreadExecutor();
        try {
            CountDownLatch started = new CountDownLatch(1);
            Future<?> churning = other.submit(() -> churnUntilStopped(started));
            started.await();
            updateWhile(churning);
            stop.set(true);
            churning.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
        } finally {
            stop.set(true);
            other.shutdown();
        }
        churn.end();
        long after = churn.updatesSeen();
        return new Result(main(before < 0 ? -1 : after - before), churn.detail(), recovery());
    }

    private void churnUntilStopped(CountDownLatch started) {
        started.countDown();
        while (!stop.get()) { // until the updates are done, which are bounded
            churn.round();
            rounds.incrementAndGet();
        }
    }

    private void updateWhile(Future<?> churning) {
        // Bounded by the limit.
        while (!churning.isDone()
                && (attempts < UPDATES || rounds.get() < MIN_ROUNDS && attempts < MAX_UPDATES)) {
            boolean wanted = !name.equals("mt_noupdate");
            if (wanted) {
                rig.setClock();
            }
            failedRuns += rig.run(rig.vm().vcpu(0)).equals("IOf8") ? 0 : 1;
            boolean landed = landed();
            attempts++;
            landings += landed ? 1 : 0;
            churn.updated();
        }
    }

    /** Whether an update landed since it was last asked: by the dirty log, or where memory stays by the versions. */
    private boolean landed() {
        long version = rig.version(ClockRig.HVA, ClockRig.CLOCK);
        odd += version >= 0 ? version & 1 : 0;
        if (logs) {
            return rig.harvest();
        }
        long before = versions;
        versions = version + rig.version(ClockRig.OTHER_HVA, ClockRig.CLOCK);
        return versions != before;
    }

    private Fields main(long seen) {
        if (rounds.get() < MIN_ROUNDS) {
            throw new AssertionError(name + ": only " + rounds + " rounds during " + attempts + " updates");
        }
        if (seen >= 0 && seen != landings) {
            throw new AssertionError(name + ": " + landings + " updates landed, but versions tell of " + seen);
        }
        return new Fields()
                .put("run_errors", failedRuns + "()")
                .put("odd", odd)
                .put("churn_fail", 0) // a call that fails ends the churn with an exception
                .put("moved_page_stale_writes", churn.lateWrites)
                .put("moved_page_torn", churn.torn)
                .put("lost", lost(landings, attempts));
    }

    private Fields recovery() {
        long before = rig.version(ClockRig.HVA, ClockRig.CLOCK);
        String exit = rig.update(0);
        return new Fields()
                .put("run", exit)
                .put("ver_advanced", rig.version(ClockRig.HVA, ClockRig.CLOCK) - before);
    }
}
