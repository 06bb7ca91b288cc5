package io.github.pfncache.cli;

import io.github.pfncache.explore.Exploration;
import io.github.pfncache.explore.ScheduleExplorer;
import io.github.pfncache.report.ExploreReport;
import io.github.pfncache.report.ReportFile;
import io.github.pfncache.rules.Rules;
import io.github.pfncache.scenario.Race;
import io.github.pfncache.scenario.RecordedExhibit;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs races under many schedules, and draws those that went wrong: now, or when the museum's faults were found. */
@Command(name = "explore",
        description = {
            "Runs a race between users of a cache, the host and the memslots under every order of its threads' steps,"
                    + " up to a bound, and draws the first schedule that goes wrong.",
            "With --exhibit: draws how a historical fault was found that had been put back into the source.",
            "With neither: lists what there is."
        })
final class ExploreCommand implements Callable<Integer> {

    private static final int MAX_PREEMPTIONS = 64;
    private static final int MAX_SCHEDULES = 1_000_000;

    private final Console console;

    @Parameters(paramLabel = "SCENARIO", arity = "0..*", description = "What to explore.")
    private List<String> names = List.of();

    @Option(names = "--all", description = "Explore every scenario there is.")
    private boolean all;

    @Option(names = "--exhibit", paramLabel = "ID",
            description = "Draw how this exhibit of the museum was found, and explore its scenario without the fault.")
    private String exhibit;

    @Option(names = "--schedule", paramLabel = "D:T,...", description = "Run this schedule of the scenario only.")
    private String schedule;

    @Option(names = "--preemptions", paramLabel = "N",
            description = "Most preemptions in one schedule (default: ${DEFAULT-VALUE}).")
    private int preemptions = 4;

    @Option(names = "--schedules", paramLabel = "N",
            description = "Most schedules of one scenario, in order (default: ${DEFAULT-VALUE}).")
    private int schedules = 2_000;

    @Option(names = "--random", paramLabel = "N",
            description = "So many at random behind them, if there are more (default: ${DEFAULT-VALUE}).")
    private int random = 300;

    @Option(names = "--report", paramLabel = "FILE.html", description = "Write a page with the pictures.")
    private Path page;

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Spec
    private CommandSpec spec;

    ExploreCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        CommonOptions.requireWithin(spec, "--preemptions", preemptions, 0, MAX_PREEMPTIONS);
        CommonOptions.requireWithin(spec, "--schedules", schedules, 1, MAX_SCHEDULES);
        CommonOptions.requireWithin(spec, "--random", random, 0, MAX_SCHEDULES);
        RecordedExhibit shown = exhibit == null ? null : RecordedExhibit.of(exhibit)
                .orElseThrow(() -> wrong("--exhibit=" + exhibit + ": there is no such exhibit;"
                        + " explore without arguments lists them"));
        List<Race> races = races(shown);
        ExploreReport report = new ExploreReport();
        return ReportFile.around(page, () -> run(shown, races, report), report::page);
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** What to explore, after a look at the arguments. */
    private List<Race> races(RecordedExhibit shown) {
        if (shown != null && (all || !names.isEmpty())) {
            throw wrong("an exhibit has a scenario of its own: give --exhibit alone");
        }
        if (schedule != null && (all || names.size() != 1)) {
            throw wrong("--schedule belongs to one scenario: name it");
        }
        if (!Rules.ENABLED && (shown == null || shown.found() != null)) {
            throw wrong("no schedule can be explored with -Dpfncache.rules=false: locks say nothing then");
        }
        if (shown != null) {
            return shown.found() == null ? List.of() : Race.named(shown.found().scenario()).stream().toList();
        }
        if (all && !names.isEmpty()) {
            throw wrong("--all is every scenario: name none");
        }
        if (all) {
            return Race.all();
        }
        return names.stream().distinct().map(name -> Race.named(name).orElseThrow(() ->
                wrong(name + ": there is no such scenario; without arguments explore lists them"))).toList();
    }

    private int run(RecordedExhibit shown, List<Race> races, ExploreReport report) {
        ExploreResult result = new ExploreResult(console, common.json());
        if (shown == null && races.isEmpty()) {
            result.list();
            return 0;
        }
        if (shown != null) {
            report.exhibit(shown);
            result.exhibit(shown);
        }
        Map<Race, Exploration> explored = explore(races);
        explored.forEach((race, exploration) -> report.explored(race.name(), race.description(), exploration));
        if (console.isInterrupted()) {
            report.interrupted();
        }
        result.explored(explored, shown, common.seed());
        return explored.values().stream().allMatch(each -> each.failure() == null) ? 0 : Console.FOUND;
    }

    private Map<Race, Exploration> explore(List<Race> races) {
        Map<Race, Exploration> explored = new LinkedHashMap<>();
        long each = (long) schedules + random;
        try (Progress progress = new Progress(console, "explore", each * races.size())) {
            for (Race race : races) { // bounded by the scenarios
                if (console.isInterrupted()) {
                    break; // with the result of those that were explored
                }
                long before = each * explored.size();
                ScheduleExplorer explorer = new ScheduleExplorer(race.scenario())
                        .exhaustive(preemptions, schedules)
                        .random(random, common.seed())
                        .watchedBy(done -> {
                            progress.reached(before + done, race.name());
                            return !console.isInterrupted();
                        });
                explored.put(race, schedule == null ? explorer.explore() : replay(explorer));
            }
        }
        return explored;
    }

    private Exploration replay(ScheduleExplorer explorer) {
        try {
            return explorer.replay(schedule);
        } catch (IllegalArgumentException | IllegalStateException misfit) {
            throw wrong(misfit.getMessage());
        }
    }
}
