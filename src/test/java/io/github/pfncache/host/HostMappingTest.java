package io.github.pfncache.host;

import static io.github.pfncache.host.HostWorld.A;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.ByteBuffer;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Typed access to a page, on frames of the host and where the platform has no atomic access. */
class HostMappingTest {

    private static void withPage(boolean skewed, Consumer<HostMapping> body) {
        try (HostMemory host = HostMemory.builder().build()) {
            if (skewed) {
                host.mapBuffer(A, ByteBuffer.allocate(8192).slice(3, 4096), Protection.READ_WRITE);
            } else {
                host.mapAnonymous(A, 1, Protection.READ_WRITE);
            }
            HostPage page = host.hvaToPage(A);
            HostMapping khva = host.map(page);
            assertThat(khva.pfn()).isEqualTo(page.pfn());
            assertThat(khva.hasNativeAtomics()).isNotEqualTo(skewed);
            host.release(page);
            body.accept(khva);
            host.unmap(khva);
            host.audit();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void valuesAreLittleEndianAtAnyOffset(boolean skewed) {
        withPage(skewed, khva -> {
            khva.put(3, 8, 0x1122334455667788L);
            assertThat(khva.get(3, 1)).isEqualTo((byte) 0x88);
            assertThat(khva.get(4, 2)).isEqualTo((short) 0x6677);
            assertThat(khva.get(5, 4)).isEqualTo(0x33445566);
            khva.put(3, 2, (short) 0xabcd);
            khva.put(10, 1, (byte) 1);
            khva.put(6, 4, 0);
            assertThat(khva.get(3, 8)).isEqualTo(0x010000000066abcdL);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyAccessIsCheckedAgainstThePage(boolean skewed) {
        withPage(skewed, khva -> {
            khva.put(4088, 8, 1);
            for (int offset : new int[] {-1, 4089, 4096, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                assertThatIllegalArgumentException().isThrownBy(() -> khva.get(offset, 8));
                assertThatIllegalArgumentException().isThrownBy(() -> khva.put(offset, 8, 0));
            }
            assertThatIllegalArgumentException().isThrownBy(() -> khva.get(4096, 1));
            assertThatIllegalArgumentException().isThrownBy(() -> khva.getVolatile(4096, 4));
            assertThatIllegalArgumentException().isThrownBy(() -> khva.getVolatile(-8, 8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> khva.getVolatile(2, 4))
                    .withMessageContaining("offset=2");
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void orderedAndAtomicAccessesOfFourBytes(boolean skewed) {
        withPage(skewed, khva -> {
            khva.put(4, 4, 1);
            assertThat(khva.getVolatile(4, 4)).isEqualTo(1);
            khva.put(4, 4, 3);
            assertThat(khva.getVolatile(4, 4)).isEqualTo(3);
            assertThat(khva.compareAndSet(4, 4, 2, 9)).isFalse();
            assertThat(khva.compareAndSet(4, 4, 3, 8)).isTrue();
            assertThat(khva.compareAndSet(4, 4, 8, 9)).isTrue();
            assertThatIllegalArgumentException().isThrownBy(() -> khva.compareAndSet(4, 2, 9, 9));
            assertThat(khva.get(0, 8)).as("the neighbour is untouched").isEqualTo(9L << 32);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void orderedAndAtomicAccessesOfEightBytes(boolean skewed) {
        withPage(skewed, khva -> {
            long high = 1L << 40;
            khva.put(8, 8, high);
            assertThat(khva.getVolatile(8, 8)).isEqualTo(high);
            khva.put(8, 8, high + 2);
            assertThat(khva.getVolatile(8, 8)).isEqualTo(high + 2);
            assertThat(khva.compareAndSet(8, 8, high, 9)).isFalse();
            assertThat(khva.compareAndSet(8, 8, high + 2, high)).isTrue();
            assertThat(khva.get(8, 8)).isEqualTo(high);
        });
    }
}
