package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.report.StepWords;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.scenario.Sequence;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What a drawn schedule shows of the library has its words in the legend. */
final class StepWordsTest {

    /** Those of scenarios speak for themselves. */
    @Test
    void everyStepOfTheLibraryIsExplained() throws IOException {
        Set<String> points = SwitchPoints.inTheSources();
        for (LockClass lock : LockClass.values()) {
            points.add("lock " + lock);
        }
        assertThat(points).hasSizeGreaterThan(30).contains("shut", "selector set").allSatisfy(point -> {
            Sequence one = new Sequence(null, "", List.of("t"), 0, List.of(new ScheduleStep(0, point)));
            assertThat(StepWords.of(one)).as(point).hasSize(1);
        });
        assertThat(List.of("unlock CACHE", "read-unlock CACHE", "write-unlock CACHE", "waits for CACHE"))
                .allSatisfy(point -> assertThat(StepWords.subject(point)).isEqualTo("CACHE"));
    }
}
