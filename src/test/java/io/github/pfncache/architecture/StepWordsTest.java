package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.report.StepWords;
import io.github.pfncache.rules.LockClass;
import io.github.pfncache.scenario.Sequence;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What a drawn schedule shows of the library has its words in the legend. */
final class StepWordsTest {

    private static final Pattern REACHED = Pattern.compile("reached\\(\"([^\"]*[^ \"])\"\\)");

    /** Those of scenarios speak for themselves. */
    @Test
    void everyStepOfTheLibraryIsExplained() throws IOException {
        Set<String> points = new TreeSet<>();
        for (LockClass lock : LockClass.values()) {
            points.add("lock " + lock);
        }
        for (String root : List.of("main", "pv")) {
            for (Path file : BuiltClasses.files(Jars.sources(root), ".java")) {
                REACHED.matcher(Files.readString(file)).results().forEach(found -> points.add(found.group(1)));
            }
        }
        assertThat(points).hasSizeGreaterThan(30).contains("shut", "selector set").allSatisfy(point -> {
            Sequence one = new Sequence(null, "", List.of("t"), 0, List.of(new ScheduleStep(0, point)));
            assertThat(StepWords.of(one)).as(point).hasSize(1);
        });
        assertThat(List.of("unlock CACHE", "read-unlock CACHE", "write-unlock CACHE", "waits for CACHE"))
                .allSatisfy(point -> assertThat(StepWords.subject(point)).isEqualTo("CACHE"));
    }
}
