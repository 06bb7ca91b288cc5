package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.cache.GfnPfnCache;
import io.github.pfncache.cache.GuestAccess;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** An access to a cache that a thread of its own has open until it is ended. */
final class OpenAccess implements AutoCloseable {

    private final CountDownLatch end = new CountDownLatch(1);
    private final FutureTask<Void> holder;

    private OpenAccess(GfnPfnCache cache, CountDownLatch open) {
        holder = new FutureTask<>(() -> {
            try (GuestAccess access = cache.access()) {
                assertThat(access.isUsable()).isTrue();
                open.countDown();
                end.await();
            } finally {
                open.countDown(); // also if there is none: said by the end
            }
            return null;
        });
    }

    static OpenAccess to(GfnPfnCache cache) throws InterruptedException {
        CountDownLatch open = new CountDownLatch(1);
        OpenAccess made = new OpenAccess(cache, open);
        new Thread(made.holder, "holder").start();
        open.await();
        return made;
    }

    /** May be called again. */
    void end() throws InterruptedException, ExecutionException {
        end.countDown();
        holder.get();
    }

    @Override
    public void close() throws InterruptedException, ExecutionException {
        end();
    }
}
