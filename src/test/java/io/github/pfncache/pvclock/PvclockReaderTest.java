package io.github.pfncache.pvclock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.pfncache.pvclock.PvclockReader.Reading;
import io.github.pfncache.pvclock.PvclockReader.Status;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The guest's side, on plain bytes. */
final class PvclockReaderTest {

    final ByteBuffer memory = ByteBuffer.allocate(PvclockTimeInfo.SIZE).order(ByteOrder.LITTLE_ENDIAN)
            .putInt(0, 6)
            .putLong(8, 1000)
            .putLong(16, 5_000_000_000L)
            .putInt(24, 1 << 31)
            .put(28, (byte) -1)
            .put(29, (byte) 0x83);

    @Test
    void readsTheAbisLayout() {
        Reading reading = new PvclockReader(memory::getInt).read();
        assertThat(reading.status()).isEqualTo(Status.OK);
        assertThat(reading.version()).isEqualTo(6);
        assertThat(reading.time())
                .isEqualTo(new PvclockTimeInfo(1000, 5_000_000_000L, new PvclockScale(1 << 31, -1), 0x83));
        assertThat(reading.time().timeAt(1000 + 400)).isEqualTo(5_000_000_000L + 100);
    }

    @Test
    void anOddVersionIsNeverAccepted() {
        memory.putInt(0, 7);
        AtomicInteger reads = new AtomicInteger();
        Reading reading = new PvclockReader(offset -> {
            reads.incrementAndGet();
            return memory.getInt(offset);
        }, 25).read();
        assertThat(reading).isEqualTo(new Reading(Status.UNSTABLE, 7, null));
        assertThat(reads).as("one look at the version for each attempt").hasValue(25);
    }

    @Test
    void aVersionThatKeepsChangingEndsWithTheAttempts() {
        AtomicInteger version = new AtomicInteger();
        Reading reading = new PvclockReader(
                offset -> offset == 0 ? version.addAndGet(2) : memory.getInt(offset), 10).read();
        assertThat(reading.status()).isEqualTo(Status.UNSTABLE);
        assertThat(version).hasValue(10 * 2 * 2);
    }

    @Test
    void aWriteInTheMiddleIsReadAgain() {
        AtomicInteger reads = new AtomicInteger();
        Reading reading = new PvclockReader(offset -> {
            if (reads.incrementAndGet() == 4) { // the writer comes between two words of the body
                memory.putInt(0, 8).putLong(8, 2000).putLong(16, 6_000_000_000L);
            }
            return memory.getInt(offset);
        }).read();
        assertThat(reading.version()).isEqualTo(8);
        assertThat(reading.time().tscTimestamp()).isEqualTo(2000);
        assertThat(reading.time().systemTime()).isEqualTo(6_000_000_000L);
    }

    @Test
    void atLeastOneAttemptIsNeeded() {
        assertThatIllegalArgumentException().isThrownBy(() -> new PvclockReader(memory::getInt, 0));
    }
}
