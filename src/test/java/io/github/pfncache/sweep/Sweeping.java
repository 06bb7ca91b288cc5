package io.github.pfncache.sweep;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Throw sweeps: many cases, and what was wrong in them. */
final class Sweeping {

    /** After so many faults the next ones say nothing new. */
    private static final int ENOUGH = 20;

    final List<String> faults = new ArrayList<>();
    int cases;

    /**
     * Sweeps operations.
     *
     * @param directory for files
     * @param operations what is swept
     * @param disturbances with what
     * @param stages before what
     * @param stride every how many cases one is tried; from another one for each operation
     */
    static Sweeping of(Path directory, List<Operation> operations, List<Disturbance> disturbances,
            List<SweepMachine.Stage> stages, int stride) throws IOException {
        Sweeping sweeping = new Sweeping();
        try (Sweep sweep = new Sweep(directory)) {
            for (SweepMachine.Stage stage : stages) {
                for (Operation operation : operations) { // bounded by the operations
                    sweeping.sweep(sweep, sweep.twin(operation, stage), disturbances, stride);
                }
            }
        }
        return sweeping;
    }

    private void sweep(Sweep sweep, Sweep.Twin twin, List<Disturbance> disturbances, int stride) {
        int number = twin.operation().name().hashCode() & Integer.MAX_VALUE;
        for (int point = 0; point < twin.points().size(); point++) { // bounded by the points
            for (Disturbance disturbance : disturbances) { // bounded by the disturbances
                String name = twin.points().get(point);
                if (number++ % stride == 0 && disturbance.fits(name) && faults.size() < ENOUGH) {
                    cases++;
                    List<String> differences = sweep.disturb(twin, point, disturbance);
                    if (!differences.isEmpty()) {
                        faults.add(twin.stage() + " " + twin.operation() + ", point " + point + " (" + name + ") "
                                + disturbance.name() + ": " + differences);
                    }
                }
            }
        }
    }
}
