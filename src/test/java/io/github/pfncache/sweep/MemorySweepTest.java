package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whichever allocation fails, nothing is lost and nothing stays held. {@code -Dsweep.only=PATTERN} sweeps operations
 * that match, and every allocation of them.
 *
 * <p>The short form tries every {@link #FEW}-th allocation of all operations together: other ones when an operation
 * changes.
 */
final class MemorySweepTest {

    private static final String EVERYTHING = ".*";
    private static final int FEW = 293;
    private static final int SOME = 97;
    private static final int ENOUGH = 20;
    private static final int MANY_MINUTES = 1800;

    @TempDir
    private Path directory;

    @Test
    void aFewAllocations() {
        expectNone(MemorySweep.run(directory, EVERYTHING, FEW, ENOUGH));
    }

    @Test
    void anInterfaceIsAttachedOrNot() {
        assertThat(AttachSweep.run()).as("what could be attached neither then nor again, or twice").isEmpty();
    }

    @Test
    void whatIsOneStepIsDoneOrNot() {
        assertThat(OneStepSweep.run()).as("half done").isEmpty();
    }

    @Test
    void nothingIsHalfWrittenAcrossAPage() {
        assertThat(CrossingSweep.run()).as("versions left odd, flags left set").isEmpty();
    }

    @Test
    @Tag("deep")
    void someAllocations() {
        String only = System.getProperty("sweep.only", EVERYTHING);
        expectNone(MemorySweep.run(directory, only, only.equals(EVERYTHING) ? SOME : 1, ENOUGH));
    }

    @Test
    @Tag("deep")
    @Timeout(MANY_MINUTES)
    void everyAllocation() {
        expectNone(MemorySweep.run(directory, EVERYTHING, 1, ENOUGH));
    }

    private static void expectNone(List<String> found) {
        assertThat(found).as("number of cases, then the faults").hasSize(1);
    }
}
