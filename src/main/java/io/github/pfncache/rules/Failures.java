package io.github.pfncache.rules;

import java.util.function.Consumer;

/**
 * What code of the library's user throws where something is done for each of several: it is done for all of them, and
 * the first failure goes out after that. Stateless.
 *
 * @since 0.1.0
 */
public final class Failures {

    private Failures() {}

    /**
     * The first of two failures, with the other suppressed in it. An exception that is thrown twice is kept once: the
     * platform refuses one that suppresses itself.
     *
     * @param former what was thrown before, or null
     * @param failure what is thrown now
     * @return the former one, or {@code failure} if there is none
     */
    public static Throwable joined(Throwable former, Throwable failure) {
        if (former != null && former != failure) {
            try {
                former.addSuppressed(failure);
            } catch (VirtualMachineError e) {
                return former; // no room to keep the second; the first is thrown
            }
        }
        return former == null ? failure : former;
    }

    /**
     * Throws a failure, of whatever type it is.
     *
     * @param failure what is thrown, or null: nothing is
     * @param <E> the type that the compiler takes it for
     * @throws E the failure
     */
    @SuppressWarnings("unchecked")
    public static <E extends Throwable> void rethrow(Throwable failure) throws E {
        if (failure != null) {
            throw (E) failure;
        }
    }

    /**
     * Does something for each of some things, and throws the first failure afterwards. A failure allocates no memory
     * but for the later ones that it suppresses.
     *
     * @param all the things
     * @param deed what is done
     * @param <T> what the things are
     */
    public static <T> void each(Iterable<T> all, Consumer<? super T> deed) {
        Throwable failure = null;
        for (T one : all) { // bounded by the things
            try {
                deed.accept(one);
            } catch (Throwable e) { // whatever it throws
                failure = joined(failure, e);
            }
        }
        Failures.<RuntimeException>rethrow(failure);
    }
}
