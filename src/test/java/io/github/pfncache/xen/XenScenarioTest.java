package io.github.pfncache.xen;

import io.github.pfncache.explore.Scenario;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.explore.ScenarioRun;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every scenario that finds the faults of the bug museum, and those that need no fault, on the source as it is. */
final class XenScenarioTest {

    private static final int PREEMPTIONS = 2;
    private static final int BUDGET = Integer.getInteger("xen.schedules", 250);

    @TestFactory
    Stream<DynamicTest> everyScheduleGoesWell() {
        return Stream.of(EventScenarios.class, PollScenarios.class, RunstateScenarios.class, ClockScenarios.class)
                .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                .filter(method -> Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 1)
                .sorted(Comparator.comparing(Method::getName))
                .map(method -> DynamicTest.dynamicTest(method.getName(), () -> explore(scenario(method))));
    }

    private static void explore(Scenario scenario) {
        new ScheduleExplorer(scenario).exhaustive(PREEMPTIONS, BUDGET).random(50, 1).explore().requireNoFailure();
    }

    private static Scenario scenario(Method method) {
        return (ScenarioRun stage) -> {
            try {
                method.invoke(null, stage);
            } catch (InvocationTargetException e) {
                throw new AssertionError("while preparing", e.getCause());
            }
        };
    }
}
