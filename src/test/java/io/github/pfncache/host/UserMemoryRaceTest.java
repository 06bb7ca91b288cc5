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
import org.junit.jupiter.api.Test;

/** Pages are resolved without a lock while the memory behind them is taken out and its frame numbers are used again. */
class UserMemoryRaceTest {

    private static final int CHANGES = 500;

    @Test
    void aResolvedPageIsOneThatIsMappedWhileNumbersAreUsedAgain() throws InterruptedException, ExecutionException {
        FrameStore frames = new FrameStore(
                new FrameSupply(true, 4, 4, 1 << 20, 4, ByteBuffer::allocateDirect), true);
        HostMemory host = HostMemoryBuilder.build(frames, 100);
        // The two take turns, so that each gets the numbers that the other gave up.
        byte[] two = new byte[2 * 4096];
        byte[] one = new byte[4096];
        AtomicBoolean stop = new AtomicBoolean();
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Future<Long> resolver = pool.submit(() -> {
                long resolved = 0;
                while (!stop.get()) { // until the changes are done
                    resolved += resolve(host, A) + resolve(host, A + 4096) + resolve(host, B);
                }
                return resolved;
            });
            for (int i = 0; i < CHANGES; i++) {
                assertThat(host.mapBuffer(A, two, READ_WRITE)).isEqualTo(HostResult.OK);
                assertThat(host.mapBuffer(B, one, READ_WRITE)).isEqualTo(HostResult.OK);
                host.unmap(A, 2);
                assertThat(host.mapBuffer(A, ByteBuffer.wrap(two).limit(4096), READ_WRITE)).isEqualTo(HostResult.OK);
                host.unmap(B, 1);
                host.unmap(A, 1);
            }
            stop.set(true);
            assertThat(resolver.get()).isPositive();
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
