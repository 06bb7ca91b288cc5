package io.github.pfncache.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleStep;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is kept of the museum can be read; that it is what the museum finds is the museum's own test. */
final class RecordedExhibitTest {

    @Test
    void everyExhibitIsThereOnceAndWhole() {
        List<RecordedExhibit> all = RecordedExhibit.all();
        assertThat(all).extracting(RecordedExhibit::id).doesNotHaveDuplicates().hasSizeGreaterThan(80);
        for (RecordedExhibit each : all) {
            assertThat(each.whyNot() == null).as(each.id()).isNotEqualTo(each.found() == null);
            if (each.found() != null) {
                Sequence sequence = each.found().sequence();
                assertThat(each.found().changes()).as(each.id()).isNotEmpty();
                assertThat(sequence.message()).as(each.id()).isNotBlank();
                assertThat(sequence.steps()).as(each.id()).allMatch(step -> step.thread() < sequence.threads().size());
                assertThat(sequence.steps().isEmpty()).as(each.id()).isEqualTo(sequence.threads().isEmpty());
            }
        }
    }

    @Test
    void anExhibitIsFoundByItsNumberHoweverItIsWritten() {
        CounterExample found = RecordedExhibit.of("b01").orElseThrow().found();
        assertThat(found.scenario()).isEqualTo("accessAgainstMigration");
        assertThat(found.sequence().threads()).containsExactly("migrate", "access");
        assertThat(found.sequence().kind()).isEqualTo(ScheduleFailure.Kind.VIOLATION);
        assertThat(RecordedExhibit.of("B18").orElseThrow().whyNot()).contains("neither takes a length");
        assertThat(RecordedExhibit.of("B999")).isEmpty();
    }

    @Test
    void aSequenceIsTheEndOfAScheduleWithoutWhatDiffersFromRunToRun() {
        List<ScheduleStep> steps = List.of(
                new ScheduleStep(0, "lock CACHE"),
                new ScheduleStep(1, "throws java.lang.AssertionError: held by CACHE#7"));
        AssertionError cause = new AssertionError("held\n by CACHE#7, io.Thing@1be65ee2 there");
        Sequence sequence = Sequence.of(
                new ScheduleFailure(ScheduleFailure.Kind.VIOLATION, cause, "-", List.of("a", "b"), steps), 1);
        assertThat(sequence.before()).isOne();
        assertThat(sequence.steps()).containsExactly(new ScheduleStep(1, "throws AssertionError"));
        assertThat(sequence.message()).isEqualTo("held by CACHE, io.Thing there");
    }
}
