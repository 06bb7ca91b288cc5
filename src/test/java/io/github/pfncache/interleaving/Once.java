package io.github.pfncache.interleaving;

import java.util.function.Consumer;

/** Does something when a point is reached for the first time. Confined to one thread. */
public final class Once implements Consumer<String> {

    private final String point;
    private final Runnable what;
    private boolean done;

    /** What is to be done, and where. */
    public Once(String point, Runnable what) {
        this.point = point;
        this.what = what;
    }

    @Override
    public void accept(String name) {
        if (name.equals(point) && !done) {
            done = true; // first: what is done may come by the point itself
            what.run();
        }
    }

    /** Whether the point was reached. */
    public boolean isDone() {
        return done;
    }
}
