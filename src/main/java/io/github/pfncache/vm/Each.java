package io.github.pfncache.vm;

import java.util.function.Consumer;

/** A deed for each of some things: for all, also when code of the library's user throws in one. Stateless. */
final class Each {

    private Each() {}

    /**
     * Does it.
     *
     * @param all the things
     * @param deed what is done
     * @param <T> what they are
     * @throws RuntimeException the first that the deed threw, with the later ones suppressed
     */
    static <T> void of(Iterable<T> all, Consumer<T> deed) {
        RuntimeException failure = null;
        for (T each : all) { // bounded by the things
            try {
                deed.accept(each);
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else if (failure != e) {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
