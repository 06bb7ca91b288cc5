package io.github.pfncache.rules;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FailuresTest {

    @Test
    void itIsDoneForAllAndTheFirstFailureHasTheLaterOnesBehindIt() {
        List<Throwable> failures = List.of(new IllegalStateException("a"), new AssertionError("b"), new Exception("c"));
        List<Integer> done = new ArrayList<>();
        Throwable thrown = catchThrowable(() -> Failures.each(IntStream.range(0, 7).boxed().toList(), i -> {
            done.add(i);
            Failures.<RuntimeException>rethrow(i % 2 == 0 ? null : failures.get(i / 2));
        }));
        assertThat(done).containsExactly(0, 1, 2, 3, 4, 5, 6);
        assertThat(thrown).isSameAs(failures.get(0)).hasSuppressedException(failures.get(1));
        assertThat(thrown.getSuppressed()).containsExactly(failures.get(1), failures.get(2));
    }

    @Test
    void oneThatIsThrownTwiceIsKeptOnce() {
        Throwable one = new IllegalStateException("one");
        assertThat(catchThrowable(() -> Failures.each(List.of(1, 2, 3), i -> Failures.<RuntimeException>rethrow(one))))
                .isSameAs(one).hasNoSuppressedExceptions();
        assertThat(Failures.joined(one, one)).isSameAs(one);
        assertThat(Failures.joined(null, one)).isSameAs(one);
    }

    @Test
    void anyTypeGoesOutAndNothingIfNothingHasFailed() {
        Throwable checked = new IOException("checked");
        assertThat(catchThrowable(() -> Failures.<RuntimeException>rethrow(checked))).isSameAs(checked);
        assertThatCode(() -> Failures.<RuntimeException>rethrow(null)).doesNotThrowAnyException();
        assertThatCode(() -> Failures.each(List.of(), one -> {
            throw new AssertionError("there is none");
        })).doesNotThrowAnyException();
    }
}
