package io.github.pfncache.rules;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The points at which a schedule explorer may switch threads. A thread that runs under an explorer has bound its
 * {@link Explorer} here. Every other thread passes through without a trace, and so does every thread of a process
 * without {@linkplain Rules#ENABLED rules}.
 *
 * <p>The tracked locks report to the explorer by themselves. Code calls {@link #reached} only where a switch matters
 * and no lock is taken: where the host resolves and maps a page, on the ways to the bytes that take no lock, and where
 * an index or a memslot table is read while it changes.
 *
 * @since 0.1.0
 */
public final class Interleaving {

    private static final ThreadLocal<Explorer> OF_THREAD = new ThreadLocal<>();

    /** How many threads have one: while none has, none looks. Each thread counts itself, once it is bound. */
    private static final AtomicInteger BOUND = new AtomicInteger();

    private Interleaving() {}

    /** Drives the threads of one exploration, one at a time. Implementations are thread-safe. */
    public interface Explorer {

        /**
         * The current thread is at a point where another thread may be let run first.
         *
         * @param point name of the point, stable from run to run
         */
        void reached(String point);

        /**
         * The current thread cannot go on before another thread has made progress. Returns when it is worth trying
         * again.
         *
         * @param on what it waits for
         * @param timed whether its wait may expire
         * @return false iff the wait is timed and expires now: no other thread can make progress
         */
        boolean blocked(Object on, boolean timed);
    }

    /**
     * Puts the current thread under an explorer.
     *
     * @param explorer the explorer, or null to release the thread
     */
    public static void bind(Explorer explorer) {
        int before = OF_THREAD.get() == null ? 0 : 1;
        if (explorer == null) {
            OF_THREAD.remove();
        } else {
            OF_THREAD.set(explorer);
        }
        BOUND.addAndGet((explorer == null ? 0 : 1) - before);
    }

    /**
     * Marks a place where threads may switch.
     *
     * @param point name of the place, stable from run to run
     */
    public static void reached(String point) {
        Explorer explorer = explorer();
        if (explorer != null) {
            explorer.reached(point);
        }
    }

    /** The same at a lock of some class: the name is put together for a thread that has an explorer. */
    static void reached(String before, LockClass lockClass) {
        if (explorer() != null) {
            reached(before + lockClass);
        }
    }

    /** The explorer that drives the current thread, or null. */
    static Explorer explorer() {
        return Rules.ENABLED && BOUND.get() != 0 ? OF_THREAD.get() : null;
    }
}
