package io.github.pfncache.cli;

import io.github.pfncache.address.Pages;
import io.github.pfncache.report.ReplayReport;
import io.github.pfncache.report.ReportFile;
import io.github.pfncache.rules.RuleViolation;
import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.LandingRecorder;
import io.github.pfncache.trace.MalformedInput;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.ProbeTable;
import io.github.pfncache.trace.ProbeTableParser;
import io.github.pfncache.trace.Probes;
import io.github.pfncache.trace.Replay;
import io.github.pfncache.trace.ReplayObserver;
import io.github.pfncache.trace.ReplayResult;
import io.github.pfncache.trace.ReplayStep;
import io.github.pfncache.trace.SlotOperation;
import io.github.pfncache.trace.TraceParser;
import io.github.pfncache.trace.TraceWriter;
import io.github.pfncache.vm.Vm;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Replays recordings, and compares where clock updates land with what real KVM did. Reads everything, then replays. */
@Command(name = "replay",
        description = {
            "Does to a virtual machine what recorded boots did to their memslots, and compares where clock updates land"
                    + " with what real KVM did.",
            "Without FILE: the 20 boots that come with the program."
        })
final class ReplayCommand implements Callable<Integer> {

    private static final int SHOWN_DIFFERENCES = 20;

    private final Console console;

    @Parameters(paramLabel = "FILE", arity = "0..*", description = "Recorded memslot traces.")
    private List<Path> files = List.of();

    @Option(names = "--expect", paramLabel = "TABLE",
            description = "Where each update must land. Without it, and with FILE: report where they land.")
    private Path expected;

    @Option(names = "--report", paramLabel = "FILE.html",
            description = "Write a page with a picture of each trace: what its caches went through, and its memslots.")
    private Path page;

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Spec
    private CommandSpec spec;

    ReplayCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, MalformedInput {
        List<MemslotTrace> traces = files.isEmpty() ? BundledTraces.traces() : readTraces();
        ProbeTable table = expected != null ? readTable(traces)
                : files.isEmpty() ? BundledTraces.table(traces) : null;
        ReplayReport report = new ReplayReport(page == null ? 0 : traces.size(), table != null);
        return ReportFile.around(page, () -> replay(traces, table, report), report::page);
    }

    private ProbeTable readTable(List<MemslotTrace> traces) throws IOException, MalformedInput {
        try (InputStream in = open(expected)) {
            return ProbeTableParser.parse(expected.toString(), in, traces);
        } catch (IOException fault) {
            throw located(expected, fault);
        }
    }

    private List<MemslotTrace> readTraces() throws IOException, MalformedInput {
        List<MemslotTrace> traces = new ArrayList<>();
        Set<Path> names = new HashSet<>();
        for (Path file : files) { // bounded by the arguments
            if (!names.add(file.getFileName()) && file.getFileName() != null) {
                throw new ParameterException(
                        spec.commandLine(), file + ": a trace is known by its file name, and this one occurs twice");
            }
            try (InputStream in = open(file)) {
                traces.add(TraceParser.parse(file.toString(), in));
            } catch (IOException fault) {
                throw located(file, fault);
            }
        }
        return traces;
    }

    private InputStream open(Path file) throws IOException {
        if (file.toString().isEmpty()) {
            throw new ParameterException(spec.commandLine(), "the name of a file is empty");
        }
        if (Files.isDirectory(file)) {
            throw new IOException(file + ": is a directory");
        }
        return Files.newInputStream(file);
    }

    /** Some faults do not say which file it was. */
    private static IOException located(Path file, IOException fault) {
        String message = String.valueOf(fault.getMessage());
        return message.startsWith(file.toString()) ? fault : new IOException(file + ": " + message, fault);
    }

    /** Where updates landed, as changes, and what was not as it should be. */
    private static final class Witness implements ReplayObserver {

        private final LandingRecorder landings;
        private final List<String> differences = new ArrayList<>();
        private final Progress progress;
        private final String trace;
        private final ReplayObserver also;
        private final Console console;
        private int suppressed;

        Witness(Console console, Progress progress, String trace, ReplayObserver also) {
            this.landings = new LandingRecorder(trace);
            this.console = console;
            this.progress = progress;
            this.trace = trace;
            this.also = also;
        }

        @Override
        public void started(MemslotTrace started, Vm vm) {
            also.started(started, vm);
        }

        @Override
        public void applied(SlotOperation operation, String answer) {
            also.applied(operation, answer);
        }

        @Override
        public boolean goesOn() {
            return !console.isInterrupted();
        }

        @Override
        public void stepped(ReplayStep step) {
            also.stepped(step);
            progress.advance(trace);
            landings.stepped(step);
            for (ReplayStep.Difference each : step.differences()) { // bounded by the probes and the dirty pages
                if (differences.size() < SHOWN_DIFFERENCES) {
                    differences.add(describe(step, each));
                } else {
                    suppressed++;
                }
            }
        }

        private String describe(ReplayStep step, ReplayStep.Difference difference) {
            String probe = difference.probe() == ReplayStep.Difference.ALL_PROBES ? ""
                    : ", clock at " + Pages.hex(Probes.gpa(difference.probe()));
            return trace + " after operation " + step.operation().index() + probe + ": " + difference;
        }
    }

    private int replay(List<MemslotTrace> traces, ProbeTable table, ReplayReport report) throws IOException {
        List<ReplayResult> results = new ArrayList<>();
        List<Witness> witnesses = new ArrayList<>();
        int operations = traces.stream().mapToInt(trace -> trace.operations().size()).sum();
        try (Progress progress = new Progress(console, "replay", operations)) {
            for (MemslotTrace trace : traces) { // bounded by the arguments
                if (console.isInterrupted()) {
                    break; // with the result of those that were replayed
                }
                Witness witness = new Witness(console, progress, trace.name(), report.observer());
                witnesses.add(witness);
                results.add(table == null ? Replay.observe(trace, witness) : Replay.compare(trace, table, witness));
                report.replayed(trace, results.get(results.size() - 1), witness.differences);
            }
        } catch (RuleViolation broken) {
            MemslotTrace trace = traces.get(results.size());
            console.err().println(trace.name() + ": " + broken.getMessage());
            report.broken(trace, broken.getMessage());
            return Console.FOUND;
        }
        ReplayResult sum = report.sum();
        String unfinished = !console.isInterrupted() || sum.operations() == operations ? null
                : "interrupted: " + sum.operations() + " of " + operations + " operations were replayed";
        report.interrupted(unfinished);
        if (common.json()) {
            console.out().println(json(results, witnesses, report, table != null));
        } else {
            print(witnesses, report, table != null, unfinished);
        }
        return sum.differ() == 0 ? 0 : Console.FOUND;
    }

    private void print(List<Witness> witnesses, ReplayReport report, boolean compared, String unfinished)
            throws IOException {
        report.opening().forEach(console.out()::println);
        console.out().println();
        if (!compared) {
            TraceWriter.write(changes(witnesses), console.out());
            console.out().println();
        }
        for (Witness witness : witnesses) { // bounded by the arguments
            witness.differences.forEach(console.out()::println);
            if (witness.suppressed > 0) {
                console.out().println(witness.trace + ": and " + witness.suppressed + " more differences");
            }
        }
        console.print(report.table());
        if (unfinished != null) {
            console.out().println(unfinished);
        }
        console.out().println(report.summary());
    }

    private static List<ProbeTable.Change> changes(List<Witness> witnesses) {
        return witnesses.stream().flatMap(witness -> witness.landings.changes().stream()).toList();
    }

    private Json json(List<ReplayResult> results, List<Witness> witnesses, ReplayReport report, boolean compared) {
        Json json = new Json().put("command", "replay").put("compared", compared);
        if (!compared) {
            json.put("landings", changes(witnesses).stream().map(change -> new Json().put("trace", change.trace())
                    .put("operation", change.afterIndex()).put("gpa", Pages.hex(Probes.gpa(change.probe())))
                    .put("landsIn", change.landing().toString())).toList());
        }
        return json.put("differences", witnesses.stream().flatMap(w -> w.differences.stream()).toList())
                .put("suppressedDifferences", witnesses.stream().mapToInt(w -> w.suppressed).sum())
                .put("traces", results).put("total", report.sum())
                .put("interrupted", console.isInterrupted()).put("summary", report.summary());
    }
}
