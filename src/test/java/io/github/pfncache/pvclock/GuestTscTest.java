package io.github.pfncache.pvclock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** A vCPU's TSC: scaled and offset, without rounding but the last. */
final class GuestTscTest {

    @Property
    void itIsTheExactProductRoundedDown(
            @ForAll long host,
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hostHz,
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz,
            @ForAll long offset) {
        BigInteger exact = new BigInteger(Long.toUnsignedString(host))
                .multiply(BigInteger.valueOf(hertz))
                .divide(BigInteger.valueOf(hostHz))
                .add(BigInteger.valueOf(offset));
        assertThat(new GuestTsc(hertz, offset).at(host, hostHz)).isEqualTo(exact.longValue());
    }

    @Property
    void itReadsWhatItIsSetTo(
            @ForAll long value,
            @ForAll long host,
            @ForAll @LongRange(min = PvclockScale.MIN_HZ, max = PvclockScale.MAX_HZ) long hertz) {
        assertThat(GuestTsc.reading(hertz, value, host, 2_400_000_000L).at(host, 2_400_000_000L)).isEqualTo(value);
    }

    @Test
    void aFrequencyOutOfRangeIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new GuestTsc(999, 0)).withMessageContaining("999");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GuestTsc(PvclockScale.MAX_HZ, 0).at(0, PvclockScale.MAX_HZ + 1));
    }
}
