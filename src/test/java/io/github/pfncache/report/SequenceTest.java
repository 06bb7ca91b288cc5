package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.LockSpans;
import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleStep;
import io.github.pfncache.explore.ScheduleText;
import io.github.pfncache.explore.SoundRun;
import io.github.pfncache.scenario.RecordedExhibit;
import io.github.pfncache.scenario.Sequence;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

/** Schedules as text and as pictures. */
final class SequenceTest {

    private static final Sequence SEQUENCE = new Sequence(
            ScheduleFailure.Kind.VIOLATION,
            "wrong <here>",
            List.of("one", "the other"),
            7,
            List.of(
                    new ScheduleStep(0, "lock CACHE"),
                    new ScheduleStep(0, "lock FRAMES"),
                    new ScheduleStep(1, "lock CACHE"),
                    new ScheduleStep(1, "waits for CACHE"),
                    new ScheduleStep(0, "unlock FRAMES"),
                    new ScheduleStep(0, "read-unlock CACHE"),
                    new ScheduleStep(1, "throws AssertionError")));

    private static final SoundRun SOUND = new SoundRun("3:1", List.of("one", "the other"), List.of(
            new ScheduleStep(0, "lock CACHE"), new ScheduleStep(1, "waits for CACHE"), new ScheduleStep(0, "unread")));

    private static void wellFormed(String page) throws Exception {
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(page)));
    }

    @Test
    void threadsAreColumnsAndStepsAreRows() {
        assertThat(ScheduleText.lines(SEQUENCE.threads(), SEQUENCE.before(), SEQUENCE.steps())).containsExactly(
                "      one                 the other",
                "      ... 7 steps before",
                "   7  lock CACHE          |",
                "   8  lock FRAMES         |",
                "      +------------------->",
                "   9  |                   lock CACHE",
                "  10  |                   waits for CACHE",
                "      <-------------------+",
                "  11  unlock FRAMES       |",
                "  12  read-unlock CACHE   |",
                "      +------------------->",
                "  13  |                   throws AssertionError");
    }

    @Test
    void aLockIsHeldUntilItsOwnThreadReleasesIt() {
        assertThat(LockSpans.in(SEQUENCE.steps())).containsExactly(
                new LockSpans.Hold(0, "FRAMES", 1, 4, 1), new LockSpans.Hold(0, "CACHE", 0, 5, 0));
    }

    @Test
    void aScheduleIsPutIntoWords() {
        List<String> threads = List.of("a", "b");
        assertThat(ExploreReport.inWords("-", threads))
                .isEqualTo("Schedule -: each thread runs until it waits or ends.");
        assertThat(ExploreReport.inWords("0:1,2:0,4:1,6:0,8:1", threads)).endsWith(
                "but b goes on at decision 0, a goes on at decision 2, b goes on at decision 4, a goes on at decision 6"
                        + " and so on.");
    }

    @Test
    void aPictureHasAllStepsAndTellsAPreemptionFromAHandOver() {
        Markup to = new Markup();
        new SequenceDrawing(SEQUENCE, "s").draw(to, "title");
        String picture = to.finish();
        assertThat(picture).contains(
                "role=\"img\"", "<desc", "wrong &lt;here&gt;", "class=\"fault\"", "7 steps before");
        assertThat(picture.split("class=\"switch\"", -1)).as("preemptions").hasSize(3);
        assertThat(picture.split("class=\"switch free\"", -1)).as("hand-overs").hasSize(2);
        assertThat(picture.split("class=\"hold\"", -1)).hasSize(3);
    }

    @Test
    void everyExhibitHasAPageOfItsOwn() throws Exception {
        for (RecordedExhibit each : RecordedExhibit.all()) {
            ExploreReport report = new ExploreReport();
            report.exhibit(each);
            String page = report.page();
            assertThat(page.contains("<svg class=\"sequence\"")).as(each.id()).isEqualTo(each.found() != null);
            assertThat(page.length()).isLessThan(150_000);
            wellFormed(page);
        }
    }

    @Test
    void aFailureOfALongScheduleIsDrawnFromItsEnd() throws Exception {
        List<ScheduleStep> steps = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            steps.add(new ScheduleStep(i % 2, "step \"" + i + "\""));
        }
        ScheduleFailure failure = new ScheduleFailure(
                ScheduleFailure.Kind.LIVELOCK, new AssertionError("not over"), "0:1", List.of("a", "<b>"), steps);
        ExploreReport report = new ExploreReport();
        report.explored("race", "what <happens>", new Exploration(5, -1, false, failure, List.of(), null));
        report.explored("other", "fine", new Exploration(9, 2, true, null, List.of(2L, 7L), SOUND));
        String page = report.page();
        assertThat(page).as("what is sound is drawn, too").contains("other: its schedules", "a run that went well",
                "Schedule 3:1: each thread runs until it waits or ends; but the other goes on at decision 3.",
                "class=\"sound-box\"", "<b>unread</b> the last reader has left");
        assertThat(page).contains(
                "19800 steps before", "what &lt;happens&gt;", "any number of preemptions", "livelock");
        assertThat(page.length()).isLessThan(120_000);
        wellFormed(page);
    }
}
