package io.github.pfncache.interleaving;

import io.github.pfncache.rules.Interleaving;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Is told of each point that a call comes by, on the call's own thread, and switches to no other. */
public final class OnLooker implements Interleaving.Explorer {

    private final Consumer<String> point;
    private final boolean mayGiveUp;

    private OnLooker(Consumer<String> point, boolean mayGiveUp) {
        this.point = point;
        this.mayGiveUp = mayGiveUp;
    }

    /** Makes a call that has nothing to wait for. */
    public static void during(Runnable call, Consumer<String> point) {
        made(() -> {
            call.run();
            return null;
        }, new OnLooker(point, false));
    }

    /** Makes a call for which a wait that has an end is over at once. */
    public static <T> T withoutPatience(Supplier<T> call) {
        return made(call, new OnLooker(point -> {}, true));
    }

    private static <T> T made(Supplier<T> call, OnLooker onLooker) {
        Interleaving.bind(onLooker);
        try {
            return call.get();
        } finally {
            Interleaving.bind(null);
        }
    }

    @Override
    public void reached(String name) {
        point.accept(name);
    }

    @Override
    public boolean blocked(Object on, boolean timed) {
        if (!timed || !mayGiveUp) {
            throw new AssertionError("waits for " + on);
        }
        return false;
    }
}
