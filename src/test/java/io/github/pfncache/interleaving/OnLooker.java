package io.github.pfncache.interleaving;

import io.github.pfncache.rules.Interleaving;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Is told of each point that a call comes by, on the call's own thread, and switches to no other. */
public final class OnLooker implements Interleaving.Explorer {

    private final Consumer<String> point;
    private final Wait wait;

    private OnLooker(Consumer<String> point, Wait wait) {
        this.point = point;
        this.wait = wait;
    }

    /** What becomes of a wait: there is none; one that has an end is over; others run by themselves. */
    private enum Wait { NONE, IS_OVER, GOES_ON }

    /** Makes a call that has nothing to wait for. */
    public static void during(Runnable call, Consumer<String> point) {
        made(() -> {
            call.run();
            return null;
        }, new OnLooker(point, Wait.NONE));
    }

    /** Makes a call for which a wait that has an end is over at once. */
    public static <T> T withoutPatience(Supplier<T> call) {
        return withoutPatience(call, point -> {});
    }

    /** The same, looked at. */
    public static <T> T withoutPatience(Supplier<T> call, Consumer<String> point) {
        return made(call, new OnLooker(point, Wait.IS_OVER));
    }

    /** Makes a call while other threads run. */
    public static <T> T amongOthers(Supplier<T> call, Consumer<String> point) {
        return made(call, new OnLooker(point, Wait.GOES_ON));
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
        if (wait == Wait.NONE || wait == Wait.IS_OVER && !timed) {
            throw new AssertionError("waits for " + on);
        }
        Thread.onSpinWait();
        return wait == Wait.GOES_ON;
    }
}
