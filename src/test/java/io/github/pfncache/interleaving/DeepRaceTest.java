package io.github.pfncache.interleaving;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.scenario.RefreshScenarios;
import io.github.pfncache.scenario.SlotScenarios;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Every scenario of this package again, with many more schedules, and other random ones each time unless
 * {@code -Dexplore.seed} says which. {@code -Dexplore.schedules} is how many of each kind.
 */
@Tag("deep")
final class DeepRaceTest {

    private static final int SCHEDULES = Integer.getInteger("explore.schedules", 60_000);
    private static final long SEED = Long.getLong("explore.seed", System.nanoTime());

    @TestFactory
    Stream<DynamicTest> everyScenario() {
        return Stream.of(
                        RefreshScenarios.class,
                        AccessScenarios.class,
                        FastPathScenarios.class,
                        SlotScenarios.class,
                        AreaScenarios.class,
                        TlbScenarios.class)
                .flatMap(group -> scenarios(group).stream());
    }

    private static List<DynamicTest> scenarios(Class<?> group) {
        List<DynamicTest> tests = Arrays.stream(group.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .filter(method -> Arrays.equals(method.getParameterTypes(), new Class<?>[] {ScenarioRun.class}))
                .map(method -> DynamicTest.dynamicTest(method.getName(), () -> explore(method)))
                .toList();
        assertThat(tests).as("scenarios of %s", group).isNotEmpty();
        return tests;
    }

    private static void explore(Method method) {
        Exploration all = new ScheduleExplorer(scenario(method))
                .exhaustive(6, SCHEDULES)
                .random(SCHEDULES, SEED)
                .explore();
        System.out.println(method.getName() + ": " + all + " (explore.seed=" + SEED + ")");
        all.requireNoFailure();
    }

    private static Scenario scenario(Method method) {
        return stage -> {
            try {
                method.invoke(null, stage);
            } catch (InvocationTargetException e) {
                throw new AssertionError(e.getCause());
            }
        };
    }
}
