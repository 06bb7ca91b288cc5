package io.github.pfncache.sweep;

import io.github.pfncache.explore.ScenarioRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;

/** Slices of the sweeps, for the museum: each finds nothing in the library as it is. */
public final class SweepScenarios {

    private static final int PADDINGS = 8;
    private static final int ENOUGH = 3;
    private static final int WARM = 15_000;

    private SweepScenarios() {}

    /** Stores at the end of the stack, in a library without rules: their checks would end it before the hold. */
    public static final class InProduction implements Supplier<List<String>> {
        @Override
        public List<String> get() {
            return sweepStack((sweep, page) -> sweep.cache(page).storeLong(0, 1), WARM);
        }
    }

    private static List<String> sweepStack(StackSweep.Attempt attempt, int warmUp) {
        List<String> faults = new ArrayList<>();
        for (int padding = 0; padding < PADDINGS && faults.isEmpty(); padding++) { // bounded by the constant
            faults.addAll(new StackSweep(attempt, warmUp).run(padding));
        }
        return faults;
    }

    /** The details, which may differ from run to run, are the cause. */
    private static void requireNone(String what, List<String> faults) {
        if (!faults.isEmpty()) {
            throw new AssertionError("[" + what + "]", new AssertionError(faults));
        }
    }

    /** The stack ends inside a store. */
    @SuppressWarnings("unchecked") // the interface is the platform's, so both loaders mean the same
    public static void stackEndsInAStore(ScenarioRun stage) {
        stage.afterwards(() -> { // where the explorer counts no steps
            ClassLoader production = new AllocationLoader(SweepScenarios.class.getClassLoader(), false);
            Class<?> sweep = production.loadClass(InProduction.class.getName());
            requireNone("what the end of the stack left",
                    ((Supplier<List<String>>) sweep.getDeclaredConstructor().newInstance()).get());
        });
    }

    /** The stack ends where a thread begins to read the memory map. */
    public static void stackEndsAtTheMap(ScenarioRun stage) {
        stage.afterwards(() ->
                requireNone("what the end of the stack left", sweepStack((sweep, page) -> sweep.readMap(), 0)));
    }

    /** Each allocation of an activation fails, one after the other. */
    public static void memoryEndsInAnActivation(ScenarioRun stage) {
        stage.afterwards(() -> {
            Path directory = Files.createTempDirectory("sweep");
            try {
                List<String> found = MemorySweep.run(directory, "cache.activate, another page", 1, ENOUGH);
                requireNone("what the end of memory left", found.subList(1, found.size()));
            } finally {
                delete(directory);
            }
        });
    }

    private static void delete(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) { // bounded by the files
                Files.delete(file);
            }
        }
    }
}
