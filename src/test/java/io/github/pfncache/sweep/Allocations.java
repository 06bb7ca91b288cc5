package io.github.pfncache.sweep;

import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * Counts the allocations that the library makes on a thread, and lets one of them fail. Works in a library that an
 * {@link AllocationLoader} has loaded; elsewhere nothing is counted.
 */
public final class Allocations {

    // Of the thread that is watched.

    private static volatile Thread watched;
    private static int count;
    private static int failAt;
    private static OutOfMemoryError failed;

    private Allocations() {}

    /** Runs something whose {@code number}-th allocation fails, counted from 0, and says how many there were. */
    public static <T> T failing(int number, Supplier<T> body, IntConsumer counted) {
        count = 0;
        failAt = number;
        watched = Thread.currentThread();
        try {
            return body.get();
        } finally {
            watched = null;
            counted.accept(count);
        }
    }

    /** Where the last one failed. */
    public static String place() {
        return failed == null ? "nowhere" : Faults.told(failed);
    }

    /** Something is about to be allocated. Called by the library that was loaded for it. */
    public static void next() {
        if (watched == Thread.currentThread() && count++ == failAt) {
            failed = new OutOfMemoryError("allocation " + failAt);
            throw failed;
        }
    }
}
