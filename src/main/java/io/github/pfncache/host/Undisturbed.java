package io.github.pfncache.host;

import io.github.pfncache.rules.Failures;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads of the library's own for uses of channels. An interrupt of a thread that is using a channel closes it, for
 * all and for good; and an emulator interrupts its vCPUs to get them out of the guest. A thread that waits here keeps
 * the interrupt for afterwards.
 */
final class Undisturbed {

    /** A thread that had nothing to do so long ends. */
    private static final long IDLE_SECONDS = 5;

    private static final Executor THREADS = new ThreadPoolExecutor(
            0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), Undisturbed::thread);

    private Undisturbed() {}

    /** One use of a file. */
    interface Use<T, E extends Exception> {
        T run() throws E;
    }

    /** Runs, and waits until that has ended; throws what it throws. */
    static <T> T call(Use<T, IOException> use) throws IOException {
        try {
            return CompletableFuture.supplyAsync(() -> {
                try {
                    return use.run();
                } catch (Throwable e) { // whatever a channel throws; one of this kind, too, goes out as it is
                    throw new CompletionException(e);
                }
            }, THREADS).join();
        } catch (CompletionException e) {
            Failures.<IOException>rethrow(e.getCause());
            return null; // never: what was thrown is
        }
    }

    private static Thread thread(Runnable body) {
        Thread thread = new Thread(null, body, "pfncache-file", 0, false);
        thread.setDaemon(true);
        return thread;
    }
}
