package io.github.pfncache.xen;

import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScenarioRun;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Races of the interfaces in which threads switch before each access to what they share: two accesses in the wrong
 * order, or an atomic step in two, are found for sure. {@code -Dxen.steppedSchedules=N} looks further.
 */
final class SteppedRaceTest {

    private static final int PREEMPTIONS = 2;
    private static final int BUDGET = Integer.getInteger("xen.steppedSchedules", 3_000);
    private static final int BUDGET_OF_OTHERS = BUDGET / 10;
    private static final List<Class<?>> OTHERS =
            List.of(EventScenarios.class, PollScenarios.class, RunstateScenarios.class, ClockScenarios.class);

    @TestFactory
    Stream<DynamicTest> everyScheduleGoesWell() {
        @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
        BiConsumer<String, Integer> run =
                (BiConsumer<String, Integer>) new SteppingLoader(Run.class.getClassLoader()).made(Run.class);
        return Stream.concat(
                Stream.of(SteppedEventScenarios.class, SteppedScenarios.class)
                        .flatMap(SteppedRaceTest::scenarios)
                        .map(name -> test(name, () -> run.accept(name, BUDGET))),
                OTHERS.stream()
                        .flatMap(SteppedRaceTest::scenarios)
                        .map(name -> test(name, () -> run.accept(name, BUDGET_OF_OTHERS))));
    }

    private static DynamicTest test(String name, Runnable body) {
        return DynamicTest.dynamicTest(name.substring(name.lastIndexOf('.') + 1), body::run);
    }

    private static Stream<String> scenarios(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 1)
                .sorted(Comparator.comparing(Method::getName))
                .map(method -> type.getName() + "#" + method.getName());
    }

    /** Explores a scenario, by its name, with the library of its own loader. */
    public static final class Run implements BiConsumer<String, Integer> {

        @Override
        public void accept(String name, Integer budget) {
            String[] parts = name.split("#");
            try {
                Method scenario = Class.forName(parts[0]).getMethod(parts[1], ScenarioRun.class);
                new ScheduleExplorer(stage -> scenario.invoke(null, stage))
                        .exhaustive(PREEMPTIONS, budget)
                        .explore()
                        .requireNoFailure();
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(name, e);
            }
        }
    }
}
