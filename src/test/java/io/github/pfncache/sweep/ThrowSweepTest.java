package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever an adopter's code does where it is called, nothing is lost and nothing stays held. {@code -Dsweep.only=NAME}
 * sweeps one operation alone, and with everything.
 */
final class ThrowSweepTest {

    private static final List<SweepMachine.Stage> STAGES = List.of(SweepMachine.Stage.values());
    private static final int SOME = 61;
    private static final int MANY_MINUTES = 1800;

    @TempDir
    private Path directory;

    @Test
    void someDisturbances() throws IOException {
        String only = System.getProperty("sweep.only", "");
        expectNone(only.isEmpty()
                ? Sweeping.of(directory, Operations.all(), Disturbance.all(), List.of(SweepMachine.Stage.EVICTED), SOME)
                : Sweeping.of(directory, List.of(Operations.named(only)), Disturbance.all(), STAGES, 1));
    }

    @Test
    @Tag("deep")
    @Timeout(MANY_MINUTES)
    void everyDisturbanceAtEveryPoint() throws IOException {
        expectNone(Sweeping.of(directory, Operations.all(), Disturbance.all(), STAGES, 1));
    }

    private static void expectNone(Sweeping sweeping) {
        assertThat(sweeping.cases).as("cases").isPositive();
        assertThat(sweeping.faults).as("faults of %s cases", sweeping.cases).isEmpty();
    }
}
