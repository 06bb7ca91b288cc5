package io.github.pfncache.host;

import static io.github.pfncache.host.HostResult.ENOMEM;
import static io.github.pfncache.host.HostResult.OK;
import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.HostWorld.page;
import static io.github.pfncache.host.HostWorld.store;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.address.Pages;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory is short: soon said, said why, and nobody else is held up. */
class HostShortageTest {

    private static final long PATIENCE_SECONDS = 300;

    private final AtomicInteger asked = new AtomicInteger();

    private static HostMemory host(long maxFrames, IntFunction<ByteBuffer> allocator) {
        FrameSupply supply = new FrameSupply(true, 1, 1, maxFrames, FrameSupply.MAX_CHUNKS, allocator);
        HostMemory host = HostMemoryBuilder.build(new FrameStore(supply, true), 100);
        host.mapAnonymous(A, 64, READ_WRITE);
        return host;
    }

    /** Has one frame, and then takes a while to say that there is none, as the JVM does. */
    private ByteBuffer slowEnd(int bytes) {
        if (asked.incrementAndGet() > 1) {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(200);
            while (System.nanoTime() - end < 0) { // ends with the time
                Thread.onSpinWait();
            }
            throw new OutOfMemoryError("Cannot reserve " + bytes + " bytes");
        }
        return ByteBuffer.allocateDirect(bytes);
    }

    @Test
    void anAllocatorThatHasFailedIsLeftAloneForAWhile() {
        try (HostMemory host = host(1 << 20, this::slowEnd)) {
            assertThat(store(host, A, 1)).isTrue();
            assertThat(host.shortage()).isNull();
            long begin = System.nanoTime();
            for (int i = 1; i < 64; i++) {
                assertThat(store(host, page(A, i), 1)).isFalse();
            }
            int passed = (int) TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
            assertThat(asked.get()).as("2 s of peace for 0.2 s of trying, in %d s", passed).isLessThan(5 + passed);
            assertThat(host.shortage()).contains("direct memory", "Cannot reserve 4096 bytes", "frames in use=1 of",
                    "MaxDirectMemorySize");
            assertThat(host.toString()).contains("frames in use=1 of 1048576", "short: direct memory");
            assertThat(host.populateWrite(A, 2)).isEqualTo(ENOMEM);
            assertThat(host.migrate(A)).isEqualTo(ENOMEM);
        }
    }

    /** The platform may take half a second to answer: nobody else's pages wait for that. */
    /** Fails twice, by what it throws: after that all that the builder allows is there. */
    @ParameterizedTest
    @ValueSource(classes = {OutOfMemoryError.class, IllegalStateException.class})
    void whatAnAllocatorHasFailedAtIsNotCounted(Class<? extends Throwable> failure) {
        FrameSupply supply = new FrameSupply(true, 1, 1, 3, FrameSupply.MAX_CHUNKS, bytes -> {
            if (asked.incrementAndGet() > 2) {
                return ByteBuffer.allocateDirect(bytes);
            }
            if (failure == IllegalStateException.class) {
                throw new IllegalStateException("not now");
            }
            throw new OutOfMemoryError("not now");
        });
        while (!grows(supply)) { // bounded by the test's timeout: it is asked again after a while
            Thread.onSpinWait();
        }
        for (int frame = 0; frame < 3; frame++) {
            assertThat(supply.grow(1)).isTrue();
            assertThat(supply.take()).isNotNegative();
        }
        assertThat(supply.inUse()).isEqualTo(3);
        assertThat(supply.grow(1)).isFalse();
    }

    private static boolean grows(FrameSupply supply) {
        try {
            return supply.grow(1);
        } catch (IllegalStateException e) {
            assertThat(e).hasMessage("not now");
            return false;
        }
    }

    @Test
    void framesAreAskedForWithNoLockHeld() {
        AtomicInteger asked = new AtomicInteger();
        HostMemory[] made = new HostMemory[1];
        try (HostMemory host = host(1 << 20, bytes -> {
            assertThat(made[0].space().family.lock.isHeldByCurrentThread()).isFalse();
            asked.incrementAndGet();
            return ByteBuffer.allocateDirect(bytes);
        })) {
            made[0] = host;
            HostFile file = host.createFile(4);
            host.mapShared(A, 4, file, 0, READ_WRITE);
            for (int i = 0; i < 4; i++) {
                assertThat(store(host, page(A, i), i + 1)).isTrue();
            }
            assertThat(asked).hasValue(4);
            try (HostMemory snapshot = host.snapshot()) {
                assertThat(asked).as("a copy of each").hasValue(8);
                assertThat(file.punchHole(0, 4)).isEqualTo(OK);
                assertThat(host.migrate(A)).as("nothing to move").isEqualTo(HostResult.EINVAL);
                byte[] all = new byte[8 * Pages.PAGE_SIZE];
                Arrays.fill(all, (byte) 1);
                assertThat(file.write(0, all)).isEqualTo(OK);
                assertThat(file.punchHole(0, 4)).isEqualTo(OK);
                assertThat(store(host, page(A, 0), 9)).isTrue();
                assertThat(host.framesInUse()).isEqualTo(9);
                assertThat(host.rewind(snapshot, List.of(new RewindRange(A, A, 4)), hva -> {})).isEqualTo(OK);
                assertThat(asked).as("as many as are in use at once").hasValue((int) host.framesInUse());
                byte[] bytes = new byte[1];
                assertThat(host.peek(page(A, 3), bytes)).isEqualTo(OK);
                assertThat(bytes[0]).isEqualTo((byte) 4);
            }
            host.audit();
        }
    }

    @Test
    void aFrameThatComesBackIsUsedAtOnce() {
        try (HostMemory host = host(1 << 20, this::slowEnd)) {
            assertThat(store(host, A, 1)).isTrue();
            assertThat(store(host, page(A, 1), 1)).isFalse();
            assertThat(host.discard(A, 1)).isEqualTo(OK);
            assertThat(host.shortage()).isNull();
            assertThat(store(host, page(A, 1), 1)).isTrue();
            host.audit();
        }
    }

    @Test
    void whatIsShortAgainAfterAWhileIsAskedForAgain() {
        AtomicInteger left = new AtomicInteger();
        try (HostMemory host = host(1 << 20, bytes -> {
            if (left.get() == 0) {
                throw new OutOfMemoryError("none");
            }
            return ByteBuffer.allocateDirect(bytes);
        })) {
            assertThat(store(host, A, 1)).isFalse();
            left.set(1);
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            boolean stored = false;
            while (!stored && System.nanoTime() - end < 0) { // ten times as long as it took to fail: microseconds
                stored = store(host, A, 1);
            }
            assertThat(stored).isTrue();
            assertThat(host.shortage()).isNull();
        }
    }

    @Test
    void theLimitOfTheBuilderIsSaidToBeOne() {
        try (HostMemory host = HostMemory.builder().maxBytes(2 * Pages.PAGE_SIZE).build()) {
            host.mapAnonymous(A, 4, READ_WRITE);
            assertThat(host.populateWrite(A, 2)).isEqualTo(OK);
            assertThat(store(host, page(A, 2), 1)).isFalse();
            assertThat(host.shortage()).contains("maxBytes", "frames in use=2 of 2");
            byte[] bytes = new byte[8];
            assertThat(host.copyFromUser(page(A, 3), bytes, 0, 8)).as("a look takes no frame").isTrue();
            assertThat(store(host, page(A, 99), 1)).as("not there").isFalse();
            assertThat(host.evict(A, 1)).isEqualTo(OK);
            assertThat(host.shortage()).isNull();
            assertThat(store(host, page(A, 2), 1)).isTrue();
        }
    }

    @Test
    void nobodyIsHeldUpByAnAllocationThatTakesLong() throws Exception {
        CountDownLatch allocating = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        try (HostMemory host = host(1 << 20, bytes -> {
            if (asked.incrementAndGet() == 3) {
                allocating.countDown();
                await(goOn);
            }
            return ByteBuffer.allocateDirect(bytes);
        })) {
            assertThat(store(host, A, 1)).isTrue();
            assertThat(store(host, page(A, 1), 1)).isTrue();
            CompletableFuture<Boolean> slow = CompletableFuture.supplyAsync(() -> store(host, page(A, 2), 1));
            await(allocating);
            // With any lock of the host held over there, each of these would wait for ever.
            assertThat(store(host, A, 2)).isTrue();
            assertThat(host.protect(A, 1, Protection.READ)).isEqualTo(OK);
            assertThat(host.discard(page(A, 1), 1)).isEqualTo(OK);
            assertThat(store(host, page(A, 3), 1)).as("with the frame that has come back").isTrue();
            goOn.countDown();
            assertThat(slow.get(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            host.audit();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
