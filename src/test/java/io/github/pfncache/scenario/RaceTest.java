package io.github.pfncache.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Modifier;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class RaceTest {

    @Test
    void everyRaceHasTheNameOfItsScenarioAndAllAreThere() {
        List<String> scenarios = Stream.of(RefreshScenarios.class, SlotScenarios.class)
                .flatMap(type -> Stream.of(type.getDeclaredMethods()))
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .map(method -> method.getName())
                .toList();
        assertThat(Race.all()).extracting(Race::name).containsExactlyInAnyOrderElementsOf(scenarios);
        assertThat(Race.all()).extracting(Race::description).doesNotContain("").allMatch(text -> text.endsWith("."));
        assertThat(Race.named(scenarios.get(0))).isPresent();
        assertThat(Race.named("nothing")).isEmpty();
    }

    @Test
    void anExpectationThatFailsSaysWhichAndWhatWasFound() {
        assertThatCode(() -> Expect.that(1).as("value").isEqualTo(1L)).doesNotThrowAnyException();
        assertThatCode(() -> Expect.that(null).as("value").isIn(1L, null)).doesNotThrowAnyException();
        assertThatThrownBy(() -> Expect.that(2L).as("value").isEqualTo(1))
                .isInstanceOf(AssertionError.class)
                .hasMessage("[value] expected 1, found 2");
        assertThatThrownBy(() -> Expect.that(2L).as("value").isIn(1L, null))
                .hasMessage("[value] expected one of [1, null], found 2");
        assertThatThrownBy(() -> Expect.that(false).as("done").isTrue()).hasMessageContaining("[done] expected true");
        assertThatThrownBy(() -> Expect.that(List.of(1)).as("list").isEmpty()).hasMessageContaining("expected none");
        assertThatThrownBy(() -> Expect.that(1L).as("list").isIn(0, null))
                .hasMessageContaining("expected one of [0, null], found 1");
        assertThatThrownBy(() -> Expect.that(1L).as("marks").isAtLeast(2)).hasMessageContaining("at least 2");
    }
}
