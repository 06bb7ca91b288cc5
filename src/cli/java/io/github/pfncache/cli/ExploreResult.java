package io.github.pfncache.cli;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.ScheduleFailure;
import io.github.pfncache.explore.ScheduleText;
import io.github.pfncache.report.ExploreReport;
import io.github.pfncache.report.StepWords;
import io.github.pfncache.report.Table;
import io.github.pfncache.scenario.CounterExample;
import io.github.pfncache.scenario.Race;
import io.github.pfncache.scenario.RecordedExhibit;
import io.github.pfncache.scenario.Sequence;
import java.util.List;
import java.util.Map;

/** Writes what {@link ExploreCommand} found: for people as it comes, for machines in one object at the end. */
final class ExploreResult {

    /** Where the museum is: it needs the sources and a compiler, this program needs neither. */
    private static final String MUSEUM = "mvn test -Dtest=BugMuseumTest";

    private final Console console;
    private final boolean json;
    private final Json object = new Json().put("command", "explore");

    ExploreResult(Console console, boolean json) {
        this.console = console;
        this.json = json;
    }

    private void say(Table table) {
        if (!json) {
            console.print(table);
        }
    }

    private void say(String line) {
        if (!json) {
            console.out().println(line);
        }
    }

    /** What there is to explore and to look at. */
    void list() {
        List<RecordedExhibit> exhibits = RecordedExhibit.all();
        say("scenarios:");
        Table races = new Table("<<<");
        Race.all().forEach(race -> races.row("", race.name(), race.description()));
        say(races);
        say("");
        say("exhibits, for --exhibit:");
        Table museum = new Table("<<<");
        exhibits.forEach(each -> museum.row("", each.id(), each.fault()
                + (each.found() == null ? " (cannot be written into this design)" : "")));
        say(museum);
        say("");
        say("explore: " + Race.all().size() + " scenarios, " + exhibits.size() + " exhibits");
        if (json) {
            object.put("scenarios", Race.all().stream().map(race ->
                    new Json().put("name", race.name()).put("description", race.description())).toList());
            object.put("exhibits", exhibits.stream().map(each -> new Json().put("id", each.id())
                    .put("fault", each.fault()).put("expressible", each.found() != null)).toList());
            console.out().println(object);
        }
    }

    void exhibit(RecordedExhibit exhibit) {
        object.put("exhibit", exhibit);
        say(exhibit.id() + ": " + exhibit.fault());
        CounterExample found = exhibit.found();
        if (found == null) {
            say("cannot be written into this design: " + exhibit.whyNot());
            say("that it cannot is shown by: " + MUSEUM);
            return;
        }
        say("the fault (-), and the source as it should be (+):");
        say("");
        for (CounterExample.Change change : found.changes()) { // bounded by the exhibit
            say(change.file());
            change.with().forEach(line -> say(console.painted("bad", "  - " + line)));
            change.without().forEach(line -> say(console.painted("good", "  + " + line)));
        }
        say("");
        draw(found.sequence(), found.schedule());
        say("");
        say("found by " + found.scenario() + " under schedule " + found.schedule() + ", after "
                + counted(found.schedules(), "schedule") + ": " + found.reason());
        if (found.sequence().threads().size() <= 1) {
            say(ExploreReport.whateverTheOrder(found.sequence()));
        }
        say("it is found anew by: " + MUSEUM);
    }

    private static String counted(long number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    private void draw(Sequence sequence, String schedule) {
        say(ExploreReport.inWords(schedule, sequence.threads()));
        say("");
        ScheduleText.lines(sequence.threads(), sequence.before(), sequence.steps()).forEach(this::say);
        say(sequence.ending() + ": " + sequence.message());
        say("");
        Table words = new Table("<<<");
        StepWords.of(sequence).forEach((step, meaning) -> words.row("", step, meaning));
        say(words);
    }

    /** The end: what was explored, and the line that sums it up. */
    void explored(Map<Race, Exploration> explored, RecordedExhibit exhibit, long seed) {
        explored.forEach((race, result) -> {
            say(race.name() + (exhibit == null ? "" : ", the source as it is") + ": "
                    + counted(result.schedules(), "schedule") + ", "
                    + (result.failure() == null ? "no failure (" + ExploreReport.extent(result) + ")" : "FAILED"));
            if (result.failure() != null) {
                draw(Sequence.of(result.failure(), ExploreReport.MOST_STEPS), result.failure().schedule());
                say("again with: explore " + race.name() + " --schedule " + result.failure().schedule());
            } else if (result.schedules() == 1 && result.sample() != null) {
                draw(Sequence.of(result.sample(), ExploreReport.MOST_STEPS), result.sample().schedule());
            }
        });
        if (console.isInterrupted()) {
            say("interrupted: what there is up to then");
        }
        long schedules = explored.values().stream().mapToLong(Exploration::schedules).sum();
        long failed = explored.values().stream().filter(each -> each.failure() != null).count();
        String summary = "explore: " + (exhibit == null ? "" : "exhibit " + exhibit.id() + ", ")
                + counted(explored.size(), "scenario") + ", " + counted(schedules, "schedule") + ", " + failed
                + " failed, seed " + seed;
        say(summary);
        if (json) {
            object.put("scenarios", explored.entrySet().stream().map(each -> json(each.getKey(), each.getValue()))
                    .toList());
            object.put("seed", seed).put("interrupted", console.isInterrupted()).put("summary", summary);
            console.out().println(object);
        }
    }

    private static Json json(Race race, Exploration result) {
        ScheduleFailure failure = result.failure();
        return new Json().put("name", race.name()).put("schedules", result.schedules())
                .put("preemptions", result.preemptions()).put("complete", result.complete())
                .put("spread", result.spread()).put("schedule", failure == null ? null : failure.schedule())
                .put("failure", failure == null ? null : Sequence.of(failure, ExploreReport.MOST_STEPS));
    }
}
