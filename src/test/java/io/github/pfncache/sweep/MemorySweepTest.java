package io.github.pfncache.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whichever allocation fails, nothing is lost and nothing stays held. {@code -Dsweep.only=NAME} sweeps one operation
 * alone, and every allocation of it.
 *
 * <p>These are among the long tests because they still find faults. In {@code host}: frames that stay in use after a
 * fault, a fork, a snapshot or a release. In {@code memslot} and {@code vm}: a slot change that is half announced, and
 * pages that are not in the log after a rewind or a harvest. In {@code cache}: pages of guest mode that stay held, and
 * an access whose object finds no room when its lock has been taken. In {@code pvclock} and {@code xen}: a request, or
 * an upcall, that is taken and not carried out.
 */
@Tag("deep")
final class MemorySweepTest {

    private static final int SOME = 97;
    private static final int ENOUGH = 20;
    private static final int MANY_MINUTES = 1800;

    @TempDir
    private Path directory;

    @Test
    void someAllocations() {
        String only = System.getProperty("sweep.only", "");
        expectNone(MemorySweep.run(directory, only, only.isEmpty() ? SOME : 1, ENOUGH));
    }

    @Test
    @Timeout(MANY_MINUTES)
    void everyAllocation() {
        expectNone(MemorySweep.run(directory, "", 1, ENOUGH));
    }

    private static void expectNone(List<String> found) {
        assertThat(found).as("number of cases, then the faults").hasSize(1);
    }
}
