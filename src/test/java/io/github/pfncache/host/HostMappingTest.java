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
            khva.putLong(3, 0x1122334455667788L);
            assertThat(khva.getByte(3)).isEqualTo((byte) 0x88);
            assertThat(khva.getShort(4)).isEqualTo((short) 0x6677);
            assertThat(khva.getInt(5)).isEqualTo(0x33445566);
            khva.putShort(3, (short) 0xabcd);
            khva.putByte(10, (byte) 1);
            khva.putInt(6, 0);
            assertThat(khva.getLong(3)).isEqualTo(0x010000000066abcdL);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyAccessIsCheckedAgainstThePage(boolean skewed) {
        withPage(skewed, khva -> {
            khva.putLong(4088, 1);
            for (int offset : new int[] {-1, 4089, 4096, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                assertThatIllegalArgumentException().isThrownBy(() -> khva.getLong(offset));
                assertThatIllegalArgumentException().isThrownBy(() -> khva.putLong(offset, 0));
            }
            assertThatIllegalArgumentException().isThrownBy(() -> khva.getByte(4096));
            assertThatIllegalArgumentException().isThrownBy(() -> khva.getIntVolatile(4096));
            assertThatIllegalArgumentException().isThrownBy(() -> khva.getLongVolatile(-8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> khva.getIntVolatile(2))
                    .withMessageContaining("offset=2");
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void orderedAndAtomicAccessesOfFourBytes(boolean skewed) {
        withPage(skewed, khva -> {
            khva.putInt(4, 1);
            assertThat(khva.getIntVolatile(4)).isEqualTo(1);
            khva.putInt(4, 3);
            assertThat(khva.getIntVolatile(4)).isEqualTo(3);
            assertThat(khva.compareAndSetInt(4, 2, 9)).isFalse();
            assertThat(khva.compareAndSetInt(4, 3, 8)).isTrue();
            assertThat(khva.getAndBitwiseOrInt(4, 3)).isEqualTo(8);
            assertThat(khva.getAndBitwiseAndInt(4, 9)).isEqualTo(11);
            assertThat(khva.getLong(0)).as("the neighbour is untouched").isEqualTo(9L << 32);
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void orderedAndAtomicAccessesOfEightBytes(boolean skewed) {
        withPage(skewed, khva -> {
            long high = 1L << 40;
            khva.putLong(8, high);
            assertThat(khva.getLongVolatile(8)).isEqualTo(high);
            khva.putLong(8, high + 2);
            assertThat(khva.getLongVolatile(8)).isEqualTo(high + 2);
            assertThat(khva.compareAndSetLong(8, high, 9)).isFalse();
            assertThat(khva.compareAndSetLong(8, high + 2, high)).isTrue();
            assertThat(khva.getLong(8)).isEqualTo(high);
        });
    }
}
