package io.github.pfncache.stress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
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

    @Test
    void aThreadThatHangsIsReportedWithWhereItIs() {
        CountDownLatch never = new CountDownLatch(1);
        CountDownLatch inside = new CountDownLatch(1);
        Crew crew = new Crew(Duration.ofMillis(50));
        crew.add("hanging", () -> {
            inside.countDown();
            never.await();
            return true;
        });
        assertThatCode(inside::await).doesNotThrowAnyException();
        assertThat(crew.end()).singleElement().satisfies(failure -> {
            assertThat(failure).hasMessageContaining("hanging does not end");
            assertThat(failure.getStackTrace()).isNotEmpty();
        });
        never.countDown();
    }
}
