package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class CrewTest {

    private static long inAMinute() {
        return System.nanoTime() + 60_000_000_000L;
    }

    @Test
    void aFailureInAThreadStopsAllAndIsThrown() throws InterruptedException {
        Crew crew = new Crew();
        crew.add("busy", () -> true);
        crew.add("broken", () -> {
            throw new IllegalStateException("why");
        });
        assertThat(crew.await(inAMinute())).isTrue();
        assertThat(crew.isStopped()).isTrue();
        assertThatThrownBy(crew::close)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("broken failed")
                .hasMessageContaining("why")
                .hasCauseInstanceOf(IllegalStateException.class);
    }

    @Test
    void workEndsByItself() throws InterruptedException {
        AtomicInteger turns = new AtomicInteger();
        try (Crew crew = new Crew()) {
            crew.add("ten", () -> turns.incrementAndGet() < 10, 1);
            assertThat(crew.await(inAMinute())).isTrue();
            assertThat(crew.isStopped()).isFalse();
        }
        assertThat(turns).hasValue(10);
    }

    @Test
    void aCrewStopsWhenItIsClosed() {
        AtomicInteger turns = new AtomicInteger();
        try (Crew crew = new Crew()) {
            crew.add("endless", () -> turns.incrementAndGet() > 0);
        }
        int atTheEnd = turns.get();
        Thread.onSpinWait();
        assertThat(turns).hasValue(atTheEnd);
    }
}
