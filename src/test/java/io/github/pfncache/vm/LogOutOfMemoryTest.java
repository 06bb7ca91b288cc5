package io.github.pfncache.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.sweep.AllocationLoader;
import org.junit.jupiter.api.Test;

/** One allocation fails in the middle of a call that reads or writes a dirty log. */
class LogOutOfMemoryTest {

    @Test
    void whicheverAllocationFailsWhatWasWrittenIsFound() {
        assertThat(AllocationLoader.counting(LogOutOfMemory.class).apply(new String[0]))
                .as("number of tries, then the faults")
                .hasSize(1);
    }
}
