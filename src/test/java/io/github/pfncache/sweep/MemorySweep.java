package io.github.pfncache.sweep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Lets allocations of operations fail. Speaks in strings: it is loaded with a library of its own. Takes a directory, a
 * pattern of the operations to sweep, how many of the failures to try (each {@code n}-th), and how many faults are
 * enough; gives the number of cases and the faults.
 */
public final class MemorySweep implements Function<String[], List<String>> {

    /** Runs a sweep in a library that counts. */
    static List<String> run(Path directory, String operations, int stride, int enough) {
        return AllocationLoader.counting(MemorySweep.class).apply(new String[] {
            directory.toString(), operations, String.valueOf(stride), String.valueOf(enough)
        });
    }

    @Override
    public List<String> apply(String[] what) {
        int stride = Integer.parseInt(what[2]);
        int enough = Integer.parseInt(what[3]);
        List<String> faults = new ArrayList<>();
        int cases = 0;
        int next = 0;
        try (Sweep sweep = new Sweep(Files.createTempDirectory(Path.of(what[0]), "memory"))) {
            for (SweepMachine.Stage stage : SweepMachine.Stage.values()) {
                for (Operation operation : Operations.all()) { // bounded by the operations
                    if (!operation.name().matches(what[1])) {
                        continue;
                    }
                    Sweep.Twin twin = sweep.twin(operation, stage);
                    int count = sweep.allocations(operation, stage);
                    for (; next < count && faults.size() < enough; next += stride) { // bounded by the allocations
                        cases++;
                        List<String> differences = sweep.failAllocation(twin, next);
                        if (!differences.isEmpty()) {
                            faults.add(stage + " " + operation + ", allocation " + next + " of " + count + ": "
                                    + differences + ", after " + Allocations.place());
                        }
                    }
                    next -= count;
                    next = Math.max(0, next);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        faults.add(0, cases + " cases");
        return faults;
    }
}
