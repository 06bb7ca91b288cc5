package io.github.pfncache.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C, or another signal that ends the program: the command is asked to stop, and the JVM waits until it has written
 * its partial result. A command looks at {@link #requested} between two pieces of work. Thread-safe.
 */
final class Interruption {

    /** A command that does not stop by then is left behind. */
    private static final long PATIENCE_SECONDS = 20;

    private final CountDownLatch written = new CountDownLatch(1);
    private final Thread hook = new Thread(this::request, "interruption");
    private volatile boolean requested;

    /** The program is to end. */
    boolean requested() {
        return requested;
    }

    /** From here on a signal asks for the end. */
    void listen() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Asks for the end, and waits until the result is there. */
    void request() {
        requested = true;
        try {
            if (!written.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("not stopped after " + PATIENCE_SECONDS + " seconds");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody does; whoever does wants the end at once
        }
    }

    /** The result is written: nobody has to wait for it. */
    void finished() {
        written.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook); // the JVM may be a build tool's, and live on
        } catch (IllegalStateException shuttingDown) {
            requested = true; // too late to be removed: it runs already, and need not wait any more
        }
    }
}
