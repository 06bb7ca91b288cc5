package io.github.pfncache.rules;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Test;

final class PatienceTest {

    private static final long LONGEST = 1L << 62;

    @Test
    void whatFitsIsWhatItIs() {
        for (long nanos : new long[] {0, 1, 999_999_999_999L, LONGEST - 1, LONGEST}) {
            assertThat(Patience.nanosOf(Duration.ofNanos(nanos))).isEqualTo(nanos);
        }
    }

    @Test
    void whatIsLongerIsForEverAndWhatIsNegativeIsNothing() {
        for (Duration ever : new Duration[] {
            ChronoUnit.FOREVER.getDuration(), Duration.ofNanos(Long.MAX_VALUE), Duration.ofNanos(LONGEST).plusNanos(1)
        }) {
            assertThat(Patience.nanosOf(ever)).isEqualTo(LONGEST);
            assertThat(Patience.nanosOf(ever.negated())).isZero();
        }
        assertThat(Patience.nanosOf(Duration.ofNanos(-1))).isZero();
    }

    @Test
    void aDeadlineForEverIsAheadByDifference() {
        assertThat(Patience.deadlineAfter(ChronoUnit.FOREVER.getDuration()) - System.nanoTime()).isPositive();
        assertThat(Patience.deadlineAfter(Duration.ofSeconds(-1)) - System.nanoTime()).isNotPositive();
    }
}
