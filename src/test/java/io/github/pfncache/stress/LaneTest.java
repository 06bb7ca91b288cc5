package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class LaneTest {

    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().build();
    private final ReferenceModel model = ReferenceModel.of(host, HVA, 2);

    LaneTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
    }

    private static void write(StampedField lane, int times) {
        for (int i = 0; i < times; i++) {
            lane.next();
            lane.written();
        }
    }

    private void poke(StampedField lane, long value) {
        byte[] bytes = new byte[lane.width()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (value >>> 8 * i);
        }
        host.poke(HVA + lane.offset(), bytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8})
    void theLastValueIsWholeAndAnOlderOneIsLost(int width) {
        StampedField lane = model.lane(64, width);
        assertThat(lane.judge(lane.mark(), 0)).as("before the first write").isEqualTo(StampedField.Reading.WHOLE);
        long first = lane.next();
        lane.written();
        long second = lane.next();
        lane.written();
        assertThat(lane.judge(lane.mark(), second)).isEqualTo(StampedField.Reading.WHOLE);
        assertThat(lane.judge(lane.mark(), first)).isEqualTo(StampedField.Reading.LOST);
        assertThat(lane.judge(lane.mark(), 0)).isEqualTo(StampedField.Reading.LOST);
        poke(lane, second);
        assertThat(model.verify()).matches(verdict -> verdict.lost() == 2 && verdict.torn() == 0);
    }

    @Test
    void aValueWrittenWhileItIsReadIsWhole() {
        StampedField lane = model.lane(0, 8);
        write(lane, 5);
        long mark = lane.mark();
        long before = lane.next();
        lane.written();
        long after = lane.next();
        assertThat(lane.judge(mark, before)).isEqualTo(StampedField.Reading.WHOLE);
        assertThat(lane.judge(mark, after)).as("issued, and perhaps there").isEqualTo(StampedField.Reading.WHOLE);
    }

    @Test
    void aWriteThatWasRefusedIsTriedAgainWithTheSameValue() {
        StampedField lane = model.lane(0, 8);
        assertThat(lane.next()).isEqualTo(lane.next()).isNotZero();
    }

    @Test
    void halvesOfTwoValuesAreTorn() {
        StampedField lane = model.lane(8, 8);
        Map<Long, Long> values = new HashMap<>();
        for (long i = 0; i < 1000; i++) {
            values.put(i, lane.next());
            lane.written();
        }
        long mixed = values.get(500L) & 0xffff_ffffL | values.get(501L) & ~0xffff_ffffL;
        assertThat(lane.judge(0, mixed)).isEqualTo(StampedField.Reading.TORN);
        assertThat(lane.judge(0, model.lane(16, 8).next())).as("another lane's").isEqualTo(StampedField.Reading.TORN);
        assertThat(lane.judge(0, 0x6b6b_6b6b_6b6b_6b6bL)).as("a pattern").isEqualTo(StampedField.Reading.TORN);
        assertThat(lane.judge(0, values.get(500L))).isEqualTo(StampedField.Reading.WHOLE);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void manyWritesAreToldApart(int width) {
        StampedField lane = model.lane(32, width);
        long former = 0;
        for (int i = 0; i < 1000; i++) {
            long value = lane.next();
            lane.written();
            assertThat(lane.judge(lane.mark(), value)).isEqualTo(StampedField.Reading.WHOLE);
            assertThat(lane.judge(lane.mark(), former)).isEqualTo(StampedField.Reading.LOST);
            former = value;
        }
    }

    @Test
    void whatIsDiscardedIsZeroOrTheLastValue() {
        StampedField lane = model.lossyLane(0, 4);
        write(lane, 3);
        assertThat(lane.judge(lane.mark(), 0)).isEqualTo(StampedField.Reading.WHOLE);
        assertThat(model.verify()).matches(Verdict::isClean);
    }

    @Test
    void memoryAtRestIsCompared() {
        StampedField right = model.lane(0, 8);
        StampedField old = model.lane(8, 8);
        StampedField mixed = model.lane(4092, 8);
        StampedField refused = model.lane(16, 8);
        model.leaveOut(100, 50);
        poke(right, right.next());
        right.written();
        poke(old, old.next());
        old.written();
        write(old, 1);
        poke(mixed, 12345);
        poke(refused, refused.next()); // and no word that it was done
        host.poke(HVA + 120, new byte[] {1});
        host.poke(HVA + 5000, new byte[] {1, 0, 2});
        Verdict verdict = model.verify();
        assertThat(verdict.lost()).isEqualTo(1);
        assertThat(verdict.torn()).isEqualTo(1);
        assertThat(verdict.stray()).isEqualTo(3);
        assertThat(verdict.details()).hasSize(5);
        assertThat(verdict.isClean()).isFalse();
    }

    @Test
    void aByteHasOneOwner() {
        model.lane(8, 8);
        assertThatThrownBy(() -> model.lane(12, 4)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> model.leaveOut(0, 9)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> model.lane(16, 3)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> model.lane(8192 - 4, 8)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> model.lane(-1, 8)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ReferenceModel.of(host, HVA + 1, 1)).isInstanceOf(IllegalArgumentException.class);
    }
}
