package io.github.pfncache.interleaving;

import io.github.pfncache.rules.Interleaving;
import java.util.function.Consumer;

/** Is told of each point that a call comes by, on the call's own thread, and switches to no other. */
public final class OnLooker implements Interleaving.Explorer {

    private final Consumer<String> point;

    private OnLooker(Consumer<String> point) {
        this.point = point;
    }

    /** Makes a call of code that nothing else uses. */
    public static void during(Runnable call, Consumer<String> point) {
        Interleaving.bind(new OnLooker(point));
        try {
            call.run();
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
        throw new AssertionError("nothing to wait for: " + on);
    }
}
