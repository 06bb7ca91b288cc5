package io.github.pfncache.host;

import static io.github.pfncache.host.HostWorld.A;
import static io.github.pfncache.host.Protection.READ_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Atomic operations where the platform has none, beside somebody who stores plainly to the bytes next to theirs: no
 * store is lost. On the heap that is so from JDK 25 on, in an unaligned buffer everywhere.
 */
class NeighbourBytesTest {

    private static final int STORES = 200_000;

    /** What changes the first byte of eight, or says that it does. */
    enum Operation {
        OR_AND {
            @Override
            void on(HostMapping khva, int turn) {
                khva.compareAndSet(0, 4, khva.getVolatile(0, 4), khva.getVolatile(0, 4) | 8);
                khva.compareAndSet(0, 4, khva.getVolatile(0, 4), khva.getVolatile(0, 4) & ~8);
            }
        },
        COMPARE_AND_SET {
            @Override
            void on(HostMapping khva, int turn) {
                int now = (int) khva.getVolatile(0, 4);
                khva.compareAndSet(0, 4, now, now ^ 1);
            }
        },
        ADD {
            @Override
            void on(HostMapping khva, int turn) {
                long now = khva.getVolatile(0, 8);
                khva.compareAndSet(0, 8, now, (now & 1) == 0 ? now + 1 : now - 1); // without a carry
            }
        };

        abstract void on(HostMapping khva, int turn);
    }

    @ParameterizedTest
    @EnumSource
    void aStoreToTheNextByteIsNotLostOnTheHeap(Operation operation) {
        lostBeside(operation, ByteBuffer.allocate(4096));
    }

    @ParameterizedTest
    @EnumSource
    void norInAnUnalignedBuffer(Operation operation) {
        lostBeside(operation, ByteBuffer.allocateDirect(4096 + 9).alignedSlice(8).position(1).limit(4097).slice());
    }

    private static void lostBeside(Operation operation, ByteBuffer memory) {
        withMapping(memory, khva -> {
            AtomicBoolean over = new AtomicBoolean();
            CompletableFuture<Void> operations = CompletableFuture.runAsync(() -> {
                for (int turn = 0; !over.get() || (turn & 1) != 0; turn++) { // ends with the stores
                    operation.on(khva, turn);
                }
            });
            IntConsumer store = i -> {
                khva.put(1, 1, (byte) i);
                assertThat(khva.get(1, 1)).as("store %d", i).isEqualTo((byte) i);
            };
            try {
                for (int i = 0; i < STORES; i++) {
                    store.accept(i);
                }
            } finally {
                over.set(true);
                operations.join();
            }
        });
    }

    @Test
    void whatChangesIsAsWithoutALock() {
        ByteBuffer unaligned = ByteBuffer.allocateDirect(4096 + 9).alignedSlice(8).position(1).limit(4097).slice();
        withMapping(unaligned, khva -> {
            assertThat(khva.hasNativeAtomics()).isFalse();
            khva.put(8, 8, 0x1122334455667788L);
            assertThat(khva.compareAndSet(8, 8, 1, 2)).isFalse();
            assertThat(khva.compareAndSet(8, 8, 0x1122334455667788L, 0x11AA334455BB77CCL)).isTrue();
            assertThat(khva.getVolatile(8, 8)).isEqualTo(0x11AA334455BB77CCL);
            assertThat(khva.compareAndSet(12, 4, 0x11AA3344, 5)).isTrue();
            assertThat(khva.compareAndSet(8, 4, 0x55BB77CC, 0xCC)).isTrue();
            assertThat(khva.getVolatile(8, 8)).isEqualTo(0x5_0000_00ccL);
        });
    }

    private interface Body {
        void with(HostMapping khva);
    }

    private static void withMapping(ByteBuffer memory, Body body) {
        try (HostMemory host = HostMemory.builder().build()) {
            host.mapBuffer(A, memory, READ_WRITE);
            HostPage page = host.hvaToPage(A);
            HostMapping khva = host.map(page);
            host.release(page);
            try {
                body.with(khva);
            } finally {
                host.unmap(khva);
            }
        }
    }
}
