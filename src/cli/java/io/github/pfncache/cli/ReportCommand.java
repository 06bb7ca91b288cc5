package io.github.pfncache.cli;

import io.github.pfncache.report.RecordingReport;
import io.github.pfncache.report.ReportFile;
import io.github.pfncache.trace.FlightRecording;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The command that reports on a machine of the user's own, by a flight recording of it. */
@Command(name = "report",
        description = {
            "Shows what the caches, the memslots and the host of your own machine did, by a flight recording of it.",
            "Record with java -XX:StartFlightRecording:filename=FILE.jfr, or with jcmd PID JFR.start and JFR.dump."
        })
final class ReportCommand implements Callable<Integer> {

    private final Console console;
    private RecordingReport report;

    @Parameters(paramLabel = "FILE.jfr", description = "A flight recording of your JVM.")
    private Path recording;

    @Option(names = "--report", paramLabel = "FILE.html", description = "Write a page with a picture of it.")
    private Path page;

    @Mixin
    private CommonOptions common = new CommonOptions();

    ReportCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        return ReportFile.around(page, this::read, () -> report.page());
    }

    private int read() throws IOException {
        try (Progress progress = new Progress(console, "report", Progress.UNKNOWN)) {
            FlightRecording read = FlightRecording.read(recording, events -> {
                progress.reached(events, "events");
                return !console.isInterrupted();
            });
            report = new RecordingReport(String.valueOf(recording.getFileName()), read);
        }
        if (common.json()) {
            console.out().println(new Json().put("command", "report").put("events", report.counts())
                    .put("caches", report.caches()).put("summary", report.summary()));
        } else {
            console.print(report.table());
            console.out().println(report.summary());
        }
        return 0;
    }
}
