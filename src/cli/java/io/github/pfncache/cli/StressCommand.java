package io.github.pfncache.cli;

import io.github.pfncache.load.RuleTable;
import io.github.pfncache.load.StressOptions;
import io.github.pfncache.load.StressResult;
import io.github.pfncache.load.StressRun;
import io.github.pfncache.report.Table;
import io.github.pfncache.rules.Rules;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Loads one machine with everything at once, and judges. */
@Command(name = "stress",
        description = {
            "Runs vCPUs and devices on a machine whose host, memory map and structures change all the time; then looks"
                    + " for lost and torn writes, gaps in the dirty log and broken rules. A test, and no benchmark:"
                    + " every check is on.",
            "Without --seconds and --ops: 10 seconds. The same seed makes the same plan for every thread."
        })
final class StressCommand implements Callable<Integer> {

    private static final long DEFAULT_SECONDS = 10;

    private final Console console;

    @Option(names = "--seconds", paramLabel = "N", description = "End after so many seconds.")
    private Long seconds;

    @Option(names = "--ops", paramLabel = "N", description = "End after so many accesses, more or less.")
    private Long ops;

    @Option(names = "--vcpus", paramLabel = "N", defaultValue = "2", description = "vCPU threads: ${DEFAULT-VALUE}.")
    private int vcpus;

    @Option(names = "--devices", paramLabel = "N", defaultValue = "2", description = "Devices: ${DEFAULT-VALUE}.")
    private int devices;

    @Option(names = "--rate", paramLabel = "N", defaultValue = "" + StressOptions.DEFAULT_RATE,
            description = "Most actions a second of each thread that moves memory about: ${DEFAULT-VALUE}. Half of the"
                    + " host's are done to the page that a vCPU has used last.")
    private int rate;

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Spec
    private CommandSpec spec;

    StressCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        StressOptions options = options();
        StressRun run = new StressRun(options);
        StressResult result;
        boolean timed = options.seconds() > 0;
        long total = timed ? options.seconds() * 1000 : options.accesses();
        try (Progress progress = new Progress(console, "stress", total)) {
            long start = System.nanoTime();
            LongConsumer show = accesses -> progress.reached(
                    timed ? (System.nanoTime() - start) / 1_000_000 : accesses, accesses + " accesses");
            result = run.run(console::isInterrupted, show);
        }
        if (common.json()) {
            console.out().println(json(options, result));
        } else {
            print(options, result);
        }
        return result.isClean() ? 0 : Console.FOUND;
    }

    private StressOptions options() {
        if (!Rules.ENABLED) {
            throw new ParameterException(spec.commandLine(), "rules are off by -Dpfncache.rules: nothing to check");
        }
        if (seconds != null) {
            CommonOptions.requireWithin(spec, "--seconds", seconds, 1, StressOptions.MAX_SECONDS);
        }
        if (ops != null) {
            CommonOptions.requireWithin(spec, "--ops", ops, 1, StressOptions.MAX_ACCESSES);
        }
        CommonOptions.requireWithin(spec, "--vcpus", vcpus, 1, StressOptions.MAX_VCPUS);
        CommonOptions.requireWithin(spec, "--devices", devices, 1, StressOptions.MAX_DEVICES);
        CommonOptions.requireWithin(spec, "--rate", rate, 1, StressOptions.MAX_RATE);
        long limit = seconds != null ? seconds : ops == null ? DEFAULT_SECONDS : 0;
        return new StressOptions(common.seed(), limit, ops == null ? 0 : ops, vcpus, devices, rate);
    }

    // ------------------------------------------------------------------ the report

    private void print(StressOptions options, StressResult result) {
        PrintStream out = console.out();
        out.println("seed " + result.seed() + ": " + options.vcpus() + " vcpus, " + options.devices() + " devices"
                + (console.isInterrupted() ? " (interrupted: what there is up to then)" : ""));
        out.println("Looks for what is lost, torn or broken, with every check on: no benchmark.");
        Table measured = new Table("<<")
                .row("accesses:", String.format(Locale.ROOT, "%,d, %.1f %% of them without a refresh",
                        result.accesses(), 100 * result.hitRatio()))
                .row("outcomes:", plain(result.outcomes()))
                .row("caches:", plain(result.caches()))
                .row("guest mode:", String.format(Locale.ROOT, "%,d accesses to pages held, %,d pages given back",
                        result.raw(), result.drops()))
                .row("adversaries:", plain(result.actions()));
        console.print(measured);
        out.println();
        console.print(rules(result.rules()));
        out.println();
        result.findings().forEach(finding -> out.println(Console.oneLine(finding)));
        out.println(result.summary());
    }

    /** A record or a map without its brackets. */
    private static String plain(Object counts) {
        return counts.toString().replaceAll("^\\w*[\\[{]|[]}]$", "");
    }

    private Table rules(List<RuleTable.Line> rules) {
        Table table = new Table("<>><").head("rule", "checks", "violations", "");
        for (RuleTable.Line line : rules) { // bounded by the rules
            boolean bad = line.isVacuous() || line.violations() > 0;
            table.row(Stream.of(line.name(), line.checks(), line.violations(),
                            line.isVacuous() ? "vacuous: never checked" : "")
                    .map(cell -> bad ? new Table.Marked(cell, "bad") : cell)
                    .toArray());
        }
        return table;
    }

    private Json json(StressOptions options, StressResult result) {
        return new Json().put("command", "stress").put("seed", result.seed())
                .put("vcpus", options.vcpus()).put("devices", options.devices())
                .putAll(result).put("hitRatio", result.hitRatio())
                .put("rules", result.rules().stream().map(line -> new Json().put("rule", line.name())
                        .put("checks", line.checks()).put("violations", line.violations())).toList())
                .put("interrupted", console.isInterrupted()).put("summary", result.summary());
    }
}
