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
 * the homes of the JDKs to measure on, separated by commas; and a file whose table to replace, or {@code none}.
 *
 * <p>The directory gets {@code jmh-17.json} and the like, one for each JDK and kept when another one is measured;
 * {@code ratios.md} and {@code ratios.png} of all there are; and {@code readme.md}, the rows of the README. The exit
 * code is not 0 if a benchmark failed or the expression matched none; a goal that is not met is printed as such and
 * does not fail the run, because a machine that is busy with something else misses it, too.
 */
public final class Main {

    private static final String NOTHING = "none";
    private static final String TABLE_START = "<!-- ratios -->\n";
    private static final String TABLE_END = "<!-- end of ratios -->";
    private static final int ARGUMENTS = 5;

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
            throw new IllegalArgumentException("expected: DIRECTORY REGEX QUICK JDK,JDK README");
        }
        boolean quick = Boolean.parseBoolean(args[2]);
        // Apart from the real figures, which these are not.
        Path directory = Files.createDirectories(quick ? Path.of(args[0], "quick") : Path.of(args[0]));
        if (!args[1].equals(NOTHING)) {
            for (String home : args[3].split(",")) { // bounded by the argument
                new Harness(directory, args[1], quick).run(Path.of(home));
            }
        }
        report(directory, args[4]);
    }

    private static void report(Path directory, String readme) throws IOException {
        List<Results> runs = new ArrayList<>();
        for (Path json : resultFiles(directory)) { // bounded by the JDKs
            runs.add(Results.read(json));
        }
        StringBuilder markdown = new StringBuilder("# Ratios\n");
        for (Results run : runs) { // bounded by the JDKs
            RatioTable table = new RatioTable(run);
            System.out.println("\n" + table.text());
            markdown.append("\n").append(table.markdown());
        }
        Files.writeString(directory.resolve("ratios.md"), markdown);
        String rows = RatioTable.readme(runs);
        Files.writeString(directory.resolve("readme.md"), rows);
        if (!readme.equals(NOTHING)) {
            replaceTable(Path.of(readme), rows);
        }
        boolean drawn = Plot.write(runs, directory.resolve("ratios"));
        System.out.println("written to " + directory + ": ratios.md, readme.md" + (drawn ? ", ratios.png" : ""));
    }

    private static void replaceTable(Path file, String rows) throws IOException {
        String text = Files.readString(file);
        int start = text.indexOf(TABLE_START) + TABLE_START.length();
        int end = text.indexOf(TABLE_END, start);
        if (start < TABLE_START.length() || end < 0) {
            throw new IOException(file + " has no place for the table: " + TABLE_START + TABLE_END);
        }
        Files.writeString(file, text.substring(0, start) + rows + text.substring(end));
    }

    private static List<Path> resultFiles(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().matches("jmh-\\d+\\.json"))
                    .sorted()
                    .toList();
        }
    }
}
