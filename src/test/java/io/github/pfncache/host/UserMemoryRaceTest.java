package io.github.pfncache.host;

import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.B;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Pages are resolved without a lock while the memory behind them is taken out and its frame numbers are used again. */
class UserMemoryRaceTest {

    /** So often at least memory changes, and pages are resolved; who is done goes on until the other is. */
    private static final int LEAST = 500;

    private static final long PATIENCE_NANOS = 60_000_000_000L;

    @Test
    void aResolvedPageIsOneThatIsMappedWhileNumbersAreUsedAgain() throws InterruptedException, ExecutionException {
        FrameStore frames = new FrameStore(
                new FrameSupply(true, 4, 4, 1 << 20, 4, ByteBuffer::allocateDirect), true);
        HostMemory host = HostMemoryBuilder.build(frames, 100);
        // The two take turns, so that each gets the numbers that the other gave up.
        byte[] two = new byte[2 * 4096];
        byte[] one = new byte[4096];
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger resolved = new AtomicInteger();
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Future<?> resolver = pool.submit(() -> {
                while (!stop.get()) { // until the changes are done
                    resolved.addAndGet(resolve(host, A) + resolve(host, A + 4096) + resolve(host, B));
                }
            });
            long begin = System.nanoTime();
            for (int i = 0; i < LEAST || resolved.get() < LEAST; i++) { // bounded by the patience
                assertThat(System.nanoTime() - begin).as("%d changes, %s resolved", i, resolved)
                        .isLessThan(PATIENCE_NANOS);
                assertThat(resolver.isDone()).isFalse();
                assertThat(host.mapBuffer(A, two, READ_WRITE)).isEqualTo(HostResult.OK);
                assertThat(host.mapBuffer(B, one, READ_WRITE)).isEqualTo(HostResult.OK);
                host.unmap(A, 2);
                assertThat(host.mapBuffer(A, ByteBuffer.wrap(two).limit(4096), READ_WRITE)).isEqualTo(HostResult.OK);
                host.unmap(B, 1);
                host.unmap(A, 1);
            }
            stop.set(true);
            resolver.get();
        } finally {
            stop.set(true);
            pool.shutdown();
        }
        assertThat(host.pageReferences()).isZero();
        host.audit();
        int[] all = frames.supply.adopt(Collections.nCopies(4, ByteBuffer.allocate(4096)));
        assertThat(all).as("no number is lost").hasSize(4);
    }

    private static int resolve(HostMemory host, long hva) {
        HostPage page = host.hvaToPage(hva);
        if (page == null) {
            return 0;
        }
        host.release(page);
        return 1;
    }
}
