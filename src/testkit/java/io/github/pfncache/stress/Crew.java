package io.github.pfncache.stress;

import io.github.pfncache.rules.Patience;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that each do the same again and again, until they are told to stop or one of them fails. What a thread throws
 * is kept, stops all, and is thrown by {@link #close}: no failure is lost in a thread.
 *
 * <pre>{@code
 * try (Crew crew = new Crew()) {
 *     crew.add("device", () -> device.poll());
 *     ...
 * }                                              // stops them; throws what one of them threw
 * }</pre>
 *
 * <p>Thread-safe.
 *
 * @since 0.1.0
 */
public final class Crew implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int SHOWN_FRAMES = 12;

    private final Duration patience;
    private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean stopped;

    /** What a thread does again and again. */
    @FunctionalInterface
    public interface Work {

        /**
         * Does it once.
         *
         * @return whether there is more to do
         * @throws Exception a failure, which stops the whole crew
         */
        boolean turn() throws Exception;
    }

    /** A crew with no thread yet, whose turns take less than a minute. */
    public Crew() {
        this(PATIENCE);
    }

    /**
     * A crew with no thread yet.
     *
     * @param patience how long {@link #end} waits for the turns that are under way; a thread that takes longer hangs.
     *     Zero or negative: not at all
     */
    public Crew(Duration patience) {
        this.patience = Objects.requireNonNull(patience, "patience");
    }

    /**
     * Starts a thread.
     *
     * @param name shown when it fails
     * @param work done until it says that there is no more, the crew stops, or it throws
     */
    public void add(String name, Work work) {
        add(name, work, 0);
    }

    /**
     * Starts a thread that rests between two turns.
     *
     * @param name shown when it fails
     * @param work done until it says that there is no more, the crew stops, or it throws
     * @param restNanos how long it rests
     */
    public void add(String name, Work work, long restNanos) {
        Thread thread = new Thread(() -> run(name, work, restNanos), name);
        thread.setDaemon(true); // one that hangs is reported, and must not keep the process alive
        threads.add(thread);
        thread.start();
    }

    private void run(String name, Work work, long restNanos) {
        try {
            while (!stopped && work.turn()) { // until the crew is stopped
                if (restNanos > 0 && !stopped) {
                    LockSupport.parkNanos(restNanos); // stop() ends it: what stops comes after this look, and unparks
                }
            }
        } catch (Throwable failure) { // of any kind: it is thrown again by close()
            failures.add(new AssertionError(name + " failed: " + failure, failure));
            stop();
        }
    }

    /** Asks every thread to stop after the turn that it is in; a thread that rests is woken. */
    public void stop() {
        stopped = true;
        threads.forEach(LockSupport::unpark);
    }

    /**
     * Whether the crew was asked to stop, or one of it has failed.
     *
     * @return true from then on
     */
    public boolean isStopped() {
        return stopped;
    }

    /**
     * Whether all have ended, by themselves or because they were stopped.
     *
     * @return true if no thread is at work
     */
    public boolean hasEnded() {
        return threads.stream().noneMatch(Thread::isAlive);
    }

    /**
     * Waits until all have ended by themselves, or were stopped.
     *
     * @param deadlineNanos value of {@link System#nanoTime()} after which to wait no more
     * @return whether all have ended
     * @throws InterruptedException if this thread is interrupted
     */
    public boolean await(long deadlineNanos) throws InterruptedException {
        for (Thread thread : threads) { // bounded by the crew
            long left = deadlineNanos - System.nanoTime();
            if (left > 0) {
                TimeUnit.NANOSECONDS.timedJoin(thread, left);
            }
            if (thread.isAlive()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Stops everybody and waits for their end. One that does not end counts as a failure.
     *
     * @return what failed, empty if nothing did
     */
    public List<Throwable> end() {
        stop();
        try {
            if (!await(Patience.deadlineAfter(patience))) {
                threads.stream().filter(Thread::isAlive).forEach(this::hangs);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failures.add(new AssertionError("interrupted while the crew was to end", e));
        }
        return new ArrayList<>(failures);
    }

    private void hangs(Thread thread) {
        AssertionError failure = new AssertionError(
                thread.getName() + " does not end within " + patience + ": " + thread.getState());
        StackTraceElement[] stack = thread.getStackTrace();
        failure.setStackTrace(List.of(stack).subList(0, Math.min(stack.length, SHOWN_FRAMES))
                .toArray(StackTraceElement[]::new));
        failures.add(failure);
    }

    /**
     * {@linkplain #end Ends} the crew.
     *
     * @throws AssertionError the first failure, with the others suppressed
     */
    @Override
    public void close() {
        List<Throwable> all = end();
        if (!all.isEmpty()) {
            AssertionError first = (AssertionError) all.get(0);
            all.subList(1, all.size()).forEach(first::addSuppressed);
            throw first;
        }
    }
}
