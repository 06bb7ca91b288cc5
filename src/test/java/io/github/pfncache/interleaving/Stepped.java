package io.github.pfncache.interleaving;

import io.github.pfncache.explore.ScenarioRun;
import io.github.pfncache.explore.ScheduleExplorer;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/** Explorations of scenarios with the library of a {@link SteppingLoader}; one test for each scenario. */
public final class Stepped {

    private final BiConsumer<Method, int[]> run;

    /** With switches in classes whose names begin so, behind the name of the library's package. */
    @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
    public Stepped(String... classes) {
        run = (BiConsumer<Method, int[]>) new SteppingLoader(Run.class.getClassLoader(), classes).made(Run.class);
    }

    /** The scenarios of a class: its public methods that take a stage. */
    public Stream<DynamicTest> tests(Class<?> scenarios, int preemptions, int budget) {
        return Arrays.stream(scenarios.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 1)
                .filter(method -> method.getParameterTypes()[0] == ScenarioRun.class)
                .sorted(Comparator.comparing(Method::getName))
                .map(method -> DynamicTest.dynamicTest(
                        scenarios.getSimpleName() + "#" + method.getName(),
                        () -> run.accept(method, new int[] {preemptions, budget})));
    }

    /** Explores a scenario of that name, with the library of its own loader, within bounds. */
    public static final class Run implements BiConsumer<Method, int[]> {

        @Override
        public void accept(Method named, int[] bounds) {
            try {
                Method scenario = Class.forName(named.getDeclaringClass().getName())
                        .getMethod(named.getName(), ScenarioRun.class);
                new ScheduleExplorer(stage -> scenario.invoke(null, stage))
                        .exhaustive(bounds[0], bounds[1])
                        .explore()
                        .requireNoFailure();
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(named.toString(), e);
            }
        }
    }
}
