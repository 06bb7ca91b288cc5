package io.github.pfncache.sweep;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The threads of a sweep: one that acts, another that looks at what came of it, a third for what must not be held up.
 * What one of them forgot to let go of stops another. Nobody is waited for without a bound.
 */
final class Crew implements AutoCloseable {

    static final long PATIENCE_SECONDS = 6;
    private static final int MOST_WAITS = 20;

    /** A thread hangs: with where. */
    static final class Hangs extends AssertionError {
        private static final long serialVersionUID = 1L;

        Hangs(String who, Thread thread) {
            super(who + " hangs: " + at(thread));
        }

        private static String at(Thread thread) {
            List<String> frames = new ArrayList<>();
            for (StackTraceElement frame : thread.getStackTrace()) { // bounded by the stack
                if (frame.getClassName().startsWith("io.github.pfncache.") && frames.size() < 8) {
                    frames.add(frame.getClassName().replaceFirst(".*\\.", "") + "." + frame.getMethodName() + ":"
                            + frame.getLineNumber());
                }
            }
            return String.join(" < ", frames);
        }
    }

    private final Member actor = new Member("actor");
    private final Member checker = new Member("checker");
    private final Member stranger = new Member("stranger");

    <T> T act(Callable<T> body) {
        return actor.call(body);
    }

    <T> T check(Callable<T> body) {
        return checker.call(body);
    }

    /** Does something meanwhile, and waits for it. */
    void strangers(Runnable body) {
        stranger.call(Executors.callable(body));
    }

    @Override
    public void close() {
        Arrays.asList(actor, checker, stranger).forEach(member -> member.executor.shutdownNow());
    }

    private static final class Member {
        private final AtomicReference<Thread> thread = new AtomicReference<>();
        private final String name;
        private final ExecutorService executor;

        Member(String name) {
            this.name = name;
            executor = Executors.newSingleThreadExecutor(body -> {
                Thread made = new Thread(body, "sweep-" + name);
                made.setDaemon(true);
                thread.set(made);
                return made;
            });
        }

        /** Who wants the processor or the disk, and has not had them for long, does not hang: others are busy. */
        private <T> T await(Future<T> future) throws ExecutionException, InterruptedException {
            long had = processorNanos();
            for (int waits = 1; ; waits++) { // ends at the most
                try {
                    return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
                } catch (TimeoutException e) {
                    boolean runs = thread.get().getState() == Thread.State.RUNNABLE
                            && processorNanos() - had < TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
                    if (!runs || waits == MOST_WAITS) {
                        throw new Hangs(name, thread.get());
                    }
                }
            }
        }

        private long processorNanos() {
            return ManagementFactory.getThreadMXBean().getThreadCpuTime(thread.get().getId());
        }

        <T> T call(Callable<T> body) {
            Future<T> future = executor.submit(body);
            try {
                return await(future);
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                throw new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                throw new IllegalStateException("the sweep is interrupted", e);
            }
        }
    }
}
