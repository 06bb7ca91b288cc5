package io.github.pfncache.xen;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** Another thread of a test: what it returns or throws is seen by the test, and it never outlives its patience. */
final class Background<T> {

    private final CompletableFuture<T> result = new CompletableFuture<>();

    Background(Supplier<T> body) {
        Thread thread = new Thread(() -> {
            try {
                result.complete(body.get());
            } catch (Throwable failure) { // handed to the test
                result.completeExceptionally(failure);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    boolean isDone() {
        return result.isDone();
    }

    T join() {
        try {
            return result.get(XenWorld.PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("in the background: " + e.getCause(), e.getCause());
        } catch (TimeoutException | InterruptedException e) {
            throw new AssertionError("the background thread does not end", e);
        }
    }
}
