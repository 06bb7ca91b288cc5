package io.github.pfncache.bench.ratio;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.runner.RunnerException;

/**
 * Runs the benchmarks, prints the table of ratios and writes it down, with the plot and what was measured.
 *
 * <p>Arguments: the directory to write to; a regular expression for the benchmarks to run, or {@code none} to look at
 * the files of earlier runs again; {@code true} for a quick run that shows that everything works and measures nothing;
 * the homes of the JDKs to measure on, separated by commas; a document whose tables to renew, or {@code none}; and the
 * processor's name, or {@code none} for what the system calls it.
 *
 * <p>The directory gets {@code jmh-17.json} and the like, one for each JDK and kept when another one is measured:
 * results of other processors may be put beside them, {@code jmh-other-17.json}. Of all there are it gets {@code
 * ratios.md} with every row, {@code page.md} and {@code ratios.svg} with what a document shows, {@code scaling.png}. A
 * document keeps the columns of processors that are not there, and its picture is {@code pictures/ratios.svg} beside
 * it. The exit code is not 0 if a benchmark failed or the expression matched none; a goal that is not met is printed as
 * such and does not fail the run, because a machine that is busy with something else misses it, too.
 */
public final class Main {

    private static final String NOTHING = "none";
    private static final String TABLE_START = "<!-- ratios -->\n";
    private static final String TABLE_END = "<!-- end of ratios -->";
    private static final int ARGUMENTS = 6;

    private Main() {}

    /**
     * The command.
     *
     * @param args see the class
     * @throws RunnerException if a benchmark failed, or none matched
     * @throws IOException if a file could not be read or written
     */
    public static void main(String[] args) throws RunnerException, IOException {
        if (args.length != ARGUMENTS) {
            throw new IllegalArgumentException("expected: DIRECTORY REGEX QUICK JDK,JDK DOCUMENT PROCESSOR");
        }
        String processor = args[5].equals(NOTHING) ? Processor.name() : args[5];
        boolean quick = Boolean.parseBoolean(args[2]);
        // Apart from the real figures, which these are not.
        Path directory = Files.createDirectories(quick ? Path.of(args[0], "quick") : Path.of(args[0]));
        if (!args[1].equals(NOTHING)) {
            for (String home : args[3].split(",")) { // bounded by the argument
                new Harness(directory, args[1], quick, processor).run(Path.of(home));
            }
        }
        report(directory, args[4], processor);
    }

    private static void report(Path directory, String document, String processor) throws IOException {
        List<Results> runs = new ArrayList<>();
        for (Path json : resultFiles(directory)) { // bounded by the JDKs and processors
            runs.add(Results.read(json, processor));
        }
        StringBuilder markdown = new StringBuilder("# Ratios\n");
        RatioPage page = new RatioPage();
        for (Results run : runs) { // bounded by the JDKs and processors
            RatioTable table = new RatioTable(run);
            System.out.println("\n" + table.text());
            markdown.append("\n").append(table.markdown());
            page.put(run);
        }
        Files.writeString(directory.resolve("ratios.md"), markdown);
        Files.writeString(directory.resolve("page.md"), page.markdown());
        Files.writeString(directory.resolve("ratios.svg"), page.picture());
        if (!document.equals(NOTHING)) {
            renew(Path.of(document), runs);
        }
        boolean drawn = Plot.write(runs, directory.resolve("scaling"));
        System.out.println(
                "written to " + directory + ": ratios.md, page.md, ratios.svg" + (drawn ? ", scaling.png" : ""));
    }

    private static void renew(Path document, List<Results> runs) throws IOException {
        String text = Files.readString(document);
        int start = text.indexOf(TABLE_START) + TABLE_START.length();
        int end = text.indexOf(TABLE_END, start);
        if (start < TABLE_START.length() || end < 0) {
            throw new IOException(document + " has no place for the tables: " + TABLE_START + TABLE_END);
        }
        RatioPage page = RatioPage.read(text.substring(start, end));
        runs.forEach(page::put);
        Files.writeString(document, text.substring(0, start) + page.markdown() + text.substring(end));
        Path pictures = document.resolveSibling("pictures");
        Files.writeString(Files.createDirectories(pictures).resolve("ratios.svg"), page.picture());
    }

    private static List<Path> resultFiles(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().matches("jmh-.+\\.json"))
                    .sorted()
                    .toList();
        }
    }
}
