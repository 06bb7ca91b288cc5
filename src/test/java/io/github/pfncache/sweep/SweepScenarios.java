package io.github.pfncache.sweep;

import io.github.pfncache.explore.ScenarioRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** A slice of a sweep, for the museum: it finds nothing in the library as it is. */
public final class SweepScenarios {

    private static final int ENOUGH = 3;

    private SweepScenarios() {}

    /** The details, which may differ from run to run, are the cause. */
    private static void requireNone(String what, List<String> faults) {
        if (!faults.isEmpty()) {
            throw new AssertionError("[" + what + "]", new AssertionError(faults));
        }
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
